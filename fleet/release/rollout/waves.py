"""A release on several hosts: one first, which is watched; then the rest at once; nothing more after a failure."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.table import Table

from aipbx_agent.contract import SERVICES
from fleet.cli import agree
from fleet.errors import FailedError, OperatorError
from fleet.migrations import run as migrations
from fleet.output import print_table, say, speaking_for, step
from fleet.release import hooks, notice, run
from fleet.release.lock.deploy_lock import operator
from fleet.release.plan import Plan
from fleet.release.rollout import targets
from fleet.state import survey

if TYPE_CHECKING:
    from aipbx_agent.release.releases import Entry
    from fleet.release.decide import Prepared

_PAUSE_SECONDS = 5
# A signal that comes while the main thread goes to sleep on a lock is seen only when it wakes: so it wakes.
_NOTICED_SECONDS = 0.5


@dataclass(frozen=True)
class Result:
    """How it ended on one host.

    Args:
        prepared: the host, and what was to come.
        entry: the ledger's line; None: it did not get the release.
        problem: why not; with an entry: it has the release all the same, and did not stay well or does not go back.
        put_back: whether it had the release and went back.
    """

    prepared: Prepared
    entry: Entry | None = None
    problem: OperatorError | None = None
    put_back: bool = False

    @property
    def has_it(self) -> bool:
        """Whether the release runs there now."""
        return self.entry is not None and not self.put_back

    @property
    def outcome(self) -> str:
        """In one word or two, for the summary."""
        if self.put_back:
            return "put back"
        if self.problem:
            return "failed" if self.has_it or isinstance(self.problem, FailedError) else "refused"
        return "ok" if self.entry else "not begun"


def order(prepared: list[Prepared], *, canary: bool) -> list[list[Prepared]]:
    """Return the waves in which it comes to the hosts.

    Args:
        prepared: the hosts, in the inventory's order.
        canary: whether one goes first: the one whose data say so, else the first.
    """
    # Where no host has a release yet, a canary would spare no one.
    if not canary or len(prepared) < 2 or all(host.what.before is None for host in prepared):
        return [prepared]
    canary_host = targets.first_of([item.remote for item in prepared])
    first = next(item for item in prepared if item.remote is canary_host)
    return [[first], [item for item in prepared if item is not first]]


def carry_out(prepared: list[Prepared], *, canary: bool, atomic: bool, yes: bool) -> None:
    """Ask, then do it, wave by wave.

    Args:
        prepared: the hosts and what comes to each; shown already.
        canary: whether one goes first and is watched.
        atomic: whether hosts that have it go back when another one fails.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: the operator did not agree, a hook refused, or it failed on some host, which the summary names.
    """
    waves = order(prepared, canary=canary)
    names = ", ".join(item.remote.name for item in prepared)
    agree(names, _question(prepared[0].what.action, waves, atomic=atomic), yes=yes)
    for item in prepared:
        hooks.run("pre-deploy", hooks.environment(item.what, operator()))
    if len(prepared) == 1:
        run.carry_out(prepared[0])
        return
    results = {item.remote.name: Result(item) for item in prepared}
    try:
        for number, wave in enumerate(waves):
            _at_once(wave, results)
            if not all(results[item.remote.name].entry for item in wave):
                break
            if number + 1 < len(waves):
                results |= {item.remote.name: _watched(results[item.remote.name]) for item in wave}
                if any(results[item.remote.name].problem for item in wave):
                    break
        if atomic and any(result.problem for result in results.values()):
            results |= {name: _put_back(result) for name, result in results.items() if result.entry}
    finally:
        # Also after Ctrl-C: which host has what is what its operator needs then.
        _summary(list(results.values()))
    if bad := [result for result in results.values() if result.outcome != "ok"]:
        raise _not_everywhere(bad, len(results))


def _question(action: str, waves: list[list[Prepared]], *, atomic: bool) -> str:
    parts = [", ".join(item.remote.name for item in wave) for wave in waves]
    if len(waves) == 1:
        return f"{action} on {parts[0]}"
    watched = waves[0][0].remote.settings.canary_soak_seconds
    back = "; if one fails, all go back" if atomic else ""
    return f"{action} on {parts[0]}, watched for {watched} s, then on {parts[1]}{back}"


def _at_once(wave: list[Prepared], results: dict[str, Result]) -> None:
    """Do it on these hosts, and note how it went.

    Ctrl-C stops each of them before its switch; one whose host is at the switch already continues there.
    """
    with ThreadPoolExecutor(max_workers=len(wave)) as pool:
        begun = {item.remote.name: pool.submit(_one, item) for item in wave}
        try:
            while wait(begun.values(), timeout=_NOTICED_SECONDS).not_done:
                pass
        except KeyboardInterrupt:
            say(
                "Interrupted: hosts that have not begun their switch do not begin it. Waiting for the others.", "yellow"
            )
            for item in wave:
                item.stopped.set()
            raise
        finally:
            results |= {name: future.result() for name, future in begun.items()}


def _one(prepared: Prepared) -> Result:
    with speaking_for(prepared.remote.name):
        try:
            return Result(prepared, run.carry_out(prepared))
        except OperatorError as problem:
            say(str(problem), "red")
            return Result(prepared, problem=problem)


def _watched(result: Result) -> Result:
    """The same, once the host has been checked for as long as its data say; a failure when it did not stay well."""
    remote, what = result.prepared.remote, result.prepared.what
    seconds = remote.settings.canary_soak_seconds
    try:
        with step(f"{remote.name} well for {seconds} s"):
            end = time.monotonic() + seconds
            while True:
                state = survey.take(remote)
                ill = [
                    f"{name} is {container}"
                    for name, container in state.containers.items()
                    if not container.good or container.restarts
                ]
                if ill or state.running != what.after:
                    raise FailedError(
                        f"{remote.name}: the release became unhealthy.",
                        "; ".join(ill) or f"It runs {state.running} now.",
                        f"inv logs backend --host={remote.name}; inv rollback --host={remote.name}",
                    )
                if time.monotonic() >= end:
                    return result
                time.sleep(_PAUSE_SECONDS)
    except OperatorError as problem:
        say(str(problem), "red")
        notice.take_back(remote, what, problem)
        hooks.run("on-failure", hooks.environment(what, operator(), problem.what))
        return replace(result, problem=problem)


def _put_back(result: Result) -> Result:
    """Go back on a host that has the release: by the same steps; it stays when there was none before."""
    remote, what = result.prepared.remote, result.prepared.what
    if what.before is None:
        say(f"{remote.name}: there was no release before this one, so it stays.", "yellow")
        return result
    back = Plan(remote.name, "rollback", what.after, what.before)
    try:
        migrations.allow_back(remote, what.after, what.before, despite=False)
        state = survey.take(remote)
        run.carry_out(replace(result.prepared, what=back, found=state, known={}, old=None))
    except OperatorError as problem:
        say(str(problem), "red")
        return replace(result, problem=problem)
    return replace(result, put_back=True)


def _summary(results: list[Result]) -> None:
    table = Table("host", "result", "backend", "frontend", "s", "why")
    for result in results:
        seconds = str(result.entry.seconds) if result.entry else ""
        moved = [_moved(result, service) for service in SERVICES]
        why = result.problem.what if result.problem else ""
        table.add_row(result.prepared.remote.name, result.outcome, *moved, seconds, why)
    print_table(table)


def _moved(result: Result, service: str) -> str:
    """Return what became of a service: where it did not move, what was there is what is there."""
    what = result.prepared.what
    before, after = what.before.sha(service)[:8] if what.before else "nothing", what.after.sha(service)[:8]
    return f"{before} → {after}" if result.has_it and before != after else f"{before} stays"


def _not_everywhere(bad: list[Result], number: int) -> OperatorError:
    first = next((result.problem for result in bad if result.problem), None)
    begun = any(result.outcome in {"failed", "put back"} for result in bad) or len(bad) < number
    kind = FailedError if begun else OperatorError
    hosts = ", ".join(f"{result.prepared.remote.name} {result.outcome}" for result in bad)
    return kind(
        f"Not successful on all hosts: {hosts}.",
        first.what if first else "",
        first.do if first else "",
    )
