"""`inv deploy`, `inv rollback`, `inv releases`, `inv prune`, `inv lock`, `inv unlock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from fleet.cli import change_each, finish, hosts_to_change, hosts_to_read, only, remotes, report_errors
from fleet.command_line.verb import HOSTS, task

if TYPE_CHECKING:
    from fleet.git.repository import Repository


@task(
    iterable=["sha", "allow_destructive"],
    help={
        "host": f"{HOSTS}: one first, then the rest at once",
        "sha": "a commit (4 digits or more), of the backend or of the frontend; may be given once for each",
        "service": "backend or frontend: only that one changes",
        "drain-timeout": "seconds that live calls may continue; default: drain_seconds",
        "now": "wait for no call and no timer: cut what is live",
        "atomic": "when one host fails, those that have the release already go back",
        "from-commit-message": "on the hosts that the commit's message names: [deploy:1], [deploy all]",
        "allow-destructive": "a migration that may delete rows; may be given several times",
        "despite-migrations": "an older commit can run with the migrations that it does not know",
        "wait": "wait for a lock on the host, and while its timers run, instead of being refused",
        "digest": "of a deploy by CI: what the image of --service has to be, as sha256:…",
        "plan": "only show which hosts get which commits, and ask no host",
        "json": "with --plan: print JSON",
        "yes": "do not ask",
    },
)
@report_errors
def deploy(
    _: Context,
    host: str = "",
    sha: list[str] | None = None,
    service: str = "",
    drain_timeout: int = -1,
    now: bool = False,
    atomic: bool = False,
    from_commit_message: bool = False,
    allow_destructive: list[str] | None = None,
    despite_migrations: bool = False,
    wait: bool = False,
    digest: str = "",
    plan: bool = False,
    json: bool = False,
    yes: bool = False,
) -> None:
    """Bring a release to a host: the head of the branch, or --sha; goes back by itself when it fails."""
    from aipbx_agent.contract import SERVICES
    from fleet.errors import OperatorError
    from fleet.output import say
    from fleet.release import decide
    from fleet.release.checks import by_ci
    from fleet.release.rollout import each_host, waves

    if service and service not in SERVICES:
        raise OperatorError(
            f"There is no service {service!r} to deploy.",
            "A release is a pair: backend and frontend.",
            f"--service={' or --service='.join(SERVICES)}",
        )
    if json and not plan:
        raise OperatorError(
            "--json belongs to --plan.", "A deploy shows its steps and asks.", "Add --plan, or leave it out."
        )
    if plan:
        _show_plan(host, service, sha or [], from_commit_message=from_commit_message, as_json=json)
        return
    if from_commit_message:
        host = ",".join(_asked_for(host, *_meant(service, sha or [])))
        if not host:
            say("The commit's message asks for no host (no [deploy:…] in it): nothing to do.")
            finish(0)
        say(f"By the commit's message, it goes to {host.replace(',', ', ')}.")
    hosts = hosts_to_change(host)
    chosen = {"--now": now, "--drain-timeout": drain_timeout >= 0, "--atomic": atomic}
    chosen |= {"--despite-migrations": despite_migrations}
    by_ci.refuse(remotes(hosts), service, sha or [], [name for name, typed in chosen.items() if typed])
    digests = by_ci.digests(service, digest)
    options = decide.Options(0, allow_destructive or [], despite_migrations, wait, now, digests)
    prepared = each_host.deploys(hosts, sha or [], service, drain_timeout, options)
    waves.carry_out(prepared, canary=True, atomic=atomic, yes=yes)


def _show_plan(host: str, service: str, shas: list[str], *, from_commit_message: bool, as_json: bool) -> None:
    from fleet.inventory.hosts import load
    from fleet.release.rollout import targets

    repositories, named = _meant(service, shas)
    if from_commit_message:
        names = _asked_for(host, repositories, named)
        hosts = remotes([item for item in load() if item.name in names])
    else:
        hosts = remotes(hosts_to_change(host))
    targets.show(targets.of(hosts, repositories, named), as_json=as_json)


def _meant(service: str, shas: list[str]) -> tuple[list[Repository], dict[str, str]]:
    """Return the repositories of the services that are meant, refreshed, and the commits that were named."""
    from fleet.git.repository import chosen, repositories
    from fleet.inventory.hosts import default, load

    known = repositories(remotes([default(load())])[0].settings)
    chosen_repositories = [known[service]] if service else list(known.values())
    for repository in chosen_repositories:
        repository.refresh()
    return chosen_repositories, chosen(chosen_repositories, shas)


def _asked_for(host: str, repositories: list[Repository], shas: dict[str, str]) -> list[str]:
    """Return the hosts that the message of the commits names."""
    from fleet.errors import OperatorError
    from fleet.inventory.hosts import load
    from fleet.release.rollout import commit_message

    if host:
        raise OperatorError(
            "Both --host and --from-commit-message say which hosts match.",
            "They may contradict each other.",
            "Leave one of them out.",
        )
    return commit_message.named_by(repositories, shas, load())


@task(
    help={
        "host": f"{HOSTS}: at once",
        "to": "a SHA of any release that inv releases shows, or both with a comma; default: the one before",
        "drain-timeout": "seconds that live calls may continue; default: drain_seconds",
        "now": "wait for no call: cut what is live",
        "despite-migrations": "it can run with the migrations that it does not know",
        "wait": "wait for a lock on the host, instead of being refused",
        "yes": "do not ask",
    },
)
@report_errors
def rollback(
    _: Context,
    host: str = "",
    to: str = "",
    drain_timeout: int = -1,
    now: bool = False,
    despite_migrations: bool = False,
    wait: bool = False,
    yes: bool = False,
) -> None:
    """Go back to an earlier release; says first which images must be pulled or built again."""
    from fleet.release import decide
    from fleet.release.rollout import each_host, waves

    prepared = []
    for remote in each_host.unlocked(remotes(hosts_to_change(host)), wait=wait):
        drain_seconds = each_host.drain_seconds(remote, drain_timeout, now=now)
        prepared.append(
            decide.rollback(remote, to, decide.Options(drain_seconds, despite_migrations=despite_migrations))
        )
    waves.carry_out(prepared, canary=False, atomic=False, yes=yes)


@task(name="releases", help={"host": HOSTS, "json": "print JSON"})
@report_errors
def releases_(_: Context, host: str = "", json: bool = False) -> None:
    """Show the ledger: what ran on a host, since when, who deployed it."""
    from fleet.release import ledger

    if code := ledger.show(remotes(hosts_to_read(host)), as_json=json):
        finish(code)


@task(
    help={
        "host": HOSTS,
        "dry": "only show what would go",
        "yes": "do not ask",
    },
)
@report_errors
def prune(_: Context, host: str = "", dry: bool = False, yes: bool = False) -> None:
    """Delete the application's images that no release needs any more; shows which stay, and why."""
    from fleet.release.images import prune as pruning

    pruning.prune(remotes(hosts_to_change(host)), dry=dry, yes=yes)


