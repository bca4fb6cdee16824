"""What operators are shown: findings of a check, changes of a push."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleet import answers
from fleet.env import production
from fleet.env.dotenv.files import HostFile, shown
from fleet.env.findings import of
from fleet.env.host import build_values
from fleet.env.host.comparison import Change
from fleet.env.secret_store import merging
from fleet.env.variables.table import declared
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet.env.dotenv.checks import Finding
    from fleet.inventory.hosts import Host


def check(hosts: Iterable[Host], *, as_json: bool) -> bool:
    """Show what is wrong with the files of hosts and their stores, each for itself.

    Args:
        hosts: whose.
        as_json: for a script.

    Returns: whether none has an error.
    """
    found: dict[str, dict[str, Any] | OperatorError] = {}
    errors = 0
    for host in hosts:
        setting = host.data["images_from"]
        try:
            file = merging.of_host(host)
            errors += sum(each.grave for each in _found(file, setting)) if as_json else findings(file, setting)
            found[host.name] = {"file": shown(file.path), "findings": [_row(each) for each in _found(file, setting)]}
        except OperatorError as error:
            found[host.name] = error
            errors += 1
            if not as_json:
                print(f"{host.name}: {error}")
    if as_json:
        answers.print_json(found)
    return not errors


def _row(one: Finding) -> dict[str, Any]:
    kind = "error" if one.grave else "warning"
    return {"kind": kind, "variable": one.name or None, "line": one.line or None, "why": one.why, "do": one.do}


def _found(file: HostFile, images_from: str) -> list[Finding]:
    return of(file) + build_values.findings(file.read, images_from)


def findings(file: HostFile, images_from: str) -> int:
    """Show what is wrong with a file.

    Args:
        file: a host's.
        images_from: the host's setting.

    Returns: the number of errors.
    """
    found = _found(file, images_from)
    errors = sum(finding.grave for finding in found)
    counts = ((errors, "error"), (len(found) - errors, "warning"))
    summary = ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count)
    print(f"{file.host}: {shown(file.path)}: {summary or 'nothing is wrong'}")
    for finding in found:
        print(f"    {'error' if finding.grave else 'warning'}: {finding.text}")
    return errors


def warnings(file: HostFile, images_from: str) -> None:
    """Show which values of a file reach nothing, however often they are pushed, and which are for a test host."""
    for finding in build_values.findings(file.read, images_from) + production.findings(file):
        if not finding.grave:
            print(f"    warning: {finding.text}")


def changes(host: str, found: list[Change], *, first: bool) -> None:
    """Show what a push changes, secrets masked.

    Args:
        found: the changes.
        first: whether the host has no environment yet.
    """
    if first:
        print(f"{host}: has no environment yet; all {len(found)} values are new:")
    elif found:
        print(f"{host}: {len(found)} value{'s' * (len(found) != 1)} would change:")
    else:
        print(f"{host}: the host has exactly this.")
    for change in found:
        print(f"    {change.line}")


def store(file: HostFile, found: list[Change], *, first: bool) -> None:
    """Show which secrets of a host's store are others than at the last push.

    Args:
        found: what a push would change.
        first: whether the host has no environment yet.
    """
    names = {each.name for each in found if declared(each.name).secret and not declared(each.name).ours}
    changed = sorted(names - file.read.lines.keys())
    if file.store and changed and not first:
        print(f"    note: changed in the store since the last push: {', '.join(changed)}")
