"""What a release stands on: brought to a host before the host itself lets the release take its place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aipbx_agent.contract import STAGED
from fleet import agent
from fleet.commands import compose, docker
from fleet.commands import rollout as commands
from fleet.errors import OperatorError
from fleet.inventory.settings import volumes_of
from fleet.output import say, step
from fleet.remote import put_file
from fleet.state.survey import parse_container
from fleet.tls import operations

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet.remote import Remote
    from fleet.state.survey import Container

# To come up as declared, or to be put back.
DATABASE_SECONDS = 600
HEALTHY_SECONDS = 120
COMPOSE_SECONDS = 180
LOG_LINES = 15


def base(remote: Remote) -> None:
    """Start what every release stands on, unless it runs as declared: the database, extra services, nginx.

    A first deploy has no images.env yet, so what is staged takes its place.

    Raises:
        OperatorError: one of them does not become healthy.
    """
    data = remote.settings
    remote.sudo_output(docker.volumes([*data.volumes.values(), *volumes_of(data.extra_running, set(data.volumes))]))
    database(remote)
    roles(remote)
    if data.extra_running:
        with step(f"{', '.join(data.extra_running)} started"):
            remote.sudo_output(compose.up(data.app_dir, *data.extra_running, images=STAGED), COMPOSE_SECONDS)
    with step("nginx healthy"):
        remote.sudo_output(compose.up(data.app_dir, "nginx", images=STAGED), COMPOSE_SECONDS)
        wait_healthy(remote, "nginx", 60)


def database(remote: Remote) -> None:
    """Start the database, or restart it where its declaration asks for that; the host puts back one that does not come.

    Raises:
        OperatorError: it is refused, or did not become healthy.
    """
    stray = cannot_start_again(remote)
    verb = ["database", "--images", STAGED, *(["--again"] if stray else [])]
    found = agent.ask(remote, verb)
    if found["restarts"] or not found["running"]:
        agent.call(remote, [*verb, "--up"], seconds=DATABASE_SECONDS)
    wait_healthy(remote, "postgres", HEALTHY_SECONDS)


def cannot_start_again(remote: Remote) -> bool:
    """Whether PostgreSQL's container is connected to a network that is gone: once stopped, it does not start."""
    return bool(remote.sudo_output(docker.stray_networks(remote.settings.compose_project, "postgres")).strip())


def roles(remote: Remote) -> None:
    """Have the host part the application's role from the server's superuser, and see that they stay so.

    Raises:
        OperatorError: it cannot be; what runs goes on as it did.
    """
    with step("database roles"):
        told = agent.ask(remote, ["roles"])
    for note in told["notes"]:
        say(f"    {note}", "yellow")


def outdated(remote: Remote) -> list[str]:
    """The services that every release stands on and that `base` would restart, because their declaration changed.

    Raises:
        OperatorError: the database may not come back.
    """
    data = remote.settings
    declared = remote.sudo_output(compose.declared(data.app_dir, "nginx")).split()
    running = remote.sudo_output(docker.configured(data.compose_project, "nginx")).split()
    restarts = agent.ask(remote, ["database"])["restarts"]
    return ["postgres"] * restarts + ["nginx"] * (bool(running) and running != declared[1:])


def stage(remote: Remote, images: dict[str, str]) -> None:
    """Write down which images shall run, in a file of their own, and have Compose check the whole.

    Raises:
        OperatorError: Compose cannot read the stack with them.
    """
    data = remote.settings
    text = "".join(f"{service.upper()}_IMAGE={image}\n" for service, image in images.items())
    put = put_file(f"{data.app_dir}/{STAGED}", len(text), "644")
    remote.sudo_output(f"({put}) && {compose.valid(data.app_dir, STAGED)}", stdin=text.encode())


def fill_volumes(remote: Remote, images: dict[str, str]) -> bool:
    """Bring what the images ship into the volumes that hide it: static files, and assets for tabs that stay open.

    Returns: whether the host has a certificate to serve it with.
    """
    volumes = remote.settings.volumes
    static = commands.fill_static(images["backend"], volumes["backend_static"], volumes["backend_tts_voices"])
    assets = commands.fill_assets(images["frontend"], volumes["frontend_assets"])
    certified = f"if {commands.has_certificate(remote.settings.app_dir)}; then echo certified; fi"
    return "certified" in remote.sudo_output(f"{static} && {assets} && {certified}", 2 * COMPOSE_SECONDS).split()


def wait_healthy(remote: Remote, service: str, seconds: float) -> None:
    """Wait until a service's health check says that it is well.

    Raises:
        OperatorError: it ended, was started again, or was not healthy in time; with the end of its log.
    """
    first = _state(remote, service)
    now = first

    def healthy() -> bool:
        nonlocal now
        now = _state(remote, service)
        if first is None or now is None or now.status in {"exited", "dead"} or now.restarts > first.restarts:
            raise _not_well(remote, service, "it ended by itself")
        return now.good and now.health == "healthy"

    if not _until(healthy, seconds):
        raise _not_well(remote, service, f"it is {now} after {seconds:.0f} s")


def _state(remote: Remote, service: str) -> Container | None:
    told = remote.sudo_output(docker.state(remote.settings.compose_project, service)).strip()
    return parse_container(told) if told else None


def _not_well(remote: Remote, service: str, how: str) -> OperatorError:
    project = remote.settings.compose_project
    checks = remote.run(docker.why_unhealthy(project, service)).out.strip().splitlines()
    log = remote.run(docker.last_lines(project, service, LOG_LINES)).out.rstrip().splitlines()
    why = [f"{how[0].upper()}{how[1:]}.", *([f"Its health check says: {checks[-1]}"] if checks else [])]
    why += ["The end of its log:", *(f"    | {line[:200]}" for line in log)] if log else ["Its log is empty."]
    return OperatorError(
        f"{remote.name}: the {service} is not ready.",
        "\n    ".join(why),
        f"inv logs {service} --host={remote.name} shows all of it, while the container is there.",
    )


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True


def certificate(remote: Remote) -> None:
    """Have the host get its first certificate; afterwards its timer sees to it, and a deploy does not wait for that.

    Raises:
        OperatorError: it cannot be had.
    """
    with step("first certificate"):
        operations.ensure(remote)
