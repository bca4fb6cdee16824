"""`inv images`: what the services of others run, whether the registry has something newer, and taking it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from aipbx_agent.status.images import Image
from fleet import agent, answers
from fleet.cli import agree
from fleet.errors import OperatorError
from fleet.output import print_table, say, step, uncut
from fleet.release.checks import preconditions
from fleet.release.lock import recovery
from fleet.services import services
from fleet.state import survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.remote import Remote

# A registry that does not answer is waited for, for each service.
LOOK_SECONDS = 600
# A pull, and twice a start.
UPDATE_SECONDS = 3600
_DIGEST_CHARACTERS = len("sha256:") + 12


def show(hosts: Sequence[Remote], *, as_json: bool) -> int:
    """Print what runs on these hosts, and what their pins have in the registry.

    Args:
        as_json: for a script.

    Returns: the exit code: 0 when every host could be read.
    """
    by_host = answers.in_parallel(hosts, lambda host: agent.query(host, ["images"], seconds=LOOK_SECONDS)["images"])
    if as_json:
        answers.print_json(by_host)
    else:
        for name, images in by_host.items():
            if not isinstance(images, OperatorError):
                _print(name, [Image(**image) for image in images])
        answers.print_errors(by_host)
    return answers.exit_code(by_host)


def _print(host: str, images: list[Image]) -> None:
    table = Table(*uncut("service", "pinned"), "built", "running", "in the registry", title=host)
    for image in images:
        running = image.running[0][:_DIGEST_CHARACTERS] if image.running else "made here"
        table.add_row(image.service, image.image, image.built[:10], running, escape(verdict(image)))
    print_table(table)


def verdict(image: Image) -> str:
    """Return what an operator should know of an image, in one line."""
    if not image.newest:
        return f"not known: {image.why}"
    return f"newer: {image.newest[:_DIGEST_CHARACTERS]}" if image.outdated else "newest"


def update(remote: Remote, service: str, *, yes: bool) -> None:
    """Say what it means, ask, take the newest image of a service's pin; one that is not well is taken back.

    Raises:
        OperatorError: it was refused, and nothing was touched.
        FailedError: the newer image is not well.
    """
    with step("host"):
        state = survey.take(remote)
    preconditions.refuse_unready(remote.name, state, remote.settings)
    state = recovery.settled(remote, state)
    say(f"{remote.name}: the newest image of {service}; the one before runs again where it is not well", "bold")
    for line in services.consequences("restart", [service], state):
        say(f"  {line}", "yellow")
    agree(remote.name, f"take it on {remote.name}", yes=yes)
    updated = agent.run(remote, ["update-image", service], seconds=UPDATE_SECONDS)["updated"]
    say(f"{remote.name}: {service} {'runs the newest image' if updated else 'had the newest image already'}.", "green")
