"""How far a host is from being deployed: asked of this machine, then of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aipbx_agent.contract import ENVIRONMENT
from fleet.adoption import hand_made
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
    env_file = next((path for path in files.paths(remote.name) if path.exists()), None)
    values = findings.checked(merging.load(remote.name, remote.settings.secrets_from)) if env_file else {}
    file = files.shown(env_file) if env_file else ""
    with step("host"):
        state = _survey(remote)
    if state is None:
        return State(file=file)
    if not state.current:
        refuse_by_hand(remote)
    with step("drift"):
        changes = drift.of(remote.name)
    return State(
        converged=True,
        drift=changes,
        pushed=ENVIRONMENT in state.files,
        file=file,
        differs=_differs(remote, values) if env_file else 0,
        certificate_until=state.certificate_until,
        # A first release that failed leaves images.env behind, and no entry that went well.
        release=str(state.running or "") if state.current else "",
    )


def _survey(remote: Remote) -> Survey | None:
    """Return how the host is; None where it was never converged, or not completely."""
    try:
        state = survey.take(remote)
    except ssh.NotConvergedError:
        return None
    return state if state.converged else None


def _differs(remote: Remote, values: dict[str, str]) -> int:
    return len(comparison.changes(current(remote, remote.settings.app_dir), rendering.environments(values)))


def refuse_by_hand(remote: Remote) -> None:
    """Refuse a host with a stack that was installed by hand and is not taken over yet.

    Raises:
        OperatorError: there is one.
    """
    old = hand_made.read(remote)
    if old and old.waits:
        raise OperatorError(
            f"{remote.name} runs a stack installed by hand (project {old.project}).",
            "New variables would lock the new backend out of its database; the old backend's must be kept.",
            f"inv adopt --host={remote.name} reads them and says what to type (docs/adopt.md). If an env file was made "
            "for it here by inv env.init, delete that first.",
        )
