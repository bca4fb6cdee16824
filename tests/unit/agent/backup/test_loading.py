"""A load takes what the host has to give, and gives it back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aipbx_agent.core import docker
from aipbx_agent.core.errors import Failed
from aipbx_agent.databases.postgres import client, dumps, sessions
from aipbx_agent.databases.postgres.engine import Postgres

BACKUPS = Path("/app/aipbx/backups")
DUMP = BACKUPS / "sets" / "x" / "database.dump"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been run, on a host with four cores."""
    ran: list[str] = []
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(docker, "run", recorder(ran))
    beside_the_server(monkeypatch, recorder(ran))
    return ran


def beside_the_server(monkeypatch: pytest.MonkeyPatch, run: Callable[..., bytes]) -> None:
    for module in (client, dumps):
        monkeypatch.setattr(module, "run", run)


def recorder(
    ran: list[str], failing: str = "nothing", lz4: bool = False, listed: str = "", why: str = ""
) -> Callable[..., bytes]:
    def run(argv: list[str], stdin: bytes = b"", **_: object) -> bytes:
        ran.append(" ".join(argv) + (f" <<{stdin.decode()}" if "cat >" in argv[-1] else ""))
        if argv[-1] == "--list":
            return listed.encode()
        if failing in ran[-1]:
            raise Failed("a", why or f"{failing} is broken", "c")
        if stdin == sessions.ASK_NEWER.encode():
            return b"idle_session_timeout\n"
        if argv[1] == "inspect":
            return b"/var/lib/aipbx/backups\n"
        return b"t\n" if lz4 and "psql" in argv else b"f\n"

    return run


def without_questions(ran: list[str]) -> list[str]:
    """The commands that do something."""
    return [one for one in ran if not any(word in one for word in ("psql", "inspect", "--list"))]


def test_a_load_may_use_every_core_and_no_longer_than_it_lasts(commands: list[str]) -> None:
    Postgres("abc", "u", BACKUPS, 2, 1.5).restore(DUMP, "new")
    before, load, after = without_questions(commands)
    assert (before, after) == ("docker update --cpus=4 abc", "docker update --cpus=1.5 abc")
    assert "pg_restore" in load


def test_a_scratch_server_keeps_to_its_limit(commands: list[str]) -> None:
    server = Postgres("abc", "u", BACKUPS, 2)
    server.restore(DUMP, "new")
    server.clear()
    assert [command for command in commands if "update" in command] == []


def test_a_host_with_fewer_cores_than_its_limit_loses_none(
    commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    Postgres("abc", "u", BACKUPS, 2, 2.0).restore(DUMP, "new")
    assert without_questions(commands)[0] == "docker update --cpus=2 abc"


def test_a_load_that_fails_gives_the_cores_back_and_says_why(
    commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    beside_the_server(monkeypatch, recorder(commands, failing="pg_restore"))
    with pytest.raises(Failed) as failed:
        Postgres("abc", "u", BACKUPS, 2, 1.0).restore(DUMP, "new")
    assert failed.value.why == "pg_restore is broken"
    assert commands[-1] == "docker update --cpus=1 abc"


def test_a_container_that_cannot_have_more_is_loaded_all_the_same(
    commands: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docker, "run", recorder(commands, failing="docker update"))
    Postgres("abc", "u", BACKUPS, 2, 1.0).restore(DUMP, "new")
    assert capsys.readouterr().out == "It keeps to 1 CPUs: docker update is broken\n"
    assert any("pg_restore" in command for command in commands)


def test_a_killed_load_s_cores_are_taken_back_by_the_tidying(commands: list[str]) -> None:
    Postgres("abc", "u", BACKUPS, 2, 1.0).clear()
    assert commands[-1] == "docker update --cpus=1 abc"


@pytest.mark.parametrize("lz4", [True, False])
def test_long_texts_are_packed_by_lz4_where_the_server_has_it(
    commands: list[str], monkeypatch: pytest.MonkeyPatch, lz4: bool
) -> None:
    beside_the_server(monkeypatch, recorder(commands, lz4=lz4))
    Postgres("abc", "u", BACKUPS, 2).restore(DUMP, "new")
    load = commands[-1]
    assert ("-c default_toast_compression=lz4" in load) is lz4
    assert "-c synchronous_commit=off" in load


PARTITIONED = """; a dump
1; 1259 1 TABLE public calls u
2; 0 1 TABLE DATA public calls_2026 u
3; 2606 1 CONSTRAINT public calls calls_pkey u
4; 0 0 INDEX ATTACH public calls_2026_pkey u
5; 1259 1 INDEX public later u
6; 0 0 INDEX ATTACH public calls_2026_a_pkey u
7; 2606 1 FK CONSTRAINT public refs refs_fkey u
8; 0 0 COMMENT public CONSTRAINT refs_fkey ON refs u"""


def test_indexes_of_partitions_find_their_places_one_by_one(
    commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    beside_the_server(monkeypatch, recorder(commands, listed=PARTITIONED))
    Postgres("abc", "u", BACKUPS, 3).restore(DUMP, "new")
    lines = PARTITIONED.splitlines()
    write = (
        "docker exec --interactive --user 0 abc sh -c cat >/tmp/aipbx-agent.list && chmod 644 /tmp/aipbx-agent.list <<"
    )
    done = without_questions(commands)
    assert done[0::2] == [write + "\n".join(part) + "\n" for part in (lines[:4], lines[4:7], lines[7:])]
    loads = [one.partition(" pg_restore ")[2] for one in done[1::2]]
    elsewhere = " ".join(dumps.ELSEWHERE)
    words = f"--username u --dbname new --exit-on-error {elsewhere} --use-list=/tmp/aipbx-agent.list"
    path = "/var/lib/aipbx/backups/sets/x/database.dump"
    assert loads == [f"{words} --jobs={jobs} {path}" for jobs in (3, 1, 3)]


def test_without_partitions_it_is_one_load_of_everything(commands: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = "\n".join(line for line in PARTITIONED.splitlines() if "ATTACH" not in line)
    beside_the_server(monkeypatch, recorder(commands, listed=plain))
    Postgres("abc", "u", BACKUPS, 3).restore(DUMP, "new")
    (load,) = without_questions(commands)
    assert "--use-list" not in load
    assert "--jobs=3" in load


TRIGGERS = """9; 3466 1 EVENT TRIGGER - guard u
10; 0 0 COMMENT - EVENT TRIGGER guard u"""


def test_event_triggers_come_last_and_belong_to_the_superuser(
    commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = "; a dump\n1; 1259 1 TABLE public calls u"
    beside_the_server(monkeypatch, recorder(commands, listed=f"{plain}\n{TRIGGERS}"))
    server = Postgres("abc", "u", BACKUPS, 3)
    server.restore(DUMP, "new")
    write, load = without_questions(commands)
    assert write.endswith(f"<<{plain}\n")
    assert "--no-owner" not in load
    server.add_event_triggers(DUMP, "new")
    write, load = without_questions(commands)[2:]
    assert write.endswith(f"<<{TRIGGERS}\n")
    assert "--no-owner" in load


def test_an_error_in_a_definition_does_not_send_one_in_a_circle(
    commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "function unaccent(text) does not exist / Command was: CREATE INDEX a ON b (f(c));"
    beside_the_server(monkeypatch, recorder(commands, failing="--exit-on-error", why=why))
    with pytest.raises(Failed) as failed:
        Postgres("abc", "u", BACKUPS, 2).restore(DUMP, "new")
    assert failed.value.do.startswith("Another set has the same fault: fix that object in the live database")
