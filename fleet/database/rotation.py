"""A new password for the database: the env file's or the store's, the role's, the host's, the backend's, in this order.

What runs has the old one until it is restarted. So first it is let in by its address: whatever happens from then on,
it continues. As long as the server's rules say so, a rotation is under way; the next run finds that, and brings all to
what the env file or the store says by then.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aipbx_agent.release.releases import Entry
from aipbx_agent.roles.rotation import NAME
from fleet import agent
from fleet.cli import agreed
from fleet.env import findings
from fleet.env.dotenv import files
from fleet.env.host import comparison, rendering
from fleet.env.host.remote import current, path_on_host
from fleet.env.secret_store import merging, place
from fleet.env.variables import declaration
from fleet.errors import FailedError, OperatorError
from fleet.output import say, step
from fleet.release import plan, prepare, switch
from fleet.release.checks import configuration, preconditions
from fleet.release.lock import recovery
from fleet.release.lock.deploy_lock import held, operator
from fleet.state import survey

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
        place: where the password stands: in the operator's env file, or in the host's store.
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


def rotate(remote: Remote, *, yes: bool) -> None:
    """Give the database a new password, everywhere where it stands; or end a rotation that was cut off.

    Args:
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: it was refused, and nothing was touched.
        FailedError: it failed; `what` says which password counts.
    """
    with step("host, env file, database"):
        state = recovery.settled(remote, survey.take(remote))
        preconditions.refuse(remote.name, state, remote.settings, first_allowed=False)
        configuration.refuse_invalid(remote, current(remote, remote.settings.app_dir) or {})
        ready = _planned(remote, state)
    _announce(remote, ready, state)
    if not agreed(f"change the password of {remote.name}'s database", yes=yes):
        raise OperatorError(
            f"{remote.name}: nothing was done.", "The question was not answered with yes.", "Run the command again."
        )
    with held(remote, ready, state, datetime.now(UTC)) as lock:
        owner = lock.owner
        if ready.cut_off:
            _end(remote, ready, owner)
        else:
            _change(remote, ready, owner)
    say(f"{remote.name}: the database, {ready.place.shown} and the backend have the same password.", "green")
    if not ready.cut_off and _opens(remote, ready.before[NAME]):
        say("  The old one opens the database all the same: pg_hba.conf of this server asks for none.", "yellow")
    if ready.place.to_commit:
        say(f"  Commit it: git add {ready.place.to_commit}")


def _planned(remote: Remote, state: Survey) -> Rotation:
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
    look = _step(remote, "look")
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
        release=_release(remote, state),
        addresses=_addresses(look),
        running=_passwords(look),
        cut_off=cut_off,
    )


def _origin(file: HostFile) -> str:
    return files.shown(file.path) + f" or {file.store}" * bool(file.store)


def _release(remote: Remote, state: Survey) -> Release:
    if state.running is None:  # refused before (plan.refuse); for mypy
        raise OperatorError(
            f"{remote.name} has no release yet.", "images.env is empty.", f"inv deploy --host={remote.name}"
        )
    return state.running


def _announce(remote: Remote, ready: Rotation, state: Survey) -> None:
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


def _change(remote: Remote, ready: Rotation, owner: str) -> None:
    try:
        _let_in(remote, ready.addresses)
    except BaseException as problem:
        _back(remote, ready, problem, [])
        raise
    undo: list[Callable[[], None]] = []
    try:
        undo.insert(0, lambda: ready.place.take_back(ready.after[NAME]))
        with step(f"{ready.place.shown} has the new one"):
            ready.place.put(ready.after[NAME])
        # The database first, then the rest: an old backend starts again only when it gets in.
        undo.insert(0, lambda: _alter_back(remote, ready))
        with step("the database has it"):
            _step(remote, "set", password=ready.after[NAME])
        undo.insert(1, lambda: _push(remote, ready.before))
        with step("environment.json has it"):
            _push(remote, ready.after)
        undo.insert(2, lambda: _none_has_the_new_one(remote, ready))
        _start_anew(remote, ready, owner)
        with step("no backend needs the old one"):
            _step(remote, "shut out")
            _refuse_locked_out(remote, ready)
    except BaseException as problem:
        _back(remote, ready, problem, undo)
        raise


def _end(remote: Remote, ready: Rotation, owner: str) -> None:
    """Bring everything to what the env file or the store says; there is no way back: a failure leaves it under way."""
    try:
        _let_in(remote, ready.addresses)
        with step("the database has it"):
            _step(remote, "set", password=ready.after[NAME])
        with step("environment.json has it"):
            _push(remote, ready.after)
        if ready.restarts:
            _start_anew(remote, ready, owner)
        with step("no backend needs another one"):
            _step(remote, "shut out")
            _refuse_locked_out(remote, ready)
    except OperatorError as problem:
        raise FailedError(
            f"{remote.name}: the {ready.action} is still not at its end: {problem.what}",
            problem.why,
            f"Fix the cause, then: inv db.rotate-password --host={remote.name}",
        ) from None


def _back(remote: Remote, ready: Rotation, problem: BaseException, undo: list[Callable[[], None]]) -> None:
    say("  back to the old one", "yellow")
    try:
        for action in undo:
            action()
        _step(remote, "shut out")
    except OperatorError as second:
        raise FailedError(
            f"{remote.name}: the {ready.action} failed, and so did its rollback.",
            f"{problem} And then: {second.what} {second.why}",
            f"Fix the cause, then: inv db.rotate-password --host={remote.name}",
        ) from None
    if isinstance(problem, OperatorError):
        raise FailedError(
            f"{remote.name}: the {ready.action} failed; the old password applies everywhere, as before.",
            f"{problem.what} {problem.why}",
            problem.do,
        ) from None


def _step(remote: Remote, step: str, **request: Any) -> dict[str, Any]:
    """Have the host do one step (aipbx_agent/roles/rotate.py)."""
    return agent.query(remote, ["rotate"], json.dumps({"step": step, **request}).encode())


def _addresses(look: dict[str, Any]) -> list[str]:
    """Those of the backends that run."""
    return [address for backend in look["backends"] for address in backend["addresses"]]


def _passwords(look: dict[str, Any]) -> list[str]:
    """Those of the backends that run."""
    return [backend["password"] for backend in look["backends"]]


def _let_in(remote: Remote, addresses: list[str]) -> None:
    with step("backend admitted by its address"):
        _step(remote, "let in", addresses=addresses)


def _alter_back(remote: Remote, ready: Rotation) -> None:
    """The role's old password again; what runs by then, and perhaps has the new one, is let in until it has it too."""
    _let_in(remote, _addresses(_step(remote, "look")))
    _step(remote, "set", password=ready.before[NAME])


