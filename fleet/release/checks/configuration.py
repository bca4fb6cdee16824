"""The application's variables on the host, checked once more before a release meets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.env import production
from fleet.env.dotenv import checks, dotenv_file, files
from fleet.env.host import comparison, rendering
from fleet.env.variables.table import declared
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from fleet.env.host.rendering import Environments
    from fleet.remote import Remote


def refuse_invalid(remote: Remote, variables: Environments | None) -> None:
    """Refuse a host whose variables a release would crash on, or be open to everyone with.

    Args:
        variables: its variables, by service; None: CI may not read them.

    Raises:
        OperatorError: all that is wrong with them.
    """
    if variables is None:
        return
    written = dotenv_file.written(variables.get("backend", {}))
    read = dotenv_file.read(written.encode())
    findings = checks.check(read, remote.name) + production.keys(read, staging=remote.settings.staging)
    errors = [finding for finding in findings if finding.grave]
    if errors:
        raise OperatorError(
            f"{remote.name}: {len(errors)} of the application's variables on the host cannot be used.",
            "; ".join(f"{finding.name} {finding.why}" for finding in errors),
            f"inv env.check --host={remote.name}, then inv env.push --host={remote.name}",
        )


def waiting(remote: Remote, variables: Environments | None) -> list[str]:
    """Return the variables that differ between this machine's env file and the host: what was edited and not pushed.

    Nothing when this machine has no env file for the host, or one that cannot be read. The secrets of a host that has
    a store are not compared: a deploy asks no store.
    """
    if variables is None:
        return []
    try:
        ours = rendering.environments(files.load(remote.name).values())
    except OperatorError:
        return []
    changed = [change.name for change in comparison.changes(variables, ours)]
    return changed if remote.settings.secrets_from is None else [name for name in changed if not declared(name).secret]


def knows_pbx(variables: Environments) -> bool:
    """Return whether the host has what it needs to hand calls over through its PBX."""
    return all(variables.get("host", {}).get(name) for name in ("ARI_URL", "ARI_USER", "ARI_PASSWORD"))
