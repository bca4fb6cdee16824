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
    by_host: dict[str, dict[str, Any] | OperatorError] = {}
    errors = 0
    for host in hosts:
        setting = host.data["images_from"]
        try:
            file = merging.of_host(host)
            errors += sum(each.grave for each in _found(file, setting)) if as_json else findings(file, setting)
            by_host[host.name] = {"file": shown(file.path), "findings": [_row(each) for each in _found(file, setting)]}
        except OperatorError as error:
            by_host[host.name] = error
            errors += 1
            if not as_json:
                print(f"{host.name}: {error}")
    if as_json:
        answers.print_json(by_host)
    return not errors


def _row(finding: Finding) -> dict[str, Any]:
    kind = "error" if finding.grave else "warning"
    return {
        "kind": kind,
        "variable": finding.name or None,
        "line": finding.line or None,
        "why": finding.why,
        "do": finding.do,
    }


def _found(file: HostFile, images_from: str) -> list[Finding]:
    return of(file) + build_values.findings(file.read, images_from)


def findings(file: HostFile, images_from: str) -> int:
    """Show what is wrong with a file.

    Args:
        file: a host's.
        images_from: the host's setting.

    Returns: the number of errors.
    """
    problems = _found(file, images_from)
    errors = sum(finding.grave for finding in problems)
    counts = ((errors, "error"), (len(problems) - errors, "warning"))
    summary = ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count)
    print(f"{file.host}: {shown(file.path)}: {summary or 'nothing is wrong'}")
    for finding in problems:
        print(f"    {'error' if finding.grave else 'warning'}: {finding.text}")
    return errors


def warnings(file: HostFile, images_from: str) -> None:
    """Show which values of a file reach nothing, however often they are pushed, and which are for a test host."""
    for finding in build_values.findings(file.read, images_from) + production.findings(file):
        if not finding.grave:
            print(f"    warning: {finding.text}")


def changes(host: str, changed: list[Change], *, first: bool) -> None:
    """Show what a push changes, secrets masked.

    Args:
        changed: the changes.
        first: whether the host has no environment yet.
    """
    if first:
        print(f"{host}: has no environment yet; all {len(changed)} values are new:")
    elif changed:
        print(f"{host}: {len(changed)} value{'s' * (len(changed) != 1)} would change:")
    else:
        print(f"{host}: the host has exactly this.")
    for change in changed:
        print(f"    {change.line}")


def store(file: HostFile, differing: list[Change], *, first: bool) -> None:
    """Show which secrets of a host's store are others than at the last push.

    Args:
        differing: what a push would change.
        first: whether the host has no environment yet.
    """
    names = {each.name for each in differing if declared(each.name).secret and not declared(each.name).ours}
    changed = sorted(names - file.read.lines.keys())
    if file.store and changed and not first:
        print(f"    note: changed in the store since the last push: {', '.join(changed)}")
