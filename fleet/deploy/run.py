"""A deploy and a rollback, as one sentence of verbs."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fleet import drift, survey
from fleet.adoption import gate, takeover
from fleet.cli import agreed
from fleet.commands import docker
from fleet.deploy import configuration, images, ledger, plan, rollout
from fleet.deploy.lock import held, operator
from fleet.errors import FailedError, OperatorError
from fleet.progress import say, step
from fleet.releases import SERVICES, Entry, Release
from fleet.repository import Repository, chosen

if TYPE_CHECKING:
    from fleet.adoption.found import HandMade
    from fleet.deploy.plan import Plan
    from fleet.remote import Remote
    from fleet.settings import Settings
    from fleet.survey import Survey


def repositories(settings: Settings) -> dict[str, Repository]:
    """The application's repositories, by service."""
    urls = {"backend": settings.backend_repository, "frontend": settings.frontend_repository}
    return {service: Repository(service, url, settings.branch) for service, url in urls.items()}


def deploy(remote: Remote, shas: list[str], service: str, *, yes: bool) -> None:
    """Bring a release to a host.

    Args:
        remote: the host.
        shas: commits as typed; none: the head of the branch, of every service that is meant.
        service: backend or frontend: only that one moves; empty: both.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: it was refused, or it failed and what ran before runs again.
    """
    known = repositories(remote.settings)
    with step("repositories, host, drift"), ThreadPoolExecutor() as pool:
        drifted = pool.submit(drift.of, remote.name)
        looked = pool.submit(survey.take, remote)
        list(pool.map(Repository.refresh, known.values()))
        found = looked.result()
        old = gate.waiting(remote, found)
        plan.refuse(remote.name, found, remote.settings, first_allowed=True)
        configuration.refuse_invalid(remote)
        changes = drifted.result()
    meant = [known[service]] if service else list(known.values())
    named = chosen(meant, shas)
    now = None if old else found.running
    heads = {name: known[name].head() for name in SERVICES if now is None or (not shas and known[name] in meant)}
    wanted = now.with_shas(heads | named) if now else Release(**(heads | named))
    commits = {name: _commits(known[name], now.sha(name), wanted.sha(name)) for name in SERVICES} if now else {}
    what = plan.Plan(remote.name, "deploy", now, wanted, commits)
    _announce(what, found, changes)
    for line in gate.announcement(remote, old, found) if old else []:
        say(f"  {line}", "yellow")
    if now and (restarting := rollout.outdated(remote)):
        say(f"  Also starts anew, because its declaration changed: {', '.join(restarting)}.", "yellow")
    if edited := configuration.waiting(remote):
        say(f"  Edited here and not pushed: {', '.join(edited)}. inv env.push --host={remote.name}", "yellow")
    _carry_out(remote, what, found, known, old, yes=yes)


def _commits(repository: Repository, old: str, new: str) -> list[str]:
    """What comes with the new commit, or goes when it is an older one."""
    return repository.between(old, new) or [f"without {commit}" for commit in repository.between(new, old)]


def rollback(remote: Remote, to: str, *, yes: bool) -> None:
    """Go back to an earlier release, by the same steps and checks as a deploy; no network is needed.

    Args:
        remote: the host.
        to: a SHA of that release; empty: the release before the present one.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: it was refused, or it failed and what ran before runs again.
    """
    with step("host"):
        found = survey.take(remote)
        plan.refuse(remote.name, found, remote.settings, first_allowed=False)
        configuration.refuse_invalid(remote)
    wanted = plan.earlier(remote.name, found, remote.settings.keep_releases, to)
    for service, image in plan.images(remote.settings, wanted).items():
        if remote.run(docker.present(image)).code != 0:
            raise OperatorError(
                f"{remote.name} no longer has the {service}'s image {image}.",
                f"It keeps those of the last {remote.settings.keep_releases} releases.",
                f"inv deploy --host={remote.name} --sha={wanted.sha(service)[:12]} brings it back.",
            )
    back = plan.Plan(remote.name, "rollback", found.running, wanted)
    _announce(back, found, [])
    _carry_out(remote, back, found, {}, None, yes=yes)


