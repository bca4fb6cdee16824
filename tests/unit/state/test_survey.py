"""What a host says of itself, read; tests/unit/commands/test_survey.py has a shell print it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fleet.state import survey
from fleet.state.releases import Release
from fleet.state.survey import Container

NOTHING = survey.parse("")


def test_nothing_at_all() -> None:
    assert not NOTHING.converged
    assert (NOTHING.running, NOTHING.current, NOTHING.calls) == (None, None, None)
    assert (NOTHING.disk_free_mib, NOTHING.memory_mib, NOTHING.load) == (0, 0, 0)


def test_numbers() -> None:
    found = survey.parse("disk\t9000 77%\nmemory\t3915 1200\nload\t0.42 2\ncalls\t7\nbackup\t20260921T141320Z\n")
    assert (found.disk_free_mib, found.disk_percent) == (9000, 77)
    assert (found.memory_mib, found.memory_free_mib, found.load, found.processors) == (3915, 1200, 0.42, 2)
    assert (found.calls, found.backup) == (7, datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC))


@pytest.mark.parametrize(
    ("images", "running"),
    [
        ({}, None),
        ({"backend": "b:1"}, None),
        ({"frontend": "f:1", "colour": "blue"}, None),
        ({"backend": "r.example:5000/b:1", "frontend": "f:2", "colour": "blue"}, Release("1", "2")),
    ],
)
def test_a_release_runs_when_images_env_names_both(images: dict[str, str], running: Release | None) -> None:
    assert replace(NOTHING, images=images).running == running


def test_comments_and_empty_lines_of_images_env_are_no_images() -> None:
    assert survey.parse("images\t\nimages\t# by hand\nimages\tBACKEND_IMAGE=b:1=2\n").images == {"backend": "b:1=2"}


@pytest.mark.parametrize(
    ("line", "good", "told"),
    [
        ("i|running|0|healthy|t", True, "healthy"),
        ("i|running|0||t", True, "running"),
        ("i|running|0|starting|t", False, "starting"),
        ("i|running|0|unhealthy|t", False, "unhealthy"),
        ("i|exited|2|unhealthy|t", False, "exited"),
        ("i|restarting|9|starting|t", False, "restarting"),
    ],
)
def test_container(line: str, good: bool, told: str) -> None:
    found = survey.parse_container(f"{line}\n")
    assert (found.good, str(found)) == (good, told)


def test_every_field_of_a_container() -> None:
    line = "pgvector/pgvector:pg16|running|1|healthy|2026-11-23T10:00:30.5Z"
    assert survey.parse(f"postgres\t{line}\n").containers == {
        "postgres": Container("pgvector/pgvector:pg16", "running", 1, "healthy", "2026-11-23T10:00:30.5Z")
    }
