"""Which release a rollback goes to; what an operator reads of a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aipbx_agent.release.releases import Entry, Release
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings
from fleet.release import plan
from fleet.release.plan import Plan
from fleet.state import survey
from fleet.state.survey import Survey

DATA = settings.of_host("aipbx.net", hosts.load()[0].data)
A, B, C = (Release(digit * 40, other * 40) for digit, other in ("1a", "2b", "3c"))
# The same backend as B's, with another frontend.
D = Release("2" * 40, "d" * 40)


def entry(after: Release, result: Any = "ok") -> Entry:
    return Entry("2026-11-23T10:00:00Z", "anna@desk", "deploy", result, 41, None, after, {})


def host(running: Release = A, **changes: Any) -> Survey:
    """A host on which a release runs."""
    images = {"backend": f"b:{running.backend}", "frontend": f"f:{running.frontend}"}
    return replace(survey.parse({}), images=images, **changes)


LEDGER = [entry(C), entry(B), entry(D), entry(C, "failed"), entry(A)]


@pytest.mark.parametrize(
    ("to", "release"),
    [
        ("", D),
        ("3333", C),
        ("cccc", C),
        ("C" * 40, C),
        (" dddddddd ", D),
        ("bbbb", B),
        ("2222,dddd", D),
        ("bbbbbbbb, 2222", B),
    ],
)
def test_earlier(to: str, release: Release) -> None:
    assert plan.earlier("aipbx.net", host(entries=LEDGER), 5, to) == release


@pytest.mark.parametrize(("keep", "to", "release"), [(2, "2222", D), (2, "3333", C), (2, "2222,bbbb", B)])
def test_the_last_releases_are_meant_sooner_than_older_ones(keep: int, to: str, release: Release) -> None:
    assert plan.earlier("aipbx.net", host(entries=LEDGER), keep, to) == release


def test_after_a_failed_deploy_one_goes_back_from_what_runs() -> None:
    assert plan.earlier("aipbx.net", host(B, entries=[entry(A), entry(B), entry(C, "failed")]), 5, "") == A


@pytest.mark.parametrize(
    ("ledger", "to", "said"),
    [
        ([], "", "aipbx.net has no earlier release to go back to."),
        ([entry(B, "failed"), entry(A)], "", "aipbx.net has no earlier release to go back to."),
        (LEDGER, "ffff", "aipbx.net: no release to go back to has the SHA 'ffff'."),
        ([entry(B, "failed"), entry(A)], "2222", "aipbx.net: no release to go back to has the SHA '2222'."),
        (LEDGER, "333", "aipbx.net: no release to go back to has the SHA '333'."),
        (LEDGER, "1111", "It is what runs now."),
        (LEDGER, "ffff", "Its ledger has 3 other successful releases."),
        (LEDGER, "2222,cccc", "no release to go back to has the SHA '2222,cccc'."),
        (LEDGER, "2222,", "no release to go back to has the SHA '2222,'."),
        (LEDGER, "2222", "--to=22222222,dddddddd"),
        (LEDGER, "2222", "2222 is ambiguous: 2 releases have it."),
        (LEDGER, "2222", "backend 22222222, frontend dddddddd; backend 22222222, frontend bbbbbbbb"),
    ],
)
def test_no_earlier(ledger: list[Entry], to: str, said: str) -> None:
    with pytest.raises(OperatorError) as refused:
        plan.earlier("aipbx.net", host(entries=ledger), 5, to)
    assert said in str(refused.value)


def made(before: Release | None, after: Release, **commits: list[str]) -> Plan:
    return Plan("aipbx.net", "deploy", before, after, commits)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (None, A, ["backend", "frontend"]),
        (A, B, ["backend", "frontend"]),
        (B, D, ["frontend"]),
        (B, Release("9" * 40, B.frontend), ["backend"]),
        (A, A, ["backend", "frontend"]),
    ],
)
def test_changed(before: Release | None, after: Release, changed: list[str]) -> None:
    assert made(before, after).changed == changed


def test_lines() -> None:
    assert made(None, A).lines() == ["  backend  nothing → 11111111", "  frontend nothing → aaaaaaaa"]
    assert made(B, D, frontend=["abc New", "def Newer"]).lines() == [
        "  backend  22222222 stays",
        "  frontend bbbbbbbb → dddddddd",
        "      abc New",
        "      def Newer",
    ]


@pytest.mark.parametrize(("number", "more"), [(10, []), (11, ["      … and 1 more"])])
def test_a_long_history_is_cut(number: int, more: list[str]) -> None:
    lines = made(B, D, frontend=[f"c{index}" for index in range(number)]).lines()
    assert lines[2:] == [f"      c{index}" for index in range(10)] + more


def test_images() -> None:
    assert plan.images(DATA, A) == {
        "backend": f"ghcr.io/krasterisk/aipbx_backend:{'1' * 40}",
        "frontend": f"ghcr.io/krasterisk/aipbx:{'a' * 40}",
    }
