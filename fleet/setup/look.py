"""How far a host is from being deployed: asked of this machine, then of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aipbx_agent.contract import ENVIRONMENT
from fleet.adoption import found as by_hand
from fleet.converge import drift
from fleet.env import findings
from fleet.env.dotenv import files
from fleet.env.host import comparison, rendering
from fleet.env.host.remote import current
from fleet.env.secret_store import merging
from fleet.errors import OperatorError
from fleet.output import step
from fleet.setup.steps import State
from fleet.ssh import ssh
from fleet.state import survey

if TYPE_CHECKING:
    from fleet.remote import Remote
    from fleet.state.survey import Survey


def look(remote: Remote) -> State:
    """Return which steps the host and this machine have behind them.

    Raises:
        OperatorError: the env file has errors, the host cannot be reached, or must be adopted.
    """
    there = next((path for path in files.paths(remote.name) if path.exists()), None)
    values = findings.checked(merging.load(remote.name, remote.settings.secrets_from)) if there else {}
    file = files.shown(there) if there else ""
    with step("host"):
        found = _asked(remote)
    if found is None:
        return State(file=file)
    if not found.current:
        refuse_by_hand(remote)
    with step("drift"):
        changes = drift.of(remote.name)
    return State(
        converged=True,
        drift=changes,
        pushed=ENVIRONMENT in found.files,
        file=file,
        differs=_differs(remote, values) if there else 0,
        certificate_until=found.certificate_until,
        # A first release that failed leaves images.env behind, and no entry that went well.
        release=str(found.running or "") if found.current else "",
    )


def _asked(remote: Remote) -> Survey | None:
    """How the host is; None where it was never converged, or not completely."""
    try:
        found = survey.take(remote)
    except ssh.NotConvergedError:
        return None
    return found if found.converged else None


def _differs(remote: Remote, values: dict[str, str]) -> int:
    return len(comparison.changes(current(remote, remote.settings.app_dir), rendering.environments(values)))


def refuse_by_hand(remote: Remote) -> None:
    """Refuse a host with a stack that was installed by hand and is not taken over yet.

    Raises:
        OperatorError: there is one.
    """
    old = by_hand.found(remote)
    if old and old.waits:
        raise OperatorError(
            f"{remote.name} runs a stack installed by hand (project {old.project}).",
            "New variables would lock the new backend out of its database; the old backend's must be kept.",
            f"inv adopt --host={remote.name} reads them and says what to type (docs/adopt.md). If an env file was made "
            "for it here by inv env.init, delete that first.",
        )
