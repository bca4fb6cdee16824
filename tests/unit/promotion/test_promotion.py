"""What production may get: only what a staging host has run, healthy, for long enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aipbx_agent.release.releases import Entry, Release
from fleet.errors import OperatorError
from fleet.inventory.hosts import Host
from fleet.promotion import promotion
from fleet.state import survey
from fleet.state.survey import Container, Survey

RELEASE = Release("a" * 40, "b" * 40)
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
ENTRY = Entry("2026-11-29T10:00:00Z", "anna", "deploy", "ok", 60, None, RELEASE, {})
WELL = Container("x", "running", 0, "healthy", "2026-11-29T10:00:30.123456789Z")
STATE = replace(
    survey.parse({}),
    entries=[ENTRY],
    images={service: f"x:{RELEASE.sha(service)}" for service in ("backend", "frontend")},
    containers=dict.fromkeys(("postgres", "backend", "frontend", "nginx"), WELL),
)


def missing(state: Survey, minutes: int = 60) -> str:
    with pytest.raises(OperatorError) as refused:
        promotion.proved("try.test", state, minutes, NOW)
    return refused.value.why


def with_container(name: str, **changes: Any) -> Survey:
    return replace(STATE, containers=STATE.containers | {name: replace(WELL, **changes)})


def test_what_has_run_long_enough_is_the_pair() -> None:
    assert promotion.proved("try.test", STATE, 119, NOW) == RELEASE


def test_it_says_for_how_long_it_has_served() -> None:
    assert missing(STATE, 120) == "it has served for 119 of 120 minutes."


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (with_container("backend", started="2026-11-29T11:30:00Z"), "backend has run for 30 of 60 minutes"),
        (with_container("backend", health="unhealthy"), "backend is unhealthy"),
        (with_container("frontend", restarts=2), "frontend restarted by itself (2 times)"),
        (with_container("postgres", status="exited"), "postgres is exited"),
        (replace(STATE, containers={"backend": WELL, "frontend": WELL, "nginx": WELL}), "postgres does not run"),
        (replace(STATE, maintenance=True), "its maintenance page is on"),
        (replace(STATE, lock="anna", lock_standing="runs"), "a run is under way there (anna)"),
        (
            replace(STATE, entries=[ENTRY, replace(ENTRY, time="2026-11-29T11:50:00Z", action="rollback")]),
            "it has served for 9 of 60 minutes",
        ),
    ],
)
def test_what_is_missing_is_said(state: Survey, why: str) -> None:
    assert why in missing(state)


def test_all_that_is_missing_is_said_at_once() -> None:
    why = missing(replace(with_container("backend", restarts=1), maintenance=True), 500)
    assert all(text in why for text in ("backend restarted", "maintenance page", "it has served for 119 of 500"))


def test_a_host_without_a_release_has_nothing_to_promote() -> None:
    with pytest.raises(OperatorError, match="has no release yet"):
        promotion.proved("try.test", survey.parse({}), 0, NOW)


def host(name: str, *, staging: bool) -> Host:
    return Host(name, ("staging" if staging else "production",), {"staging": staging})


FLEET = [host("one.test", staging=False), host("try.test", staging=True)]


def test_the_only_staging_host_needs_no_name() -> None:
    assert promotion.source("", FLEET).name == promotion.source("staging", FLEET).name == "try.test"


@pytest.mark.parametrize(
    ("name", "fleet", "what"),
    [
        ("", FLEET[:1], "The inventory has no staging host."),
        ("one.test", FLEET, "one.test is not a staging host."),
        ("", [*FLEET, host("other.test", staging=True)], "There are several staging hosts."),
    ],
)
def test_which_staging_host_must_be_clear(name: str, fleet: list[Host], what: str) -> None:
    with pytest.raises(OperatorError) as refused:
        promotion.source(name, fleet)
    assert refused.value.what == what


def test_nothing_is_promoted_to_staging() -> None:
    promotion.refuse_staging(FLEET[:1])
    with pytest.raises(OperatorError, match=r"not promoted to staging: try\.test"):
        promotion.refuse_staging(FLEET)
