"""A deploy or a rollback of one host: decided and shown, before anything is touched.

Then the operator is asked (waves.py), once for all hosts; run.py carries it out.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING

from aipbx_agent.contract import SERVICES
from aipbx_agent.release.releases import Release
from fleet.adoption import gate
from fleet.converge import drift
from fleet.git.repository import Repository, chosen, repositories
from fleet.migrations import run as migrations
from fleet.output import say, step
from fleet.release import plan, switch
from fleet.release.checks import by_ci, configuration, overlap, preconditions
from fleet.release.images import build_arguments, build_memory, offers, restore_images
from fleet.release.lock import recovery
from fleet.state import survey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fleet.adoption.hand_made import HandMade
    from fleet.release.plan import Plan
    from fleet.remote import Remote
    from fleet.state.survey import Survey


@dataclass(frozen=True)
class Options:
    """How an operator wants it done.

    Attributes:
        drain_seconds: how long calls may continue; 0: they are cut.
        allow_destructive: migrations that may delete rows.
        despite_migrations: whether an older commit can run with what the database has become.
        waits: whether it waits for a moment at which none of the application's timers runs.
        accepts_overlap: whether it does not care.
        digests: by service, what its image has to be: what the registry has now, or what a build of CI's says.
    """

    drain_seconds: int
    allow_destructive: Sequence[str] = ()
    despite_migrations: bool = False
    waits: bool = False
    accepts_overlap: bool = False
    digests: Mapping[str, str] = field(default_factory=dict)


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


def asked_for_drift(hosts: list[Remote]) -> dict[str, list[str]]:
    """How several hosts differ from what is declared: one run of pyinfra's takes little longer than for one of them."""
    if len(hosts) < 2 or hosts[0].restricted:
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
        shas: commits as typed; none: the head of the branch, of every service that is meant.
        service: backend or frontend: only that one moves; empty: both.
        options: how it is done.
        drifted: what `asked_for_drift` said.

    Raises:
        OperatorError: it cannot be; nothing was touched.
    """
    known = repositories(remote.settings)
    with step("repositories, host, drift"), ThreadPoolExecutor() as pool:
        # CI's account cannot compare a host with its description: it may not read it.
        drift_check = None if remote.restricted else pool.submit(drift.of, remote.name, drifted)
        looking = pool.submit(survey.take, remote, options.drain_seconds)
        list(pool.map(Repository.refresh, known.values()))
        state = recovery.settled(remote, by_ci.without_own_lock(remote, looking.result()), options.drain_seconds)
        old = None if remote.restricted else gate.waiting(remote, state)
        preconditions.refuse(remote.name, state, remote.settings, first_allowed=not remote.restricted)
        if not old:  # that one has them both, and hands them over
            preconditions.refuse_uncertified(remote.name, state, remote.settings)
            preconditions.refuse_unknown_names(remote.name, state.preflight.unknown_names)
            preconditions.refuse_taken(remote.name, state.preflight.taken)
        configuration.refuse_invalid(remote, state.preflight.variables)
        changes = drift_check.result() if drift_check else []
    moving = [known[service]] if service else list(known.values())
    named = chosen(moving, shas)
    now = None if old else state.running
    heads = {name: known[name].head() for name in SERVICES if now is None or (not shas and known[name] in moving)}
    wanted = now.with_shas(heads | named) if now else Release(**(heads | named))
    if remote.settings.images_from == "build":
        for name in SERVICES:
            known[name].refuse_incomplete(wanted.sha(name))
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
    options = replace(options, digests={**offers.digests(remote, wanted), **options.digests})
    _announce(remote, what, state, changes, options.drain_seconds)
    for line in offers.lines(remote.settings, wanted, options.digests):
        say(f"  {line}")
    for line in gate.announcement(remote, old, state) if old else []:
        say(f"  {line}", "yellow")
    for line in _remarks(remote, what, state):
        say(f"  {line}", "yellow")
    if not options.accepts_overlap:
        overlap.refuse(remote, what, state.preflight, waits=options.waits)
    return Prepared(remote, what, state, known, old, options)


def _remarks(remote: Remote, what: plan.Plan, state: Survey) -> Iterator[str]:
    """What is no reason to refuse, a line each."""
    if what.before and state.preflight.stray:
        yield "PostgreSQL is recreated: it is connected to a network that no longer exists, and would not start again."
    if edited := configuration.waiting(remote, state.preflight.variables):
        yield f"Edited here and not pushed: {', '.join(edited)}. inv env.push --host={remote.name}"
    yield from preconditions.elsewhere(state.preflight.elsewhere, certified=state.certificate_until is not None)
    if short := build_memory.shortage(state, remote.settings, what.moving):
        yield short
    if ignored := build_arguments.ignored(remote):
        yield f"No effect, because CI has built the images (images_from): {', '.join(ignored)}."


def _commits(repository: Repository, old: str, new: str) -> list[str]:
    """What comes with the new commit, or goes when it is an older one."""
    return repository.between(old, new) or [f"without {commit}" for commit in repository.between(new, old)]


def rollback(remote: Remote, to: str, options: Options) -> Prepared:
    """Decide and show to which earlier release a host would go back: by the same steps as a deploy, without a network.

    Only images that are gone from the host are fetched, and that is shown first.

    Args:
        to: a SHA of that release; empty: the release before the present one.
        options: how it is done.

    Raises:
        OperatorError: it cannot be; nothing was touched.
    """
    with step("host"):
        state = recovery.settled(remote, survey.take(remote, options.drain_seconds), options.drain_seconds)
        preconditions.refuse(remote.name, state, remote.settings, first_allowed=False)
        configuration.refuse_invalid(remote, state.preflight.variables)
    wanted = plan.earlier(remote.name, state, remote.settings.keep_releases, to)
    coming = restore_images.needed(remote, wanted, repositories(remote.settings))
    schema = migrations.allow_back(remote, state.running, wanted, despite=options.despite_migrations)
    back = plan.Plan(remote.name, "rollback", state.running, wanted, schema=schema)
    _announce(remote, back, state, [], options.drain_seconds)
    for line in coming.lines:
        say(line, "yellow")
    options = replace(options, digests=coming.digests)
    return Prepared(remote, back, state, coming.repositories, None, options)


def _announce(remote: Remote, what: Plan, state: Survey, changes: list[str], drain_seconds: int) -> None:
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
        known = state.preflight.hands_over
        cost = switch.interrupts(remote, what.changed, state.calls, drain_seconds=drain_seconds, hands_over=known)
        say(f"  {cost}", "" if cost.startswith("Interrupts nothing") else "yellow")
        if "backend" in what.changed and state.preflight.background:
            running = ", ".join(f"{count} {kind}" for kind, count in state.preflight.background.items())
            say(
                f"  In the background: {running}. Those that have not ended with the old backend stay unfinished. "
                "To spare them, answer no, and deploy later.",
                "yellow",
            )
        if failing := switch.after_failure(remote, what.changed, hands_over=known):
            say(f"  {failing}")
        if restarts := state.preflight.restarts:
            say(f"  Restarts, because its declaration changed: {', '.join(restarts)}.", "yellow")
        if "postgres" in restarts:
            say("  INTERRUPTS: requests that need the database fail while it restarts, for some seconds.", "yellow")
        # Whose PBXs there are is not for the log of a run of CI's.
        if "backend" in what.changed and remote.settings.switch_mode == "colours" and not remote.restricted:
            for number, line in enumerate(switch.about_pbxs(state.preflight, hands_over=known)):
                say(f"  {line}", "yellow" if number else "")
