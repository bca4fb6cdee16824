"""Migrations on their way to a host: shown, run before the services start, or run by themselves."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from aipbx_agent import contract
from fleet import agent
from fleet.cli import agree
from fleet.errors import OperatorError
from fleet.git.repository import Repository, chosen
from fleet.migrations import files, plan, reading
from fleet.migrations.plan import Schema
from fleet.output import say, step
from fleet.state import survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aipbx_agent.release.releases import Release
    from fleet.migrations.files import Files
    from fleet.remote import Remote

# A restore point of a large database, and what may take long on purpose.
SECONDS = 12 * 3600


def planned(
    remote: Remote,
    before: Release | None,
    after: Release,
    repository: Repository,
    *,
    lives: bool,
    allowed: Sequence[str],
    despite: bool,
) -> Schema:
    """Return what a deploy would do to the database.

    Args:
        before: what runs; None on a first deploy.
        after: what shall run.
        repository: the backend's, refreshed.
        lives: whether a database installed by hand is taken over.
        allowed: the files that may delete rows.
        despite: whether the operator says that an older release can run with what it does not know.

    Raises:
        OperatorError: it is refused; nothing was touched.
    """
    release = files.of(repository, after.backend, "postgres")
    request = _request(remote, release) | {"lives": lives, "allow": list(allowed)}
    if lives:
        # Its server does not run under our project yet.
        pending = [{"name": name, "breaks": "", "losses": []} for name in release.dated]
        answer: dict[str, Any] = {"state": contract.LIVES, "pending": pending, "missing": [], "absent": [], "sets": []}
    else:
        answer = _ask(remote, request)
    if answer["state"] == contract.OTHER:
        return Schema(lines=_by_hand(repository, before, after))
    running = before is not None and before.backend == after.backend
    without, agreed = plan.agreed_without(
        remote.name,
        answer,
        after.backend,
        partial(repository.leads, after.backend),
        running=running,
        despite=despite,
    )
    shown = plan.lines(answer, request, allowed)
    if answer["state"] == contract.KNOWN:
        _show_refused(remote, answer, shown, allowed)
    changes = answer["state"] != contract.KNOWN or bool(answer["pending"])
    request |= {"without": without, "shown": answer["state"] != contract.NO_SERVER}
    return Schema(request, [*shown, *agreed], changes)


def apply(remote: Remote, schema: Schema | None) -> None:
    """Run what was planned; the deploy lock is held already, and the database runs.

    Args:
        schema: what comes to the database; None: nothing.

    Raises:
        OperatorError: a migration failed and is rolled back, or was refused; no service was started.
    """
    if schema and schema.changes:
        _run(remote, ["migrate"], schema.request)
    elif schema and schema.request:
        # Without the lock of backups: a release for which there is nothing to do need not wait for one.
        agent.query(remote, ["migrations", "--record"], json.dumps(schema.request).encode())


def allow_back(remote: Remote, running: Release | None, after: Release, *, despite: bool) -> Schema:
    """Return whether a rollback's release can run with what the database has become; needs no repository.

    Raises:
        OperatorError: it may not; names the restore point.
    """
    answer = _ask(remote, {"release": after.backend, "files": None})
    same = running is not None and running.backend == after.backend
    _, agreed = plan.agreed_without(remote.name, answer, after.backend, lambda _: True, running=same, despite=despite)
    return Schema(lines=agreed)


def migrate(
    remote: Remote,
    sha: str,
    allowed: Sequence[str],
    baseline: Sequence[str] | None,
    *,
    run_marked: Sequence[str] | None,
    dry: bool,
    yes: bool,
) -> None:
    """Run, or mark, the migrations of a commit by themselves.

    Args:
        sha: the backend's commit, as typed; empty: what runs.
        allowed: the files that may delete rows.
        baseline: the files to mark as applied; empty: all that the database has not seen; None: none.
        run_marked: the files that were only marked as applied and shall run; empty: all of them; None: none.
        dry: whether it only shows.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: it is refused, and nothing was touched.
        FailedError: a file failed; it is rolled back.
    """
    repository = Repository("backend", remote.settings.backend_repository, remote.settings.branch)
    with step("repository, host"):
        repository.refresh()
        running = survey.take(remote).running
        release = files.of(repository, _commit(remote, repository, running, sha), "postgres")
        request = _request(remote, release) | {"allow": list(allowed)}
        request |= {"baseline": baseline, "run_marked": run_marked}
        answer = _ask(remote, request)
    if answer["state"] == contract.OTHER:
        _run(remote, ["migrate"], request)  # the host refuses, and says why
    _refuse_unfinished(remote, answer)
    if baseline is not None:
        _mark(remote, release, answer, request, dry=dry, yes=yes)
        return
    of_running = running is not None and running.backend == release.sha
    leads = partial(repository.leads, release.sha)
    without, agreed = plan.agreed_without(remote.name, answer, release.sha, leads, running=of_running, despite=False)
    shown = [*plan.lines(answer, request, allowed), *agreed]
    shown += [f"  passed over, because its name has no date: {name}" for name in release.passed_over]
    say(f"{remote.name}: migrations of backend {release.sha[:12]}", "bold")
    for line in shown:
        say(line)
    if not dry:
        plan.refuse_losses(remote.name, answer, allowed)
    if not answer["pending"]:
        _show_nothing(remote, release, answer)
    elif not dry:
        agree(remote.name, f"run them on {remote.name}", yes=yes)
        _run(remote, ["migrate", "--lock"], request | {"without": without})


def _refuse_unfinished(remote: Remote, answer: dict[str, Any]) -> None:
    if answer["state"] in {contract.NEW, contract.FIRST_START}:
        raise OperatorError(
            f"{remote.name}: the first start of the database is not complete.",
            "The application makes its tables there, and the files run on them.",
            f"inv deploy --host={remote.name} does both and continues where it was interrupted.",
        )


def _show_nothing(remote: Remote, release: Files, answer: dict[str, Any]) -> None:
    if answer["absent"]:
        say(f"{remote.name}: nothing to run, but what files marked as applied would make is missing.", "yellow")
    else:
        say(f"{remote.name}: nothing to run; {_of(len(release.dated))} applied.", "green")


def _mark(
    remote: Remote, release: Files, answer: dict[str, Any], request: dict[str, Any], *, dry: bool, yes: bool
) -> None:
    names = list(request["baseline"]) or [migration["name"] for migration in answer["pending"]]
    say(
        f"{remote.name}: migrations of backend {release.sha[:12]} that are marked as applied, without running them",
        "bold",
    )
    for name in names:
        say(f"      {name}")
    if not names:
        say(f"{remote.name}: nothing to mark; {_of(len(release.dated))} applied.", "green")
        return
    if dry:
        return
    agree(remote.name, f"mark them as applied on {remote.name}", yes=yes)
    _run(remote, ["migrate", "--lock"], request)


def _of(count: int) -> str:
    return "no file is there to be" if not count else f"all {count} files are"


def _commit(remote: Remote, repository: Repository, running: Release | None, sha: str) -> str:
    if sha:
        return chosen([repository], [sha])["backend"]
    if running is None:
        raise OperatorError(
            f"{remote.name} has no release yet.",
            "Which migrations belong to it is not known.",
            f"inv deploy --host={remote.name} applies them; or name a commit of the backend: --sha=…",
        )
    return running.backend


def _request(remote: Remote, release: Files) -> dict[str, Any]:
    data = remote.settings
    return {
        "release": release.sha,
        "files": release.dated,
        "facts": reading.lasting({name: reading.facts(source) for name, source in release.dated.items()}),
        "early": data.migrations_before_first_start,
        "skipped": data.migrations_skipped_on_new_database,
        "lock_seconds": data.migration_lock_seconds,
        "statement_seconds": data.migration_statement_seconds,
    }


def _ask(remote: Remote, request: dict[str, Any]) -> dict[str, Any]:
    return agent.query(remote, ["migrations"], json.dumps(request).encode())


def _show_refused(remote: Remote, answer: dict[str, Any], shown: list[str], allowed: Sequence[str]) -> None:
    """Refuse what removes rows; what would have run is shown first, because it says all of it."""
    try:
        plan.refuse_losses(remote.name, answer, allowed)
    except OperatorError:
        for line in shown:
            say(line)
        raise


def _by_hand(repository: Repository, before: Release | None, after: Release) -> list[str]:
    """Of a MySQL host: the files that come with a release, for the operator to run."""
    mysql_files = files.of(repository, after.backend, "mysql").dated
    known = files.of(repository, before.backend, "mysql").dated if before else mysql_files
    new = [name for name in mysql_files if name not in known]
    return [f"  migrations: MySQL cannot take back a half-done file, so run it by hand first: {name}" for name in new]


def _run(remote: Remote, verb: list[str], request: dict[str, Any]) -> None:
    result = agent.run(remote, verb, seconds=SECONDS, stdin=json.dumps(request).encode())
    if result["run"]:
        point = f"; restore point: {result['restore_point']}" if result["restore_point"] else ""
        say(f"  migrations: {len(result['run'])} run{point}", "green")
    if result["marked"]:
        say(f"  migrations: {len(result['marked'])} marked as applied, up to {result['marked'][-1]}", "green")
