"""Compose always reads the same files, in the same order."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.commands import colours, compose

BEGIN = 'env -i HOME="$HOME" PATH="$PATH" docker compose --ansi never --progress plain'
RUNNING = f"{BEGIN} --project-name aipbx --env-file /dev/null"


def test_what_surrounds_it_decides_nothing() -> None:
    assert compose.readable("/app/aipbx", "/app/aipbx/compose.yml.new") == (
        'env -i HOME="$HOME" PATH="$PATH" BACKEND_IMAGE=none FRONTEND_IMAGE=none '
        "docker compose --ansi never --progress plain --project-directory /app/aipbx --env-file /dev/null "
        "-f /app/aipbx/compose.yml.new config --quiet"
    )


@pytest.mark.parametrize(
    ("services", "options", "ends"),
    [
        ([], {}, "logs --timestamps --no-color --tail 100"),
        (["nginx"], {"follow": True}, "logs --timestamps --no-color --tail 100 --follow nginx"),
        (
            ["backend", "nginx"],
            {"since": "10m", "tail": "all"},
            f"logs --timestamps --no-color --tail all --since 10m {colours.present('aipbx', 'backend')} nginx",
        ),
    ],
)
def test_logs(services: list[str], options: dict[str, Any], ends: str) -> None:
    given: dict[str, Any] = {"follow": False, "since": "", "tail": "100"}
    assert compose.logs("aipbx", services, **(given | options)) == f"{RUNNING} {ends}"


def test_what_runs_is_entered_whatever_the_files_say() -> None:
    shell = ["sh", "-c", "echo $X"]
    assert compose.execute("aipbx", "nginx", shell, terminal=True) == f"{RUNNING} exec nginx sh -c 'echo $X'"
    assert compose.execute("aipbx", "backend", ["node"], terminal=False, app_dir="/app/aipbx") == (
        f"{RUNNING} exec -T {colours.serving('/app/aipbx', 'backend')} node"
    )


def test_what_an_operator_types_stays_one_word() -> None:
    assert compose.logs("aipbx", ["x; reboot"], follow=False, since="$(reboot)", tail="1").endswith(
        "--since '$(reboot)' 'x; reboot'"
    )
