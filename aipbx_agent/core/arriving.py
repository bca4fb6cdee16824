"""Images on their way to this host.

Docker counts an image as there before its layers are on the disk. After a power cut their files may be empty, and no
pull brings them again. So a file notes each image on its way, with the boot in which it began, until the disk has all.
A build, which no agent runs, has its own by shell (fleet/commands/docker.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from aipbx_agent.contract import ARRIVING
from aipbx_agent.core import docker, files
from aipbx_agent.core.config import Config
from aipbx_agent.core.process import run

BOOT = Path("/proc/sys/kernel/random/boot_id")
BUILD_CACHE_SECONDS = 600
NAMES = "{{range .RepoTags}}{{println .}}{{end}}{{range .RepoDigests}}{{println .}}{{end}}"


def note(app: Path | str, image: str) -> Path:
    """Return where an image on its way is noted."""
    return Path(app) / ARRIVING / quote(image, safe="")


@contextmanager
def noted(config: Config, image: str) -> Iterator[None]:
    """Bring an image within this block; what the disk has not got at a power cut is brought once more."""
    path = note(config.app, image)
    path.parent.mkdir(exist_ok=True)
    files.write(path, f"{BOOT.read_text('utf-8').strip()} {image}\n")
    try:
        yield
    finally:
        os.sync()
        path.unlink(missing_ok=True)


def torn(config: Config) -> list[str]:
    """Return the images that were on their way when this host went down."""
    boot = BOOT.read_text("utf-8").strip()
    notes = [path.read_text("utf-8").split() for path in sorted((config.app / ARRIVING).glob("[!.]*"))]
    return [words[1] for words in notes if len(words) == 2 and words[0] != boot]


def delete(config: Config, image: str) -> None:
    """Delete what such an image left, under each of its names: its layers go with the last one.

    Docker's cache of builds may have them, too.
    """
    argv = ["docker", "image", "inspect", "--format", NAMES, image]
    for name in run(argv, seconds=docker.SECONDS, fine=(0, 1)).decode().split():
        run(["docker", "image", "rm", name], seconds=docker.SECONDS, fine=(0, 1))
    run(["docker", "builder", "prune", "--all", "--force"], seconds=BUILD_CACHE_SECONDS)
    note(config.app, image).unlink(missing_ok=True)