def _announce(what: Plan, found: Survey, changes: list[str]) -> None:
    say(f"{what.host}: {what.action}", "bold")
    for line in what.lines():
        say(line)
    if changes:
        say(
            f"  {what.host} is not as declared ({len(changes)} operations would change it: {'; '.join(changes[:3])}). "
            f"Converge it: pyinfra inventory.py deploys/bootstrap.py --limit {what.host}",
            "yellow",
        )
    if what.before and "backend" in what.changed:
        calls = f"; {found.calls} RTP flows are live and would be cut" if found.calls else ""
        say(f"  Interrupts: API, Socket.IO and calls, until the new backend is ready{calls}.", "yellow")
    elif what.before:
        say("  Interrupts: the pages, for the second that the new frontend needs; API and calls go on.")


def _carry_out(
    remote: Remote, what: Plan, found: Survey, known: dict[str, Repository], old: HandMade | None, *, yes: bool
) -> None:
    if not agreed(f"{what.action} on {what.host}", yes=yes):
        raise OperatorError(f"{what.host}: nothing was done.", "You did not say yes.", "Run it again when you want it.")
    begun, started = time.monotonic(), datetime.now(UTC)
    with held(remote, what, found, started):
        images.ensure(remote, what.after, known)
        failure = _attempt(remote, what, old)
        entry = Entry(
            time=f"{started:%Y-%m-%dT%H:%M:%SZ}",
            operator=operator(),
            action=what.action,
            result="failed" if failure else "ok",
            seconds=round(time.monotonic() - begun),
            before=what.before,
            after=what.after,
            images=plan.images(remote.settings, what.after),
            note=failure.what if failure else "",
        )
        ledger.record(remote, entry)
        if failure:
            raise FailedError(failure.what, failure.why, failure.do)
        images.prune(remote, [*found.entries, entry])
    say(
        f"{what.host}: {what.before or 'nothing'} → {what.after}; "
        f"commits: {sum(len(commits) for commits in what.commits.values())}; {entry.seconds} s. "
        f"https://{what.host} answers.",
        "green",
    )


def _attempt(remote: Remote, what: Plan, old: HandMade | None) -> OperatorError | None:
    """Start the release; when it fails, bring back what ran before, and return why it failed."""
    wanted = plan.images(remote.settings, what.after)
    services = what.changed if what.before else list(SERVICES)
    rollout.stage(remote, wanted)
    try:
        with takeover.taking_over(remote, old) if old else nullcontext():
            _start(remote, what, wanted, services)
    except OperatorError as error:
        return error
    return None


def _start(remote: Remote, what: Plan, wanted: dict[str, str], services: list[str]) -> None:
    rollout.base(remote)
    rollout.fill_volumes(remote, wanted)
    try:
        rollout.switch(remote, services, recreate=what.before == what.after)
        rollout.certificate(remote)
        rollout.check_public(remote)
    except BaseException as error:
        _go_back(remote, what, services, error)
        raise


def _go_back(remote: Remote, what: Plan, services: list[str], failure: BaseException) -> None:
    if what.before is None:
        with step("take the failed release away"):
            rollout.clear(remote, services)
        return
    say(f"  back to {what.before}", "yellow")
    try:
        rollout.stage(remote, plan.images(remote.settings, what.before))
        rollout.switch(remote, services)
    except OperatorError as second:
        raise OperatorError(
            f"{what.host} IS DOWN: {failure}".partition("\n")[0],
            f"And what ran before does not start either: {second.what} {second.why}",
            f"inv logs {services[0]} --host={what.host}, inv status; then inv rollback --host={what.host} --to=…",
        ) from None
