"""The smallest Debian root file systems: every image of the lab starts from one of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lab import process
from lab.topology import IMAGE_LABEL

if TYPE_CHECKING:
    from lab.engine.docker import Docker
    from lab.images.mirror import Mirror

_RECIPE = "minbase, ca-certificates, 1"
_TIMEOUT = 900


def base_tag(suite: str, architecture: str) -> str:
    """Return the tag under which a Debian release's root file system is kept."""
    mark = hashlib.sha256(f"{_RECIPE} {suite} {architecture}".encode()).hexdigest()[:12]
    return f"aipbx-lab/base-{suite}:{mark}"


def mmdebstrap_command(suite: str, architecture: str, sources: Path, target: Path) -> list[str]:
    """Return the command that makes a root file system as a tar archive.

    Args:
        suite: The Debian release.
        architecture: Debian's name of the processor's architecture.
        sources: An apt sources file.
        target: The archive to write.
    """
    selection = ["--variant=minbase", "--include=ca-certificates", f"--architectures={architecture}"]
    return ["mmdebstrap", "--quiet", *selection, suite, str(target), str(sources)]


def make(docker: Docker, tag: str, suite: str, architecture: str, mirror: Mirror) -> None:
    """Make a release's root file system an image.

    Root on Debian or Ubuntu makes it from packages; anyone else takes Debian's own image from Docker Hub.

    Raises:
        LabError: Neither way works.
    """
    if os.geteuid() == 0 and shutil.which("mmdebstrap"):
        _bootstrap(docker, tag, suite, architecture, mirror)
        return
    image = f"debian:{suite}-slim"
    docker.run("pull", "--quiet", image, timeout=_TIMEOUT)
    install = "apt-get update -q && apt-get install -q -y --no-install-recommends ca-certificates"
    labelled = f"FROM {image}\nRUN {install}\n"
    arguments = ("--network", "host", "--label", f"{IMAGE_LABEL}=base-{suite}", "--tag", tag)
    docker.run("build", "--quiet", *arguments, "-", stdin=labelled.encode(), timeout=_TIMEOUT)


def _bootstrap(docker: Docker, tag: str, suite: str, architecture: str, mirror: Mirror) -> None:
    # Too big for a /tmp that is kept in memory.
    with tempfile.TemporaryDirectory(prefix="aipbx-lab-", dir="/var/tmp") as folder:
        sources, archive = Path(folder, "debian.sources"), Path(folder, "root.tar")
        sources.write_text(mirror.sources(suite))
        # mmdebstrap's own user reads the sources file.
        Path(folder).chmod(0o755)
        command = mmdebstrap_command(suite, architecture, sources, archive)
        what = f"the root file system of {suite} could not be made"
        process.run(
            command, _TIMEOUT, f"look at the connection to {mirror.main}, then run the same task again", what=what
        )
        change = f"LABEL {IMAGE_LABEL}=base-{suite}"
        docker.run("import", "--change", change, str(archive), tag, timeout=300)
