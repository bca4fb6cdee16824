"""The images of a release on the host: pulled from the registry, or built there from the source at that commit."""

from __future__ import annotations

import json
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fleet import agent
from fleet.checkout import state_directory
from fleet.commands import docker, git
from fleet.errors import FailedError, OperatorError
from fleet.output import step
from fleet.release.images import build_arguments, offers, registry_token
from fleet.release.plan import reference
from fleet.ssh.ssh import command as ssh_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aipbx_agent.release.releases import Release
    from fleet.git.repository import Repository
    from fleet.remote import Remote

PULL_SECONDS = 900
UPLOAD_SECONDS = 300
# The real frontend needs 6.5 minutes on two processors of its own.
BUILD_SECONDS = 3600
SHOWN_LINES = 30


def ensure(remote: Remote, release: Release, repositories: dict[str, Repository], digests: Mapping[str, str]) -> None:
    """Bring the images of a release, and those that it stands on, to the host, unless they are there.

    Args:
        repositories: of the services whose images may have to come.
        digests: what the image of a service has to be.

    Raises:
        OperatorError: the registry or the build refused; nothing that runs was touched.
    """
    data = remote.settings
    own = offers.images(data, release, digests)
    images = {} if data.images_from == "build" else {service: own[service] for service in repositories}
    _have_pulled(remote, images, list(data.base_images.values()))
    if data.images_from == "build":
        wanted = {service: reference(data, service, release.sha(service)) for service in repositories}
        absent = remote.sudo_output(docker.absent(list(wanted.values()))).split() if wanted else []
        for service, image in ((service, image) for service, image in wanted.items() if image in absent):
            sha = release.sha(service)
            with step(f"{service}: build {sha[:12]} on {remote.name}"):
                _build(remote, repositories[service], sha, image)


def _have_pulled(remote: Remote, images: dict[str, dict[str, str]], base: list[str]) -> None:
    """Have a host pull what it lacks, with a password that no file keeps."""
    request = {"images": images, "base": base, "token": registry_token.known()}
    if remote.restricted:  # which repositories these are, CI's account does not say
        request = {"images": {name: _at(image) for name, image in images.items()}, "token": request["token"]}
    with step("images on the host"):
        try:
            agent.query(remote, ["pull"], json.dumps(request).encode(), seconds=2 * PULL_SECONDS)
        except FailedError as problem:  # what runs was not touched
            raise OperatorError(problem.what, problem.why, problem.do) from None


def _at(image: dict[str, str]) -> dict[str, str]:
    return {key: image[key] for key in ("sha", "digest")}


def _build(remote: Remote, repository: Repository, sha: str, image: str) -> None:
    data = remote.settings
    service = repository.service
    folder = f"{data.app_dir}/build/{service}-{sha}"
    own = f"{data.app_dir}/images/{service}"
    dockerfile = f"{folder if data.dockerfiles == 'repository' else own}/Dockerfile"
    arguments = build_arguments.arguments(remote, service, sha)
    log = state_directory() / f"build-{remote.name}-{service}-{sha[:12]}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.log"
    build = docker.build(folder, dockerfile, own, image, arguments)
    try:
        _send_source(remote, repository, sha, folder)
        result = remote.run(
            f"{{ {docker.noted(data.app_dir, image, build)}; }} 2>&1",
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
