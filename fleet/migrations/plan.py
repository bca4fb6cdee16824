"""What an operator sees of migrations before they agree, and what is refused: decided from a host's answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aipbx_agent.contract import FIRST_START, KNOWN, LIVES, NEW, NO_SERVER
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Schema:
    """What comes to a host's database with a release.

    Attributes:
        request: to the agent, as JSON; empty: nothing.
        lines: what the operator reads before they agree.
        changes: whether there is a file to run or to mark.
    """

    request: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    changes: bool = False


def lines(answer: dict[str, Any], request: dict[str, Any], allowed: Sequence[str]) -> list[str]:
    """Return what would happen, for the operator.

    Args:
        answer: the host's answer.
        request: what it was asked with.
        allowed: the files that may delete rows.
    """
    if answer["state"] in {NO_SERVER, NEW, FIRST_START}:
        return _new_database(answer, request) if request["files"] else []
    names = [migration["name"] for migration in answer["pending"]]
    if names and answer["state"] == LIVES:
        by_hand = f"{_files(len(names))} count as applied by hand, up to {names[-1]}"
        return [
            f"  migrations: the database lived without a ledger; {by_hand}",
            "      Was one of them not? Answer no, and deploy the commit that runs there now: --sha=…",
        ]
    shown = _absent(answer, request["early"])
    if names:
        shown.append(f"  migrations: {_files(len(names))} to run, after a backup set as restore point:")
    for migration in answer["pending"]:
        shown.append(f"      {migration['name']}: {_way_back(migration)}")
        shown += [f"          takes away {loss}{_consent(migration['name'], allowed)}" for loss in migration["losses"]]
    return shown


def _new_database(answer: dict[str, Any], request: dict[str, Any]) -> list[str]:
    """Return the steps of a new database, in their order."""
    begin = {
        NO_SERVER: "the database does not run yet; if it is new, in this order:",
        NEW: "the database is new; in this order:",
        FIRST_START: "the database's first start was interrupted; it continues, in this order:",
    }[answer["state"]]
    names = [migration["name"] for migration in answer["pending"]] or list(request["files"])
    early = [name for name in names if name in request["early"]]
    skipped = {name: request["skipped"][name] for name in names if name in request["skipped"] and name not in early}
    lines = [f"  migrations: {begin}", *(f"      {name} runs" for name in early)]
    lines.append("      the application starts once, reached by no one, and makes its tables")
    lines.append(f"      {_files(len(names) - len(early) - len(skipped))} run on them, in the order of their dates")
    return lines + [f"      {name} does not run: {reason}" for name, reason in skipped.items()]


def _absent(answer: dict[str, Any], early: Sequence[str]) -> list[str]:
    """What is missing of files that were only marked; those for a new database alone do not run on a living one."""
    if not answer["absent"]:
        return []
    by_hand = [line for line in answer["absent"] if line.partition(":")[0] in early]
    lines = ["  migrations: marked as applied, and not all that they make is there:"]
    lines += [f"      {line}" for line in answer["absent"]]
    if by_hand != answer["absent"]:
        lines.append("      Have them run: inv migrate --run-marked, or one: --run-marked=FILE")
    lines += [
        f"      By hand (inv db), for it runs on a new database alone: {line.partition(':')[0]}" for line in by_hand
    ]
    return lines


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def _way_back(migration: dict[str, Any]) -> str:
    if not migration["breaks"]:
        return "older releases can run with it"
    return f"no rollback past it without --despite-migrations ({migration['breaks']})"


def _consent(name: str, allowed: Sequence[str]) -> str:
    return "  (allowed)" if name in allowed else ""


def refuse_losses(host: str, answer: dict[str, Any], allowed: Sequence[str]) -> None:
    """Refuse to remove rows without consent, and a consent to what no one asks for.

    Raises:
        OperatorError: names files, tables and rows.
    """
    pending = {migration["name"]: migration["losses"] for migration in answer["pending"]}
    for name in allowed:
        if name not in pending:
            raise OperatorError(
                f"{host}: there is no migration {name!r} to run, so nothing of it can be allowed.",
                f"To run: {', '.join(pending) or 'none'}.",
                "Name a file as it is called in the repository, without its folder; "
                f"inv migrate --dry --host={host} shows them.",
            )
    asking = {name: losses for name, losses in pending.items() if losses and name not in allowed}
    if asking and answer["state"] == KNOWN:
        name = next(iter(asking))
        raise OperatorError(
            f"{host}: migration {name} would delete rows.",
            "; ".join(asking[name]),
            "If that is what you want: " + " ".join(f"--allow-destructive={loss}" for loss in asking),
        )


def agreed_without(
    host: str,
    answer: dict[str, Any],
    sha: str,
    is_newer: Callable[[str], bool],
    *,
    running: bool,
    despite: bool,
) -> tuple[list[str], list[str]]:
    """Return the applied migrations that a release may run without, though it does not know them.

    Args:
        answer: its answer.
        sha: the backend's commit that shall run.
        is_newer: whether a commit that a migration came with is newer than that one.
        running: whether it runs already.
        despite: whether the operator says that it can run with all of them.

    Returns: their names, and lines for the operator.

    Raises:
        OperatorError: it cannot, or a file is gone from the repository.
    """
    lines = []
    for row in answer["missing"]:
        if not running and not is_newer(row["release"]):
            raise OperatorError(
                f"{host}: migration {row['name']} was applied on {row['at']} UTC, and {sha[:12]} does not have it.",
                f"Applied: SHA-256 {row['sha256']}, with backend {row['release'][:12]}; now: none.",
                "Bring the file back into the repository: what was applied must stay known.",
            )
    breaking = [row for row in answer["missing"] if row["breaks"]]
    if breaking and not running and not despite:
        raise _no_way_back(host, sha, breaking, answer["sets"])
    for row in answer["missing"]:
        how = "it can run with it" if not row["breaks"] else "as it does now" if running else "as you say"
        lines.append(f"  migrations: {row['name']} stays applied; backend {sha[:8]} does not know it: {how}")
    return [row["name"] for row in answer["missing"]], lines


def _no_way_back(host: str, sha: str, breaking: list[dict[str, Any]], sets: list[str]) -> OperatorError:
    first = breaking[0]
    rows = "; ".join(f"{row['name']} of {row['at']} UTC ({row['breaks']})" for row in breaking)
    points = [row["restore_point"] for row in breaking if row["restore_point"]]
    way = "There is no restore point from before it: it was marked as applied."
    if points:
        backups = (
            "" if points[0] in sets else f" (no longer on the host: inv backups --host={host} shows its off-site copy)"
        )
        way = (
            f"inv restore {points[0]} --host={host}{backups} brings the data from before, and keeps those of now; then "
            "this works."
        )
    return OperatorError(
        f"{host}: backend {sha[:12]} is older than {_files(len(breaking))} of migrations that it may not run with.",
        f"{rows}. It came with backend {first['release'][:12]}, and is neither additive nor declared compatible.",
        f"{way} If you know that it can run with them: --despite-migrations",
    )