def _push(remote: Remote, values: dict[str, str]) -> None:
    remote.put_root_file(path_on_host(remote.settings.app_dir), rendering.render(values), "600")


def _start_anew(remote: Remote, ready: Rotation, owner: str) -> None:
    """Let the same release take its own place, with what the host's files say by now."""
    release, now = ready.release, datetime.now(UTC)
    entry = Entry(
        time=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        operator=operator(),
        action="rotation",
        result="ok",
        seconds=0,
        before=release,
        after=release,
        images=plan.images(remote.settings, release),
    )
    prepare.stage(remote, entry.images)
    # It is halfway: what the timers do twice is the smaller harm.
    switch.carry_out(remote, ["backend"], entry, owner, remote.settings.drain_seconds, accepts_overlap=True)


def _none_has_the_new_one(remote: Remote, ready: Rotation) -> None:
    """Start a backend again that came up with the new password on the way back of the switch, whose lock is gone."""
    if set(_passwords(_step(remote, "look"))) == {ready.before[NAME]}:
        return
    with held(remote, ready, survey.take(remote), datetime.now(UTC)) as lock:
        _start_anew(remote, ready, lock.owner)


def _opens(remote: Remote, password: str) -> bool:
    return bool(_step(remote, "login", password=password)["opens"])


def _refuse_locked_out(remote: Remote, ready: Rotation) -> None:
    if not _opens(remote, ready.after[NAME]):
        raise OperatorError(
            f"{remote.name}: the new password does not open the database.",
            "A login over the network of the stack was refused.",
            f"inv logs postgres --host={remote.name}",
        )