@task(
    name="lock",
    help={
        "host": HOSTS,
        "reason": "the reason, shown to anyone who is refused",
    },
)
@report_errors
def lock_(_: Context, host: str = "", reason: str = "") -> None:
    """Keep releases away from a host until `inv unlock`; the reason is what others read."""
    from fleet.release.lock import deploy_lock

    for remote in remotes(hosts_to_change(host)):
        deploy_lock.take(remote, reason)


@task(help={"host": "a host", "force": "also a lock whose run continues", "yes": "do not ask"})
@report_errors
def unlock(_: Context, host: str = "", force: bool = False, yes: bool = False) -> None:
    """Break a deploy lock whose owner is certainly gone; says first whose it is, and cleans up after that run."""
    from fleet.release.lock import unlocking

    unlocking.unlock(only(hosts_to_change(host)), force=force, yes=yes)


@task(
    positional=["state"],
    help={"state": "on or off", "host": HOSTS, "yes": "do not ask"},
)
@report_errors
def maintenance(_: Context, state: str, host: str = "", yes: bool = False) -> None:
    """Show the maintenance page instead of the application, or stop showing it; calls continue either way."""
    from fleet.release import maintenance as page

    change_each(remotes(hosts_to_change(host)), lambda remote: page.turn(remote, state, yes=yes))
