"""Before a deploy takes over a host installed by hand: what must be settled first, and what the operator must know."""

from __future__ import annotations

import pprint
from typing import TYPE_CHECKING

from aipbx_agent.contract import ENVIRONMENT
from fleet.adoption import certificate, environment, hand_made
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from fleet.adoption.hand_made import HandMade
    from fleet.remote import Remote
    from fleet.state.survey import Survey


def waiting(remote: Remote, state: Survey) -> HandMade | None:
    """Return what a deploy would take over, once inventory.py and the host's variables fit it; None in ordinary life.

    Args:
        state: how it is.

    Raises:
        OperatorError: they do not fit yet.
    """
    if state.current or not state.converged:
        return None
    old = hand_made.read(remote)
    if old is None or not old.waits:
        return None
    _refuse(remote, old, state)
    return old


def _refuse(remote: Remote, old: HandMade, state: Survey) -> None:
    """Refuse a take-over that would begin with an empty database, or put two PostgreSQL on one."""
    if old.database_in_a_folder:
        raise OperatorError(
            f"{remote.name}: the old database is in no volume.",
            "It is in a folder; only a named volume can be taken over.",
            "Move it into a volume in the old stack first; nothing was touched.",
        )
    missing = inventory_lines(remote, old)
    if missing:
        raise OperatorError(
            f"{remote.name} runs a stack installed by hand (project {old.project}) that inventory.py does not name.",
            "A release would begin with an empty database, or with another PostgreSQL on the same data.",
            f"Add to {remote.name} in inventory.py, then converge it and run this again; nothing was touched:\n"
            + "\n".join(f"        {line}" for line in missing),
        )
    if ENVIRONMENT not in state.files:
        raise OperatorError(
            f"{remote.name} has no env file of this project yet.",
            "The old backend has one, with secrets that must stay the same.",
            f"inv adopt --host={remote.name} reads it, then inv env.push --host={remote.name}",
        )


def inventory_lines(remote: Remote, old: HandMade) -> list[str]:
    """Return what must be added to the host's data in inventory.py, as it is typed there; nothing when all is there."""
    wanted = old.data(remote.settings)
    served = certificate.read(remote, old)
    if served and served.source != remote.settings.tls:
        wanted["tls"] = served.source
    return [f'"{name}": {_literal(value)},' for name, value in wanted.items()]


def _literal(value: object) -> str:
    return pprint.pformat(value, width=1000, sort_dicts=False).replace("'", '"')


def announcement(remote: Remote, old: HandMade, state: Survey) -> list[str]:
    """Return what the operator reads before they agree.

    Raises:
        OperatorError: the new backend would be without its data.
    """
    has = environment.read(remote, old) if "backend" in old.containers else None
    differences = []
    if has:
        environment.refuse_other_database(remote, has, set(old.containers))
        differences = environment.differences(remote, has)
    volumes = remote.settings.volumes
    calls = f"; {state.calls} RTP flows are live and would be cut" if state.calls else ""
    lines = [
        f"Takes over the stack installed by hand: project {old.project}, {', '.join(old.replaced)}.",
        f"Interrupts once: pages, API, Socket.IO and calls, until the new backend is ready{calls}.",
        f"The database stays as it is: volume {volumes['postgres_data']}, {remote.settings.postgres_image}.",
        "Files that the old backend wrote and its certificate are copied; nothing of it is deleted.",
        *differences,
    ]
    if monitoring := old.monitoring(remote.settings):
        lines.append(
            f"Stops its monitoring, in whose place ours comes, and deletes none of it: {', '.join(monitoring)}."
        )
    if others := old.others(remote.settings):
        lines.append(f"Not ours, and continues unchanged, out of the new backend's reach: {', '.join(others)}.")
    return lines
