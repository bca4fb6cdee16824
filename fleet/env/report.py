"""What operators are shown: findings of a check, changes of a push."""

from __future__ import annotations

from fleet.env.dotenv import production
from fleet.env.dotenv.files import HostFile, shown
from fleet.env.dotenv.findings import of
from fleet.env.host import build_values
from fleet.env.host.comparison import Change


def findings(file: HostFile, images_from: str) -> int:
    """Show what is wrong with a file.

    Args:
        file: a host's.
        images_from: the host's setting.

    Returns: the number of errors.
    """
    found = of(file) + build_values.findings(file.read, images_from)
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
