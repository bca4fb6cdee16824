"""What an operator reads of migrations before they agree, and what is refused before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest

from aipbx_agent import contract
from fleet.errors import OperatorError
from fleet.migrations import plan

A, B = "2026-09-01-a.sql", "2026-09-20-b.sql"
SHA, LATER = "1" * 40, "2" * 40
POINT = "20261123T030000Z"
LOSS = "line 2: DROP TABLE: x has 3 rows"


def pending(name: str, breaks: str = "", *losses: str) -> dict[str, Any]:
    return {"name": name, "sha256": "f" * 64, "breaks": breaks, "losses": list(losses)}


def row(name: str, breaks: str = "", point: str = "") -> dict[str, Any]:
    return {
        "name": name, "sha256": "e" * 64, "how": "run", "release": LATER, "breaks": breaks, "restore_point": point,
        "at": "2026-11-23 03:00",
    }  # fmt: skip


def found(
    *there: dict[str, Any], state: str = contract.KNOWN, missing: tuple[dict[str, Any], ...] = ()
) -> dict[str, Any]:
    return {"state": state, "pending": list(there), "missing": list(missing), "absent": [], "sets": [POINT]}


def asked(*names: str, early: str = "", skipped: str = "") -> dict[str, Any]:
    return {"files": dict.fromkeys(names, ""), "early": [early], "skipped": {skipped: "why"}}


def test_what_would_run_in_lines() -> None:
    told = found(pending(A), pending(B, "line 2: DROP TABLE x", LOSS))
    assert plan.lines(told, asked(A, B), [B]) == [
        "  migrations: 2 files to run, after a backup set as restore point:",
        f"      {A}: older releases can run with it",
        f"      {B}: no rollback past it without --despite-migrations (line 2: DROP TABLE x)",
        f"          takes away {LOSS}  (allowed)",
    ]
    assert plan.lines(found(), asked(A), []) == []


def test_a_new_database_shows_its_steps_in_order() -> None:
    c = "2026-09-21-c.sql"
    given = asked(A, B, c, early=B, skipped=c)
    for state, how in (
        (contract.NEW, "the database is new;"),
        (contract.NO_SERVER, "does not run yet; if it is new,"),
        (contract.FIRST_START, "was interrupted; it continues,"),
    ):
        pendings = () if state == contract.NO_SERVER else (pending(A), pending(B), pending(c))
        first, *rest = plan.lines(found(*pendings, state=state), given, [])
        assert how in first
        assert rest == [
            f"      {B} runs",
            "      the application starts once, reached by no one, and makes its tables",
            "      1 file run on them, in the order of their dates",
            f"      {c} does not run: why",
        ]
        assert plan.lines(found(state=state), asked(), []) == []


def test_a_database_that_lived_runs_nothing() -> None:
    first, second = plan.lines(found(pending(A), pending(B), state=contract.LIVES), asked(A, B), [])
    assert first.endswith(f"2 files count as applied by hand, up to {B}")
    assert "--sha" in second
    assert plan.lines(found(state=contract.LIVES), asked(), []) == []


def test_what_marked_files_left_out_is_shown() -> None:
    lacking = {**found(), "absent": [f"{A}: index i"]}
    assert plan.lines(lacking, asked(A), [])[1:] == [
        f"      {A}: index i",
        "      Have them run: inv migrate --run-marked, or one: --run-marked=FILE",
    ]
    assert plan.lines(lacking, asked(A, early=A), [])[2:] == [
        f"      By hand (inv db), for it runs on a new database alone: {A}"
    ]


def test_rows_go_with_consent_only() -> None:
    told = found(pending(A), pending(B, "x", LOSS))
    with pytest.raises(OperatorError) as refused:
        plan.refuse_losses("aipbx.ru", told, [])
    assert refused.value.why == LOSS
    assert refused.value.do.endswith(f" --allow-destructive={B}")
    plan.refuse_losses("aipbx.ru", told, [B])
    with pytest.raises(OperatorError, match=r"no migration 'c\.sql' to run"):
        plan.refuse_losses("aipbx.ru", told, [B, "c.sql"])


def without(*missing: dict[str, Any], newer: bool = True, **how: bool) -> tuple[list[str], list[str]]:
    given = {"running": False, "despite": False, **how}
    return plan.agreed_without("aipbx.ru", found(missing=missing), SHA, lambda _: newer, **given)


def test_an_older_release_runs_without_what_it_can_live_with() -> None:
    assert without() == ([], [])
    names, told = without(row(A))
    assert names == [A]
    assert told == [f"  migrations: {A} stays applied; backend 11111111 does not know it: it can run with it"]
    assert without(row(B, "line 1: x"), despite=True)[1][0].endswith("as you say")
    # What runs already has met it, wherever its commit stands.
    assert without(row(B, "line 1: x"), running=True, newer=False)[1][0].endswith("as it does now")


def test_an_older_release_is_refused_with_the_way_out() -> None:
    with pytest.raises(OperatorError) as refused:
        without(row(A), row(B, "line 1: DROP TABLE x", POINT))
    told = str(refused.value)
    assert "backend 111111111111 is older than 1 file of migrations" in told
    assert f"{B} of 2026-11-23 03:00 UTC (line 1: DROP TABLE x)" in told
    assert f"inv restore {POINT} --host=aipbx.ru brings" in told
    assert "--despite-migrations" in told
    with pytest.raises(OperatorError, match="older") as gone:
        without(row(B, "x", "20260101T000000Z"))
    assert "no longer on the host" in gone.value.do
    with pytest.raises(OperatorError, match="older") as marked:
        without(row(B, "x"))
    assert "There is no restore point" in marked.value.do


def test_a_file_that_is_gone_is_an_error_with_its_checksum() -> None:
    with pytest.raises(OperatorError) as refused:
        without(row(A), newer=False, despite=True)
    assert "SHA-256 " + "e" * 64 in refused.value.why
    assert "now: none" in refused.value.why
    assert refused.value.code == 2
