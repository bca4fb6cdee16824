"""A deploy and a rollback of one host, each in two parts: decided and shown, then carried out.

Between the two the operator is asked (waves.py), once for all hosts.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any

from aipbx_agent.contract import SERVICES
from fleet.adoption import gate, takeover
from fleet.converge import drift
from fleet.errors import FailedError, OperatorError
from fleet.git.repository import Repository, chosen
from fleet.migrations import run as migrations
from fleet.output import say, step
from fleet.release import configuration, hooks, ledger, notice, overlap, plan, rollout, switch
from fleet.release.images import build_arguments, prune, pull_or_build, restore_images
from fleet.release.lock import recovery
from fleet.release.lock.deploy_lock import held, operator
from fleet.state import survey
from fleet.state.releases import Entry, Release

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.adoption.found import HandMade
    from fleet.inventory.settings import Settings
    from fleet.release.plan import Plan
    from fleet.remote import Remote
    from fleet.state.survey import Survey


@dataclass(frozen=True)
class Options:
    """How an operator wants it done.

    Attributes:
        drain_seconds: how long calls may go on; 0: they are cut.
        allow_destructive: migrations that may delete rows.
        despite_migrations: whether an older commit can run with what the database has become.
        waits: whether it waits for a moment at which none of the application's timers runs.
        accepts_overlap: whether it does not care.
    """

    drain_seconds: int
    allow_destructive: Sequence[str] = ()
    despite_migrations: bool = False
    waits: bool = False
    accepts_overlap: bool = False


@dataclass(frozen=True)
class Prepared:
    """What is about to happen to a host, decided and shown.

    Attributes:
        remote: the host.
        what: the deploy or rollback.
        found: the host as it was found.
        known: by service, the repositories of what may have to come to the host; usually none for a rollback.
        old: a stack installed by hand that is to be taken over.
        options: how it is done.
        stopped: set when the operator no longer wants it; the switch is not begun then.
    """

    remote: Remote
    what: Plan
    found: Survey
    known: dict[str, Repository]
    old: HandMade | None
    options: Options
    stopped: Event = field(default_factory=Event)


def repositories(settings: Settings) -> dict[str, Repository]:
    """The application's repositories, by service."""
    urls = {"backend": settings.backend_repository, "frontend": settings.frontend_repository}
    return {service: Repository(service, url, settings.branch) for service, url in urls.items()}


def asked_for_drift(hosts: list[Remote]) -> dict[str, list[str]]:
    """How several hosts differ from what is declared: one run of pyinfra's takes little longer than for one of them."""
    if len(hosts) < 2:
        return {}
    with step("drift of all hosts"):
        return drift.of_all([remote.name for remote in hosts])


def deploy(
    remote: Remote,
    shas: list[str],
    service: str,
    options: Options,
    drifted: dict[str, list[str]] | None = None,
) -> Prepared:
    """Decide and show what a deploy would bring to a host.

    Args:
        remote: the host.
        shas: commits as typed; none: the head of the branch, of every service that is meant.
        service: backend or frontend: only that one moves; empty: both.
        options: how it is done.
        drifted: what `asked_for_drift` said.

    Raises:
        OperatorError: it cannot be; nothing was touched.
    """
    known = repositories(remote.settings)
    with step("repositories, host, drift"), ThreadPoolExecutor() as pool:
        asked = pool.submit(drift.of, remote.name, drifted)
        looked = pool.submit(survey.take, remote, options.drain_seconds)
        list(pool.map(Repository.refresh, known.values()))
        found = recovery.settled(remote, looked.result(), options.drain_seconds)
        old = gate.waiting(remote, found)
        plan.refuse(remote.name, found, remote.settings, first_allowed=True)
        configuration.refuse_invalid(remote, found.met.variables)
        changes = asked.result()
    meant = [known[service]] if service else list(known.values())
    named = chosen(meant, shas)
    now = None if old else found.running
    heads = {name: known[name].head() for name in SERVICES if now is None or (not shas and known[name] in meant)}
    wanted = now.with_shas(heads | named) if now else Release(**(heads | named))
    build_arguments.refuse_lost(remote, wanted, known)
    commits = {name: _commits(known[name], now.sha(name), wanted.sha(name)) for name in SERVICES} if now else {}
    schema = migrations.planned(
        remote,
        now,
        wanted,
        known["backend"],
        lives=old is not None,
        allowed=options.allow_destructive,
        despite=options.despite_migrations,
    )
    what = plan.Plan(remote.name, "deploy", now, wanted, commits, schema)
    _announce(remote, what, found, changes, options.drain_seconds)
    for line in gate.announcement(remote, old, found) if old else []:
        say(f"  {line}", "yellow")
    if now and found.met.stray:
        say(
            "  PostgreSQL is recreated: it is connected to a network that no longer exists, and would not start again.",
            "yellow",
        )
    if edited := configuration.waiting(remote, found.met.variables):
        say(f"  Edited here and not pushed: {', '.join(edited)}. inv env.push --host={remote.name}", "yellow")
    if ignored := build_arguments.ignored(remote):
        say(f"  No effect, because CI has built the images (images_from): {', '.join(ignored)}.", "yellow")
    if not options.accepts_overlap:
        overlap.refuse(remote, what, found.met, waits=options.waits)
    return Prepared(remote, what, found, known, old, options)


