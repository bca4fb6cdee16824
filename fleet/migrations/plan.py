"""What an operator is told of migrations before he agrees, and what is refused: decided from a host's answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fleet.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# What the host's program answers (files/data/aipbx_data/migrations.py).
OTHER, NO_SERVER, NEW, LIVES, KNOWN = "other dialect", "no server", "new", "lives", "known"
SHOWN = 10


@dataclass(frozen=True)
class Schema:
    """What comes to a host's database with a release.

    Attributes:
        given: what its program is told, as JSON; empty: nothing.
        lines: what the operator reads before he agrees.
        changes: whether there is a file to run or to mark.
    """

    given: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    changes: bool = False


def lines(found: dict[str, Any], dated: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """What would happen, for the operator.

    Args:
        found: the host's answer.
        dated: the dated files of the commit.
        allowed: the files that may take away rows.
    """
    if found["state"] in {NO_SERVER, NEW}:
        how = "is new" if found["state"] == NEW else "does not run yet; if it is new"
        line = f"the database {how}: the application makes its tables, and {_files(len(dated))} count as applied"
        return [f"  migrations: {line}"] if dated else []
    names = [one["name"] for one in found["pending"]]
    if names and found["state"] == LIVES:
        by_hand = f"{_files(len(names))} count as applied by hand, up to {names[-1]}"
        return [
            f"  migrations: the database lived without a ledger; {by_hand}",
            "      Was one of them not? Answer no, and deploy the commit that runs there now: --sha=…",
        ]
    told = []
    if names:
        told.append(f"  migrations: {_files(len(names))} to run, after a backup set as restore point:")
    for one in found["pending"]:
        told.append(f"      {one['name']}: {_way_back(one)}")
        told += [f"          takes away {loss}{_consent(one['name'], allowed)}" for loss in one["losses"]]
    return told


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def _way_back(one: dict[str, Any]) -> str:
    if not one["breaks"]:
        return "older releases can live with it"
    return f"no rollback past it without --despite-migrations ({one['breaks']})"


def _consent(name: str, allowed: Sequence[str]) -> str:
    return "  (allowed)" if name in allowed else ""


def refuse_losses(host: str, found: dict[str, Any], allowed: Sequence[str]) -> None:
    """Refuse to take away rows without consent, and a consent to what nobody asks for.

    Raises:
        OperatorError: names files, tables and rows.
    """
    pending = {one["name"]: one["losses"] for one in found["pending"]}
    for name in allowed:
        if name not in pending:
            raise OperatorError(
                f"{host}: there is no migration {name!r} to run, so nothing of it can be allowed.",
                f"To run: {', '.join(pending) or 'none'}.",
                "Name a file as it stands in the repository, without its folder; inv migrate --dry shows them.",
            )
    asking = {name: losses for name, losses in pending.items() if losses and name not in allowed}
    if asking and found["state"] == KNOWN:
        name = next(iter(asking))
        raise OperatorError(
            f"{host}: migration {name} takes away what holds rows.",
            "; ".join(asking[name]),
            "If that is what you want: " + " ".join(f"--allow-destructive={one}" for one in asking),
        )


def agreed_without(
    host: str,
    found: dict[str, Any],
    sha: str,
    is_newer: Callable[[str], bool],
    *,
    running: bool,
    despite: bool,
) -> tuple[list[str], list[str]]:
    """The applied migrations that a release may run without, though it does not know them.

    Args:
        host: its name.
        found: its answer.
        sha: the backend's commit that shall run.
        is_newer: whether a commit that a migration came with is newer than that one.
        running: whether it runs already.
        despite: whether the operator says that it can live with all of them.

    Returns: their names, and what the operator is told.

    Raises:
        OperatorError: it cannot, or a file is gone from the repository.
    """
    told = []
    for row in found["missing"]:
        if not running and not is_newer(row["release"]):
            raise OperatorError(
                f"{host}: migration {row['name']} was applied on {row['at']} UTC, and {sha[:12]} does not have it.",
                f"Applied: SHA-256 {row['sha256']}, with backend {row['release'][:12]}; now: none.",
                "Bring the file back into the repository: what was applied must stay known.",
            )
    breaking = [row for row in found["missing"] if row["breaks"]]
    if breaking and not running and not despite:
        raise _no_way_back(host, sha, breaking, found["sets"])
    for row in found["missing"]:
        how = "it can live with it" if not row["breaks"] else "as it does now" if running else "as you say"
        told.append(f"  migrations: {row['name']} stays applied; backend {sha[:8]} does not know it: {how}")
    return [row["name"] for row in found["missing"]], told


def _no_way_back(host: str, sha: str, breaking: list[dict[str, Any]], sets: list[str]) -> OperatorError:
    first = breaking[0]
    rows = "; ".join(f"{row['name']} of {row['at']} UTC ({row['breaks']})" for row in breaking)
    points = [row["restore_point"] for row in breaking if row["restore_point"]]
    way = "There is no restore point from before it: it was marked as applied."
    if points:
        there = "" if points[0] in sets else " (no longer on the host: inv backups tells of its copy elsewhere)"
        way = (
            f"inv restore {points[0]} --host={host}{there} brings the data from before, and keeps those of now; then "
            "this works."
        )
    return OperatorError(
        f"{host}: backend {sha[:12]} is older than {_files(len(breaking))} of migrations that it may not live with.",
        f"{rows}. It came with backend {first['release'][:12]}, and is neither additive nor declared compatible.",
        f"{way} If you know that it can live with them: --despite-migrations",
    )
