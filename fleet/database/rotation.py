"""A new password for the database: the env file's or the store's, the role's, the host's, the backend's, in this order.

What runs has the old one until it is restarted. So first it is let in by its address: whatever happens from then on,
it continues. As long as the server's rules say so, a rotation is under way; the next run finds that, and brings all to
what the env file or the store says by then.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aipbx_agent.release.releases import Entry
from aipbx_agent.roles.rotation import NAME
from fleet.cli import agree
from fleet.database import rotation_plan
from fleet.env.host import rendering
from fleet.env.host.remote import current, path_on_host
from fleet.errors import FailedError, OperatorError
from fleet.output import say, step
from fleet.release import plan, prepare, switch
from fleet.release.checks import configuration, preconditions
from fleet.release.lock import recovery
from fleet.release.lock.deploy_lock import held, operator
from fleet.state import survey

if TYPE_CHECKING:
    from fleet.database.rotation_plan import Rotation
    from fleet.remote import Remote


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
        ready = rotation_plan.planned(remote, state)
    rotation_plan.announce(remote, ready, state)
    agree(remote.name, f"change the password of {remote.name}'s database", yes=yes)
    with held(remote, ready, state, datetime.now(UTC)) as lock:
        owner = lock.owner
        if ready.cut_off:
            _complete(remote, ready, owner)
        else:
            _change(remote, ready, owner)
    say(f"{remote.name}: the database, {ready.place.shown} and the backend have the same password.", "green")
    if not ready.cut_off and _opens(remote, ready.before[NAME]):
        say("  The old one opens the database all the same: pg_hba.conf of this server asks for none.", "yellow")
    if ready.place.to_commit:
        say(f"  Commit it: git add {ready.place.to_commit}")


def _change(remote: Remote, ready: Rotation, owner: str) -> None:
    try:
        _let_in(remote, ready.addresses)
    except BaseException as problem:
        _roll_back(remote, ready, problem, [])
        raise
    undo: list[Callable[[], None]] = []
    try:
        undo.insert(0, lambda: ready.place.take_back(ready.after[NAME]))
        with step(f"{ready.place.shown} has the new one"):
            ready.place.put(ready.after[NAME])
        # The database first, then the rest: an old backend starts again only when it gets in.
        undo.insert(0, lambda: _alter_back(remote, ready))
        with step("the database has it"):
            rotation_plan.ask(remote, "set", password=ready.after[NAME])
        undo.insert(1, lambda: _push(remote, ready.before))
        with step("environment.json has it"):
            _push(remote, ready.after)
        undo.insert(2, lambda: _restart_with_old(remote, ready))
        _restart(remote, ready, owner)
        with step("no backend needs the old one"):
            rotation_plan.ask(remote, "shut out")
            _refuse_locked_out(remote, ready)
    except BaseException as problem:
        _roll_back(remote, ready, problem, undo)
        raise


def _complete(remote: Remote, ready: Rotation, owner: str) -> None:
    """Bring everything to what the env file or the store says; there is no way back: a failure leaves it under way."""
    try:
        _let_in(remote, ready.addresses)
        with step("the database has it"):
            rotation_plan.ask(remote, "set", password=ready.after[NAME])
        with step("environment.json has it"):
            _push(remote, ready.after)
        if ready.restarts:
            _restart(remote, ready, owner)
        with step("no backend needs another one"):
            rotation_plan.ask(remote, "shut out")
            _refuse_locked_out(remote, ready)
    except OperatorError as problem:
        raise FailedError(
            f"{remote.name}: the {ready.action} is still not at its end: {problem.what}",
            problem.why,
            f"Fix the cause, then: inv db.rotate-password --host={remote.name}",
        ) from None


def _roll_back(remote: Remote, ready: Rotation, problem: BaseException, undo: list[Callable[[], None]]) -> None:
    say("  back to the old one", "yellow")
    try:
        for action in undo:
            action()
        rotation_plan.ask(remote, "shut out")
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


def _let_in(remote: Remote, addresses: list[str]) -> None:
    with step("backend admitted by its address"):
        rotation_plan.ask(remote, "let in", addresses=addresses)


def _alter_back(remote: Remote, ready: Rotation) -> None:
    """The role's old password again; what runs by then, and perhaps has the new one, is let in until it has it too."""
    _let_in(remote, rotation_plan.addresses(rotation_plan.ask(remote, "look")))
    rotation_plan.ask(remote, "set", password=ready.before[NAME])


def _push(remote: Remote, values: dict[str, str]) -> None:
    remote.put_root_file(path_on_host(remote.settings.app_dir), rendering.render(values), "600")


def _restart(remote: Remote, ready: Rotation, owner: str) -> None:
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
        address=remote.seen_from,
    )
    prepare.stage(remote, entry.images)
    # It is halfway: what the timers do twice is the smaller harm.
    switch.carry_out(remote, ["backend"], entry, owner, remote.settings.drain_seconds, accepts_overlap=True)


def _restart_with_old(remote: Remote, ready: Rotation) -> None:
    """Start a backend again that came up with the new password on the way back of the switch, whose lock is gone."""
    if set(rotation_plan.passwords(rotation_plan.ask(remote, "look"))) == {ready.before[NAME]}:
        return
    with held(remote, ready, survey.take(remote), datetime.now(UTC)) as lock:
        _restart(remote, ready, lock.owner)


def _opens(remote: Remote, password: str) -> bool:
    return bool(rotation_plan.ask(remote, "login", password=password)["opens"])


def _refuse_locked_out(remote: Remote, ready: Rotation) -> None:
    if not _opens(remote, ready.after[NAME]):
        raise OperatorError(
            f"{remote.name}: the new password does not open the database.",
            "A login over the network of the stack was refused.",
            f"inv logs postgres --host={remote.name}",
        )