def _commits(repository: Repository, old: str, new: str) -> list[str]:
    """What comes with the new commit, or goes when it is an older one."""
    return repository.between(old, new) or [f"without {commit}" for commit in repository.between(new, old)]


def rollback(remote: Remote, to: str, options: Options) -> Prepared:
    """Decide and show to which earlier release a host would go back: by the same steps as a deploy, without a network.

    Only images that are gone from the host are fetched, and that is told first.

    Args:
        remote: the host.
        to: a SHA of that release; empty: the release before the present one.
        options: how it is done.

    Raises:
        OperatorError: it cannot be; nothing was touched.
    """
    with step("host"):
        found = recovery.settled(remote, survey.take(remote, options.drain_seconds), options.drain_seconds)
        plan.refuse(remote.name, found, remote.settings, first_allowed=False)
        configuration.refuse_invalid(remote, found.met.variables)
    wanted = plan.earlier(remote.name, found, remote.settings.keep_releases, to)
    known, coming = restore_images.needed(remote, wanted, repositories(remote.settings))
    schema = migrations.allow_back(remote, found.running, wanted, despite=options.despite_migrations)
    back = plan.Plan(remote.name, "rollback", found.running, wanted, schema=schema)
    _announce(remote, back, found, [], options.drain_seconds)
    for line in coming:
        say(line, "yellow")
    return Prepared(remote, back, found, known, None, options)


def _announce(remote: Remote, what: Plan, found: Survey, changes: list[str], drain_seconds: int) -> None:
    say(f"{what.host}: {what.action}", "bold")
    for line in what.lines():
        say(line)
    if changes:
        say(
            f"  {what.host} is not as declared ({len(changes)} operations would change it: {'; '.join(changes[:3])}). "
            f"Converge it: pyinfra inventory.py deploys/bootstrap.py --limit {what.host}",
            "yellow",
        )
    if what.before:
        known = configuration.knows_pbx(found.met.variables)
        cost = switch.interrupts(remote, what.changed, found.calls, drain_seconds=drain_seconds, hands_over=known)
        say(f"  {cost}", "" if cost.startswith("Interrupts nothing") else "yellow")
        if restarts := found.met.restarts:
            say(f"  Restarts, because its declaration changed: {', '.join(restarts)}.", "yellow")
        if "postgres" in restarts:
            say("  INTERRUPTS: requests that need the database fail while it restarts, for some seconds.", "yellow")
        if "backend" in what.changed and remote.settings.switch_mode == "colours":
            for number, line in enumerate(switch.about_pbxs(found.met, hands_over=known)):
                say(f"  {line}", "yellow" if number else "")


def carry_out(prepared: Prepared) -> Entry:
    """Do what was decided.

    Returns: the ledger's entry of it.

    Raises:
        OperatorError: it was refused at the last moment, or it failed and what ran before runs on.
    """
    remote, what, found = prepared.remote, prepared.what, prepared.found
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
    )
    try:
        done = _switched(prepared, entry, started)
    except FailedError as failure:
        hooks.run("on-failure", hooks.environment(what, entry.operator, failure.what, round(time.monotonic() - begun)))
        raise
    entry = replace(entry, seconds=round(time.monotonic() - begun))
    prune.after_release(remote, [*found.entries, entry], what.after)
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
        pull_or_build.ensure(remote, what.after, prepared.known)
        # A rollback may be an emergency.
        accepts = options.accepts_overlap or what.action == "rollback"
        if options.waits and not accepts:
            overlap.wait(remote, what, options.drain_seconds)
        if prepared.old:
            rollout.stage(remote, entry.images)
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
    rollout.prepare(remote, entry.images, drain_seconds if overlap.possible(remote, what) else None)
    try:
        migrations.apply(remote, what.schema)
        if not rollout.fill_volumes(remote, entry.images):
            rollout.certificate(remote)
    except OperatorError as failure:
        raise FailedError(failure.what, failure.why, failure.do) from None
