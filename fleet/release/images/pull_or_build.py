"""The images of a release on the host: pulled from the registry, or built there from the source at that commit."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fleet import agent
from fleet.checkout import state_directory
from fleet.commands import docker, git
from fleet.errors import OperatorError
from fleet.output import step
from fleet.release.images import build_arguments
from fleet.release.plan import reference
from fleet.ssh.ssh import command as ssh_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aipbx_agent.release.releases import Release
    from fleet.git.repository import Repository
    from fleet.remote import Remote

# In a run of CI's: the password of its registry, which is that run's own.
TOKEN = "AIPBX_REGISTRY_TOKEN"  # noqa: S105  a name
PULL_SECONDS = 900
UPLOAD_SECONDS = 300
# The real frontend needs 6.5 minutes on two processors of its own.
BUILD_SECONDS = 3600
SHOWN_LINES = 30
# The kernel's words for a full disk, as Docker repeats them.
FULL = "no space left on device"


def ensure(remote: Remote, release: Release, repositories: dict[str, Repository], digests: Mapping[str, str]) -> None:
    """Bring the images of a release, and those that it stands on, to the host, unless they are there.

    Args:
        repositories: of the services whose images may have to come.
        digests: of CI's deploy: what the image of a service has to be.

    Raises:
        OperatorError: the registry or the build refused; nothing that runs was touched.
    """
    data = remote.settings
    if remote.restricted:
        _have_pulled(remote, {service: release.sha(service) for service in repositories}, digests)
        return
    wanted = data.base_images | {service: reference(data, service, release.sha(service)) for service in repositories}
    absent = set(remote.sudo_output(docker.absent(list(wanted.values()))).split())
    for name, image in ((name, image) for name, image in wanted.items() if image in absent):
        if name in repositories and data.images_from == "build":
            sha = release.sha(name)
            with step(f"{name}: build {sha[:12]} on {remote.name}"):
                _build(remote, repositories[name], sha, image)
        else:
            _pull(remote, name, image)


def _have_pulled(remote: Remote, shas: dict[str, str], digests: Mapping[str, str]) -> None:
    """Have a host pull the images itself, with the password of this one run of CI's; no file keeps it."""
    images = {service: {"sha": sha, "digest": digests.get(service, "")} for service, sha in shas.items()}
    content = {"images": images, "token": os.environ.get(TOKEN, "")}
    with step("images"):
        agent.query(remote, ["pull"], json.dumps(content).encode(), seconds=2 * PULL_SECONDS)


def _pull(remote: Remote, service: str, image: str) -> None:
    with step(f"{service}: pull {image}"):
        result = remote.run(docker.pull(image), seconds=PULL_SECONDS, hangs_up=True)
    if result.code == 0:
        return
    output = result.last_words
    raise OperatorError(
        f"{remote.name} cannot pull the {service}'s image {image}.", output, _advice(remote.name, output)
    )


def _advice(host: str, output: str) -> str:
    """Return what to do about a pull that failed with these words of Docker's."""
    if FULL in output:
        return f"Make room there (`df -h`; inv prune --host={host}), then run this again."
    if "manifest unknown" in output or "not found" in output:
        return "Has CI built and pushed this commit? Its run must be green first."
    return "Is the registry up, and may this host read it (`docker login` there)?"


def _build(remote: Remote, repository: Repository, sha: str, image: str) -> None:
    data = remote.settings
    service = repository.service
    folder = f"{data.app_dir}/build/{service}-{sha}"
    own = f"{data.app_dir}/images/{service}"
    dockerfile = f"{folder if data.dockerfiles == 'repository' else own}/Dockerfile"
    arguments = build_arguments.arguments(remote, service, sha)
    log = state_directory() / f"build-{remote.name}-{service}-{sha[:12]}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.log"
    try:
        _send_source(remote, repository, sha, folder)
        result = remote.run(
            f"{{ {docker.build(folder, dockerfile, own, image, arguments)}; }} 2>&1",
            seconds=BUILD_SECONDS,
            hangs_up=True,
        )
    finally:
        remote.run(f"rm -rf {shlex.quote(folder)}")
    log.write_text(result.out, encoding="utf-8")
    if result.code != 0:
        _raise_failed(remote.name, service, sha, result.out, log)


def _raise_failed(host: str, service: str, sha: str, output: str, log: Path) -> None:
    end = "\n".join(f"    | {line}" for line in output.rstrip().splitlines()[-SHOWN_LINES:])
    raise OperatorError(
        f"{host}: the {service} does not build at {sha[:12]}.",
        f"docker build failed; its last lines:\n{end}",
        f"Fix the commit; the whole log is in {log}. What runs on {host} was not touched.",
    )


def _send_source(remote: Remote, repository: Repository, sha: str, folder: str) -> None:
    unpack = f"rm -rf {shlex.quote(folder)} && mkdir -p {shlex.quote(folder)} && tar -x -C {shlex.quote(folder)}"
    with subprocess.Popen(
        git.archive(repository.folder, sha), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as archive:
        result = subprocess.run(
            ssh_command(remote.name, remote.settings.deploy_user, f"sudo -n sh -c {shlex.quote(unpack)}"),
            stdin=archive.stdout,
            capture_output=True,
            text=True,
            timeout=UPLOAD_SECONDS,
            check=False,
        )
        archive.wait(timeout=UPLOAD_SECONDS)
    if result.returncode != 0 or archive.returncode != 0:
        raise OperatorError(
            f"The {repository.service}'s source did not reach {remote.name}.",
            " / ".join(result.stderr.strip().splitlines()[-2:]) or "git archive failed.",
            "Run the same command again; nothing that runs was touched.",
        )
