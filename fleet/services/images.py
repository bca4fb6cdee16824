"""`inv images`: what the services of others run, whether the registry has something newer, and taking it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from fleet import agent, tables
from fleet.cli import agreed
from fleet.errors import OperatorError, worst
from fleet.output import say, step
from fleet.release import plan
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


@dataclass(frozen=True)
class Image:
    """What a service runs (aipbx_agent/status/images.py)."""

    service: str
    image: str
    running: list[str]
    built: str
    newest: str
    why: str
    outdated: bool

    @property
    def verdict(self) -> str:
        """What an operator should know of it, in one line."""
        if not self.newest:
            return f"not known: {self.why}"
        return f"newer: {self.newest[:_DIGEST_CHARACTERS]}" if self.outdated else "newest"


def show(hosts: Sequence[Remote], *, as_json: bool) -> int:
    """Print what runs on these hosts, and what their pins have in the registry.

    Args:
        as_json: for a script: a list a host.

    Returns: the exit code: 0 when every host could be read.
    """
    with ThreadPoolExecutor() as pool:
        found = dict(zip([host.name for host in hosts], pool.map(_read, hosts), strict=True))
    if as_json:
        print(json.dumps({name: _plain(one) for name, one in found.items()}, indent=2))
    else:
        for name, one in found.items():
            _print(name, one)
    return worst([one.code for one in found.values() if isinstance(one, OperatorError)])


def _read(host: Remote) -> list[Image] | OperatorError:
    try:
        told = agent.query(host, ["images"], seconds=LOOK_SECONDS)
    except OperatorError as error:
        return error
    return [Image(**one) for one in told["images"]]


def _plain(found: list[Image] | OperatorError) -> object:
    return found.as_dict() if isinstance(found, OperatorError) else [vars(one) for one in found]


def _print(host: str, found: list[Image] | OperatorError) -> None:
    if isinstance(found, OperatorError):
        print(f"{host}: {found}")
        return
    table = Table(*tables.typed("service", "pinned"), "built", "running", "in the registry", title=host)
    for one in found:
        running = one.running[0][:_DIGEST_CHARACTERS] if one.running else "made here"
        table.add_row(one.service, one.image, one.built[:10], running, escape(one.verdict))
    tables.show(table)


def update(remote: Remote, service: str, *, yes: bool) -> None:
    """Say what it means, ask, take the newest image of a service's pin; one that is not well is taken back.

    Raises:
        OperatorError: it was refused, and nothing was touched.
        FailedError: the newer image is not well.
    """
    with step("host"):
        found = survey.take(remote)
    plan.refuse_unready(remote.name, found, remote.settings)
    found = recovery.settled(remote, found)
    say(f"{remote.name}: the newest image of {service}; the one before runs again where it is not well", "bold")
    for line in services.consequences("restart", [service], found):
        say(f"  {line}", "yellow")
    if not agreed(f"take it on {remote.name}", yes=yes):
        raise OperatorError(
            f"{remote.name}: nothing was done.", "You did not say yes.", "Run it again when you want it."
        )
    renewed = agent.run(remote, ["renew", service], seconds=UPDATE_SECONDS)["renewed"]
    say(f"{remote.name}: {service} {'runs the newest image' if renewed else 'had the newest image already'}.", "green")
