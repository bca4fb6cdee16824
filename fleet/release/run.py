"""A deploy or a rollback of one host that was decided (decide.py) and agreed to (waves.py) is carried out."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aipbx_agent.contract import SERVICES
from aipbx_agent.release.releases import Entry
from fleet.adoption import takeover
from fleet.errors import FailedError, OperatorError
from fleet.migrations import run as migrations
from fleet.output import say
from fleet.release import hooks, ledger, notice, plan, prepare, switch
from fleet.release.checks import overlap
from fleet.release.decide import Prepared
from fleet.release.images import prune, pull_or_build
from fleet.release.lock.deploy_lock import held, operator

if TYPE_CHECKING:
    from fleet.release.plan import Plan
    from fleet.remote import Remote


def carry_out(prepared: Prepared) -> Entry:
    """Do what was decided.

    Returns: the ledger's entry of it.

    Raises:
        OperatorError: it was refused at the last moment, or it failed and what ran before runs on.
    """
    remote, what, state = prepared.remote, prepared.what, prepared.found
    begun, started = time.monotonic(), datetime.now(UTC)
    entry = Entry(
        time=f"{started:%Y-%m-%dT%H:%M:%SZ}",
        operator=operator(),
        action=what.action,
        result="ok",
        seconds=0,
        before=what.before,
        after=what.after,
        images=plan.images(remote.settings, what.after),
        subjects=_subjects(prepared),
        address=remote.seen_from,
    )
    try:
        done = _switched(prepared, entry, started)
    except FailedError as failure:
        hooks.run("on-failure", hooks.environment(what, entry.operator, failure.what, round(time.monotonic() - begun)))
        raise
    entry = replace(entry, seconds=round(time.monotonic() - begun))
    prune.after_release(remote, [*state.entries, entry], what.after)
    calls = f"calls: {done['ended']} ended by themselves, {done['cut']} cut" if done["ended"] or done["cut"] else ""
    say(
        f"{what.host}: {what.before or 'nothing'} → {what.after}; "
        f"commits: {sum(len(commits) for commits in what.commits.values())}; {calls}{'; ' * bool(calls)}"
        f"{entry.seconds} s. https://{what.host} answers.",
        "green",
    )
    notice.give(remote, what, entry, calls)
    hooks.run("post-deploy", hooks.environment(what, entry.operator, seconds=entry.seconds))
    return entry


def _subjects(prepared: Prepared) -> dict[str, str]:
    """What the release's commits say of themselves, as far as this machine's repositories know them."""
    after = prepared.what.after
    subjects = {name: repository.subject(after.sha(name)) for name, repository in prepared.known.items()}
    return {name: text for name, text in subjects.items() if text}


def _switched(prepared: Prepared, entry: Entry, started: datetime) -> dict[str, Any]:
    """Let the release take the place of what runs, under the host's lock; returns what became of calls."""
    remote, what, options, begun = prepared.remote, prepared.what, prepared.options, time.monotonic()
    with held(remote, what, prepared.found, started) as lock:
        pull_or_build.ensure(remote, what.after, prepared.known, options.digests)
        # A rollback may be an emergency.
        accepts = options.accepts_overlap or what.action == "rollback"
        if options.waits and not accepts:
            overlap.wait(remote, what, options.drain_seconds)
        if prepared.old:
            prepare.stage(remote, entry.images)
        with takeover.taking_over(remote, prepared.old) if prepared.old else nullcontext():
            try:
                _prepare(remote, what, entry, None if accepts else options.drain_seconds)
            except FailedError as failure:
                failed = replace(entry, result="failed", seconds=round(time.monotonic() - begun), note=failure.what)
                _report(remote, what, failed)
                raise
            if prepared.stopped.is_set():
                raise FailedError(
                    f"{what.host}: stopped before the switch.",
                    "Ctrl-C was pressed.",
                    f"The previous release continues to run. inv deploy --host={what.host} continues from there.",
                )
            services = what.changed if what.before else list(SERVICES)
            so_far = replace(entry, seconds=round(time.monotonic() - begun))
            drain = options.drain_seconds
            done = switch.carry_out(remote, services, so_far, lock.owner, drain, accepts_overlap=accepts)
            lock.given_back = True
            return done


def _report(remote: Remote, what: Plan, failed: Entry) -> None:
    """Tell the ledger and the team of a release that failed; what keeps them from hearing of it hides no failure."""
    try:
        ledger.record(remote, failed)
    except OperatorError as error:
        say(f"  {remote.name}: the ledger does not have it: {error.what}", "yellow")
    notice.give(remote, what, failed)


def _prepare(remote: Remote, what: Plan, entry: Entry, drain_seconds: int | None) -> None:
    """Everything that a release needs, and that changes nothing about the one that runs.

    Raises:
        OperatorError: it was refused before anything began.
        FailedError: one of the steps did not succeed.
    """
    prepare.prepare(remote, entry.images, drain_seconds if overlap.possible(remote, what) else None)
    try:
        migrations.apply(remote, what.schema)
        if not prepare.fill_volumes(remote, entry.images):
            prepare.certificate(remote)
    except OperatorError as failure:
        raise FailedError(failure.what, failure.why, failure.do) from None
