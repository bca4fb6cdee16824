"""`aipbx-agent services`: start, stop or restart services of the release that runs, with a release's own checks."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from aipbx_agent.contract import IMAGES, MAINTENANCE, SERVICES
from aipbx_agent.core import docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.core.process import run
from aipbx_agent.release.containers import colours, stack
from aipbx_agent.release.lock import deploy_lock
from aipbx_agent.release.switch import public_check

# Each needs those before it. A release always has them all.
ORDER = ("postgres", *SERVICES, "nginx")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with which services."""
    parser.add_argument("action", choices=list(ACTIONS))
    parser.add_argument("services", nargs="*", help="default: all")


def main(config: Config, options: argparse.Namespace) -> None:
    """Do it, one service after the other.

    Raises:
        Refused: there is no release, or no such service; nothing was touched.
        Failed: a service does not start, or the public name does not answer afterwards.
    """
    if not (config.app / IMAGES).exists():
        raise Refused(
            f"{config.host} has no release yet.", "So it has no services.", f"inv deploy --host={config.host}"
        )
    named = options.services or list(ORDER)
    services = sorted(named, key=lambda name: ORDER.index(name) if name in ORDER else -1)
    with deploy_lock.held(config, f"{options.action} of {', '.join(services)}"):
        for service in reversed(services) if options.action == "stop" else services:
            with events.step(f"{service}: {options.action}"):
                ACTIONS[options.action](config, _name(config, service))
        if options.action != "stop" and not (config.app / MAINTENANCE).exists() and _all_run(config):
            with events.step(f"https://{config.host}"):
                public_check.check(config)
    events.result(services=services)


def _name(config: Config, service: str) -> str:
    """Return what Compose calls it: the database server may be another one, and the release's services have colours."""
    return stack.database(config) if service == "postgres" else colours.active(config, service)


def _start(config: Config, name: str) -> None:
    if not colours.present(config, name):
        colours.start(config, name, config.app / IMAGES)
    stack.brought_back(config, name)


def _stop(config: Config, name: str) -> None:
    if container := colours.present(config, name):
        docker.stop(container)


def _restart(config: Config, name: str) -> None:
    """Restart it as it was made: a new declaration comes with the next release."""
    container = colours.present(config, name)
    if container and docker.running(container):
        run(["docker", "restart", container], seconds=docker.DAEMON_SECONDS)
        docker.wait_healthy(container, name, stack.READY_SECONDS)
    else:
        _start(config, name)


def _all_run(config: Config) -> bool:
    containers = [colours.present(config, _name(config, service)) for service in ORDER]
    return all(container and docker.running(container) for container in containers)


ACTIONS: dict[str, Callable[[Config, str], None]] = {"start": _start, "stop": _stop, "restart": _restart}
