"""What a rotation of the database's password would do to a host: looked at and shown before the question."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aipbx_agent.roles.rotation import NAME
from fleet import agent
from fleet.env import findings
from fleet.env.dotenv import files
from fleet.env.host import comparison, rendering
from fleet.env.host.remote import current
from fleet.env.secret_store import merging, place
from fleet.env.variables import declaration
from fleet.errors import OperatorError
from fleet.output import say
from fleet.release import switch
from fleet.release.checks import configuration

if TYPE_CHECKING:
    from aipbx_agent.release.releases import Release
    from fleet.env.dotenv.files import HostFile
    from fleet.env.secret_store.place import Place
    from fleet.remote import Remote
    from fleet.state.survey import Survey


@dataclass(frozen=True)
class Rotation:
    """A rotation that may be made.

    Args:
        place: where the password is: in the operator's env file, or in the host's store.
        before: the values that the host has.
        after: those that it will have.
        release: what runs.
        addresses: of the backends that run.
        running: their passwords.
        cut_off: whether an earlier one was interrupted.
    """

    place: Place
    before: dict[str, str]
    after: dict[str, str]
    release: Release
    addresses: list[str]
    running: list[str]
    cut_off: bool
    action: str = "rotation of the database's password"

    @property
    def restarts(self) -> bool:
        """Whether a backend must be restarted: not one runs, or one with another password."""
        return set(self.running) != {self.after[NAME]}


def planned(remote: Remote, state: Survey) -> Rotation:
    """Return the rotation that a host needs.

    Raises:
        OperatorError: the env file or the store differs from what the host has.
    """
    file = merging.load(remote.name, remote.settings.secrets_from)
    values = findings.checked(file)
    origin = place.of(file, remote.settings.secrets_from, NAME)
    environments = current(remote, remote.settings.app_dir) or {}
    changes = comparison.changes(environments, rendering.environments(values))
    if others := sorted({change.name for change in changes} - {NAME}):
        raise OperatorError(
            f"{remote.name}: {', '.join(others)} differ{'s' * (len(others) == 1)} from what the host has.",
            f"{_origin(file)} was changed and not pushed, or the host's is newer; only the password may move.",
            f"inv env.diff --host={remote.name} shows it; then inv env.push --host={remote.name}, "
            "or put the host's values back.",
        )
    assert state.running is not None  # noqa: S101  preconditions.refuse has passed it
    look = ask(remote, "look")
    cut_off = bool(look["under_way"])
    if values[NAME] != environments["backend"][NAME] and not cut_off:
        raise OperatorError(
            f"{remote.name}: {NAME} in {origin.shown} is not the one that the host has.",
            "It is out of date there, or was edited; no rotation is under way.",
            "Get the current one from the operator who rotated last, "
            f"or put the host's value back (inv exec backend --host={remote.name} -- env).",
        )
    return Rotation(
        place=origin,
        before={**values, NAME: environments["backend"][NAME]},
        after=values if cut_off else {**values, NAME: declaration.password()},
        release=state.running,
        addresses=addresses(look),
        running=passwords(look),
        cut_off=cut_off,
    )


def _origin(file: HostFile) -> str:
    return files.shown(file.path) + f" or {file.store}" * bool(file.store)


def announce(remote: Remote, ready: Rotation, state: Survey) -> None:
    """Show what a rotation does, and what it interrupts."""
    say(f"{remote.name}: {ready.action}", "bold")
    if ready.cut_off:
        say(
            f"  An earlier rotation was interrupted: everything is set to what {ready.place.shown} says.",
            "yellow",
        )
    else:
        say(f"  A new one for role {ready.after['DB_USER']}; {ready.place.shown} gets it, then the host.")
    if not ready.restarts:
        say("  The backend has it already, and is not restarted.")
        return
    say("  Until then the backend continues: the server admits it by its address. Then it restarts as in a deploy:")
    cost = switch.interrupts(
        remote,
        ["backend"],
        state.calls,
        drain_seconds=remote.settings.drain_seconds,
        hands_over=configuration.knows_pbx(current(remote, remote.settings.app_dir) or {}),
    )
    say(f"  {cost}")


def ask(remote: Remote, step: str, **request: Any) -> dict[str, Any]:
    """Have the host do one step (aipbx_agent/roles/rotate.py)."""
    return agent.query(remote, ["rotate"], json.dumps({"step": step, **request}).encode())


def addresses(look: dict[str, Any]) -> list[str]:
    """Return the addresses of the backends that run."""
    return [address for backend in look["backends"] for address in backend["addresses"]]


def passwords(look: dict[str, Any]) -> list[str]:
    """Return the passwords of the backends that run."""
    return [backend["password"] for backend in look["backends"]]
