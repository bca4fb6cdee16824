"""`aipbx-agent prepare`: what a release stands on, before it takes the place of the one that runs.

What comes over standard input (fleet/release/prepare.py) is written down for the switch and checked first: that refuses
and touches nothing. Then whatever does not run as declared is started: database, roles, extra services, nginx.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from typing import Any

from aipbx_agent.contract import COMPOSE_FILE, ENVIRONMENT, IMAGES, STAGED
from aipbx_agent.core import compose, docker, events, files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Refused
from aipbx_agent.core.process import run
from aipbx_agent.release.containers import colours, database_container
from aipbx_agent.release.switch import overlap
from aipbx_agent.roles import declare

SECONDS = 180
NGINX_SECONDS = 60


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Args:
        images: full reference by service.
        settings: of the operator's inventory, for this one run.
        overlaps: seconds for which calls may continue beside a new backend; None: it is not asked whether the
            application's timers would run twice.
        base: whether what every release stands on is started, too.
        volumes: those that must exist.
        extra: services beside the stack's own.
    """

    images: dict[str, str]
    settings: dict[str, Any]
    overlaps: float | None
    base: bool
    volumes: list[str]
    extra: list[str]


def arguments(_: argparse.ArgumentParser) -> None:
    """None: `main` reads them from standard input."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Write it down, check it, and start what it stands on.

    Raises:
        Refused: nothing that runs was touched.
        Failed: part of what it stands on does not run.
    """
    request = Request(**json.load(sys.stdin))
    config = replace(config, raw={**config.raw, **request.settings})
    if request.overlaps is not None:
        overlap.refuse(config, colours.serving(config, "backend"), request.overlaps, accepted=False)
    stage(config, request.images)
    if request.base:
        try:
            _base(config, request)
        except AgentError as problem:
            raise Failed(problem.what, problem.why, problem.do) from None
    events.result()


def stage(config: Config, images: dict[str, str]) -> None:
    """Write down which images shall run, in a file of their own, and have Compose check the whole.

    Raises:
        Refused: Compose cannot read the stack with them.
    """
    text = "".join(f"{service.upper()}_IMAGE={image}\n" for service, image in images.items())
    # For anyone who types `docker compose ps` in this folder; our own calls name their files.
    text += f"COMPOSE_FILE={COMPOSE_FILE}:{ENVIRONMENT}\n"
    files.write(config.app / STAGED, text, 0o644)
    by_hand = config.app / ".env"
    if not by_hand.is_symlink() and not by_hand.exists():
        by_hand.symlink_to(IMAGES)
    try:
        compose.run([*compose.stack(config.app, config.app / STAGED), "config", "--quiet"], seconds=SECONDS)
    except Failed as problem:
        raise Refused(
            f"Compose cannot read the stack of {config.host} with these images.",
            problem.why,
            f"Converge the host: pyinfra inventory.py deploys/bootstrap.py --limit {config.host}",
        ) from None


def _base(config: Config, request: Request) -> None:
    for name in request.volumes:
        run(["docker", "volume", "create", name], seconds=docker.SECONDS)
    database_container.bring_up(config, STAGED)
    with events.step("database roles"):
        notes = declare.declared(config)
    for note in notes:
        events.note(f"    {note}")
    if request.extra:
        with events.step(f"{', '.join(request.extra)} started"):
            _up(config, *request.extra)
    with events.step("nginx healthy"):
        _up(config, "nginx")
        docker.wait_healthy(docker.container(config.project, "nginx", running=False), "the nginx", NGINX_SECONDS)


def _up(config: Config, *services: str) -> None:
    argv = ["up", "--detach", "--no-deps", "--no-build", "--pull", "never", *services]
    compose.run([*compose.stack(config.app, config.app / STAGED), *argv], seconds=SECONDS)
