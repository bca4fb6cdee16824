"""`aipbx-agent update-image SERVICE`: the newest image of a pin, and the one before again where it is not well.

The pin stays: a tag such as nginx:1.30-alpine gets new images, with the distribution's security updates. A killed run
leaves the service with the image that it had, or with the new one, and `inv start` starts it.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from typing import Any

from aipbx_agent.contract import IMAGES, MAINTENANCE, SERVICES
from aipbx_agent.core import arriving, disk, docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Interrupted, Refused
from aipbx_agent.core.process import attempt, run
from aipbx_agent.release import pull
from aipbx_agent.release.containers import colours, database_container, stack
from aipbx_agent.release.lock import deploy_lock
from aipbx_agent.release.switch import public_check

# A slow registry, and 500 MB.
PULL_SECONDS = 1800


@dataclass(frozen=True)
class Image:
    """An image on this host.

    Args:
        identity, size, variables: its id, bytes and environment.
    """

    identity: str
    size: int
    variables: dict[str, str]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which service."""
    parser.add_argument("service")


def main(config: Config, options: argparse.Namespace) -> None:
    """Pull, recreate, wait until it is healthy and the public name answers; else put back what ran.

    Raises:
        Refused: the service does not run, or its image is the application's; nothing was touched.
        Failed: the new image is not well; the one before runs again, or `what` says that it does not.
    """
    container, name = _container(config, options.service)
    pinned, before = docker.image(container), _of_container(container)
    with deploy_lock.held(config, f"a newer image of {options.service}"):
        with events.step(f"{pinned} pulled"):
            after = _pulled(config, pinned, before)
        if after.identity != before.identity:
            try:
                _refuse_other_server(config, name, pinned, before, after)
            except AgentError:
                _tag(before, pinned)
                raise
            _update(config, name, pinned, before)
    events.result(service=options.service, updated=after.identity != before.identity)


def _container(config: Config, service: str) -> tuple[str, str]:
    if service in SERVICES:
        raise Refused(f"{service} is the application's.", "Its images are commits.", f"inv deploy --host={config.host}")
    name = stack.database(config) if service == "postgres" else service
    container = colours.present(config, name)
    if not container or not docker.running(container):
        raise Refused(
            f"{service} does not run on {config.host}.", "Only the image of a running service is updated.", "inv status"
        )
    return container, name


def _of_container(container: str) -> Image:
    form = "{{.Image}}"
    return _image(run(["docker", "inspect", "--format", form, container], seconds=docker.SECONDS).decode().strip())


def _image(name: str) -> Image:
    raw: dict[str, Any] = json.loads(run(["docker", "image", "inspect", name], seconds=docker.SECONDS))[0]
    variables = dict(word.partition("=")[::2] for word in raw["Config"].get("Env") or [])
    return Image(raw["Id"], raw["Size"], variables)


def _pulled(config: Config, pinned: str, before: Image) -> Image:
    """The image that the registry has now; one of the size before is made room for."""
    root = docker.root()
    if shutil.disk_usage(root).free < before.size + config.raw["min_free_disk_mib"] * disk.MIB:
        raise Refused(
            f"The disk of {root} has no room for another {pinned}.",
            f"The one that runs has {before.size // disk.MIB} MiB; min_free_disk_mib must stay free.",
            f"Make room: inv prune --host={config.host}",
        )
    pull.delete_torn(config, pull.Wanted([], [pinned]))
    try:
        with arriving.noted(config, pinned):
            run(["docker", "pull", "--quiet", pinned], seconds=PULL_SECONDS)
    except Failed as problem:
        raise Refused(
            f"The registry did not give {pinned}.", problem.why, "Nothing was changed; run it again later."
        ) from None
    return _image(pinned)


def _refuse_other_server(config: Config, name: str, pinned: str, before: Image, after: Image) -> None:
    """Refuse a database server that the data on the disk do not belong to.

    A major version has files of its own; another C library sorts texts in another order than indexes have them in.
    """
    if name != stack.database(config):
        return
    for what, was, is_now in (
        ("PostgreSQL", before.variables.get("PG_MAJOR", ""), after.variables.get("PG_MAJOR", "")),
        ("the C library", _c_library(before), _c_library(after)),
    ):
        if was != is_now:
            raise Refused(
                f"The newer {pinned} has another version of {what}.",
                f"{was or 'none'} runs, it has {is_now or 'none'}; the data on the disk belong to what runs.",
                "Nothing was changed. Move the data by a backup set: docs/backup.md.",
            )
    if name == database_container.SERVICE:
        database_container.refuse_broken(config, IMAGES)


def _c_library(image: Image) -> str:
    """As `glibc 2.36`; empty where it has none that says so: that of Alpine sorts by bytes in every version."""
    argv = ["docker", "run", "--rm", "--network", "none", "--pull", "never", "--entrypoint", "getconf"]
    code, output = attempt([*argv, image.identity, "GNU_LIBC_VERSION"], seconds=docker.SECONDS)
    return output.strip() if code == 0 else ""


def _update(config: Config, name: str, pinned: str, before: Image) -> None:
    try:
        _recreated(config, name, f"{name} with the newer image")
    except (AgentError, Interrupted) as problem:
        _put_back(config, name, pinned, before, problem)


def _put_back(config: Config, name: str, pinned: str, before: Image, problem: AgentError | Interrupted) -> None:
    """Run it as it ran.

    Raises:
        Failed: always; `what` says whether it runs.
    """
    try:
        _tag(before, pinned)
        _recreated(config, name, f"{name} as it ran before")
    except AgentError as second:
        raise Failed(
            f"The host IS NOT WELL: {name} starts neither with the newer image nor with the one before.",
            f"{problem.why} And then: {second.why}",
            f"inv logs {name} --host={config.host}",
        ) from None
    raise Failed(
        f"{name} is not well with the newer {pinned}; it runs with the one before.", problem.why, problem.do
    ) from None


def _recreated(config: Config, name: str, what: str) -> None:
    with events.step(what):
        colours.start(config, name, config.app / IMAGES)
        docker.wait_healthy(docker.container(config.project, name, running=False), name, stack.READY_SECONDS)
        if not (config.app / MAINTENANCE).exists():
            public_check.check(config)


def _tag(image: Image, pinned: str) -> None:
    """Give an image the pin's name again: a release recreates containers by it."""
    run(["docker", "tag", image.identity, pinned], seconds=docker.SECONDS)
