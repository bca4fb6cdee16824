"""A staging host's data become production's of late, scrubbed: made on the source, brought over, swapped in."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aipbx_agent.core import times
from aipbx_agent.core.text import size
from aipbx_agent.status.freshness import HOURS
from fleet import agent
from fleet.backup import sets
from fleet.cli import agree, hosts_to_change, named_hosts, only
from fleet.errors import OperatorError
from fleet.output import say, step
from fleet.restore import clear_data, restore
from fleet.restore.request import INTERRUPTS, named
from fleet.staging import scrub_rules

if TYPE_CHECKING:
    from fleet.remote import Remote


def refresh(host: str, source: str, *, yes: bool) -> None:
    """Bring a production host's newest verified set to a staging host, scrubbed.

    Args:
        host: the staging host, as typed.
        source: the production host, as typed.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: it was refused, and nothing was touched.
        FailedError: it failed; the staging host has the data that it had.
    """
    origin, staging = _pair(host, source)
    rules = scrub_rules.read(origin.settings.scrub_rules)
    with step("hosts"):
        retained = agent.query(staging, ["retained"])
        refuse_retained(staging.name, retained)
        listing = agent.query(origin, ["list"])
        chosen = newest(origin.name, listing)
        refuse_newer(origin.name, chosen, staging.name, retained["live"]["version"])
        agent.query(origin, ["scrub-plan"], stdin=rules)
    for line in _announcement(origin.name, staging.name, chosen, listing["now"], retained["live"]):
        say(line)
    question = f"replace the data of {staging.name} by those of {origin.name}, scrubbed"
    agree(staging.name, question, yes=yes)
    _carry_out(origin, staging, chosen, rules)


def _pair(host: str, source: str) -> tuple[Remote, Remote]:
    """Return the source, and the host that gets its data.

    Raises:
        OperatorError: one is not named, or is of the other kind.
    """
    if not source:
        raise OperatorError(
            "No source is named.", "A staging host gets the data of one production host.", "Add --from=<that host>"
        )
    staging = only(hosts_to_change(host))
    if not staging.settings.staging:
        raise OperatorError(
            f"{staging.name} is not a staging host.",
            "Scrubbed data would replace those of customers.",
            "Name a host of the group staging (docs/staging.md).",
        )
    origin = only(named_hosts(source))
    if origin.settings.staging:
        raise OperatorError(
            f"{origin.name} is a staging host, too.",
            "The data come from production.",
            f"inv restore brings a set of {origin.name} as it is, or name a production host with --from=….",
        )
    return origin, staging


def refuse_retained(name: str, retained: dict[str, Any]) -> None:
    """Refuse while the host retains the data from before an earlier one: only one is retained.

    Raises:
        OperatorError: it does.
    """
    if replaced := retained["replaced"]:
        raise OperatorError(
            f"{name} still retains the data from before the {replaced['what']}.",
            f"It is {replaced['database']}, since {replaced['at']}, and only one is retained.",
            f"inv restore --discard --host={name} deletes it; --undo in its place makes it live again.",
        )


def newest(name: str, listing: dict[str, Any]) -> dict[str, Any]:
    """Return the newest verified set of a host.

    Args:
        name: the host's.
        listing: what its agent's `list` returned.

    Raises:
        OperatorError: there is none, or it is older than verified sets get.
    """
    usable = [
        manifest for manifest in listing["sets"] if "problem" not in manifest and manifest["verified"].get("ok") is True
    ]
    if not usable:
        raise OperatorError(
            f"{name} has no verified set.",
            "Only what was restored and compared once is brought to staging.",
            f"inv verify --host={name}",
        )
    age = (times.read(listing["now"]) - times.read(usable[-1]["taken"])).total_seconds() / 3600
    if age > HOURS["verified"]:
        raise OperatorError(
            f"The newest verified set of {name} is {age:.0f} h old.",
            f"One is verified every week; more than {HOURS['verified']} h is too old.",
            f"inv backup --host={name}, then: inv verify --host={name}",
        )
    chosen: dict[str, Any] = usable[-1]
    return chosen


def refuse_newer(source: str, chosen: dict[str, Any], name: str, version: str) -> None:
    """Refuse a set that the staging host's server cannot read.

    Args:
        source: where the set was taken.
        chosen: the set.
        name: the staging host.
        version: its server's.

    Raises:
        OperatorError: it cannot.
    """
    theirs = str(chosen["server_version"])
    if chosen["engine"] != "postgres" or int(theirs.split(".")[0]) > int(version.split(".")[0]):
        raise OperatorError(
            f"{name} cannot take the data of {source}.",
            f"{source} has {chosen['engine']} {theirs}, and {name} PostgreSQL {version}.",
            f"Converge {name} with the same postgres_image, and deploy.",
        )


def _announcement(source: str, name: str, chosen: dict[str, Any], now: str, live: dict[str, Any]) -> list[str]:
    return [
        f"{name}: refresh with set {chosen['name']} of {source} ({sets.ago(chosen['taken'], now)} old, "
        f"{chosen['rows']} rows of {chosen['tables']} tables)",
        f"  {source} scrubs it in a throwaway server without a network; only what comes of that leaves the host.",
        f"  {name} loads it beside its live data, compares it and tries it out; then it replaces {live['database']} "
        f"({size(live['bytes'])}).",
        f"  Files stay as they are on {name}: what customers uploaded does not leave {source}.",
        f"{INTERRUPTS}.",
        f"  What {name} has now is retained; --undo brings it back.",
    ]


def _carry_out(origin: Remote, staging: Remote, chosen: dict[str, Any], rules: bytes) -> None:
    scrubbed = agent.run(origin, ["scrub", chosen["name"]], seconds=restore.SECONDS, stdin=rules)
    if scrubbed["gone"]:
        say(f"  Rules for what {origin.name} does not have: {', '.join(scrubbed['gone'])}", "yellow")
    with tempfile.TemporaryDirectory(prefix="aipbx-refresh-") as folder:
        request = named(str(sets.fetch(origin, scrubbed["folder"], {**chosen, **scrubbed}, Path(folder))))
        clear_data.refuse(staging, request.name, request.host, scrubbed=request.scrubbed)
        restore.go(staging, request, [], "", "", yes=True)
    say(f"  No one's account is real there: inv user.admin --host={staging.name} makes an administrator.")
