"""Compose always reads the same files, in the same order."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.commands import compose

STACK = "--project-directory /app/aipbx --env-file /app/aipbx/images.env -f /app/aipbx/compose.yml"
BEGIN = "docker compose --ansi never --progress plain"
ALWAYS = f"{BEGIN} {STACK} -f /app/aipbx/environment.json"
RUNNING = f"{BEGIN} --project-name aipbx"


def test_other_images_only_where_they_are_named() -> None:
    assert compose.valid("/app/aipbx", "images.env.staged") == (
        ALWAYS.replace("images.env", "images.env.staged") + " config --quiet"
    )
    assert "/images.env.staged -f " in compose.up("/app/aipbx", "backend", images="images.env.staged")


@pytest.mark.parametrize(
    ("made", "ends"),
    [
        (compose.up("/app/aipbx", "backend"), "up --detach --no-deps --no-build --pull never backend"),
        (compose.stop("/app/aipbx", "backend", "frontend"), "rm --stop --force backend frontend"),
    ],
)
def test_ends(made: str, ends: str) -> None:
    assert made == f"{ALWAYS} {ends}"


@pytest.mark.parametrize(
    ("services", "options", "ends"),
    [
        ([], {}, "logs --timestamps --no-color --tail 100"),
        (["backend"], {"follow": True}, "logs --timestamps --no-color --tail 100 --follow backend"),
        (
            ["backend", "nginx"],
            {"since": "10m", "tail": "all"},
            "logs --timestamps --no-color --tail all --since 10m backend nginx",
        ),
    ],
)
def test_logs(services: list[str], options: dict[str, Any], ends: str) -> None:
    given: dict[str, Any] = {"follow": False, "since": "", "tail": "100"}
    assert compose.logs("aipbx", services, **(given | options)) == f"{RUNNING} {ends}"


def test_what_runs_is_entered_whatever_the_files_say() -> None:
    shell = ["sh", "-c", "echo $X"]
    assert compose.execute("aipbx", "backend", shell, terminal=True) == f"{RUNNING} exec backend sh -c 'echo $X'"
    assert compose.execute("aipbx", "backend", ["node"], terminal=False) == f"{RUNNING} exec -T backend node"


def test_what_an_operator_types_stays_one_word() -> None:
    assert compose.logs("aipbx", ["x; reboot"], follow=False, since="$(reboot)", tail="1").endswith(
        "--since '$(reboot)' 'x; reboot'"
    )
