"""MySQL's databases that change places, killed before any statement: all of it comes to completion, forward or back."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.databases.mysql import rename, schema
from aipbx_agent.databases.mysql.engine import MySQL

LIVE, NEW, KEPT = "aipbx", "aipbx_restore_x", "aipbx_before_x"
PAIRS = [(LIVE, KEPT), (NEW, LIVE)]
EVENT = (
    "/*!50106 CREATE*/ /*!50117 DEFINER=`app`@`%`*/ /*!50106 EVENT `{}` ON SCHEDULE EVERY 1 DAY "
    "STARTS '2026-01-01 03:00:00' ON COMPLETION NOT PRESERVE {} COMMENT 'an ENABLE or DISABLE ON SLAVE ' DO CALL x() "
)
_MADE = re.compile(EVENT.replace("*", r"\*").replace("(", r"\(").replace(")", r"\)").format("(.*?)", "(.*?)"))
Things = dict[tuple[str, str], str]


class Killed(BaseException):
    """kill -9: nothing of the program's runs any more."""


class World:
    """A server that knows what MySQL knows of these statements; it may end before any of them."""

    container = "c"

    def __init__(self, backups: Path) -> None:
        self.backups = backups
        self.ends_at, self.actions, self.locked = -1, 0, 0
        self.sql: list[str] = []
        self.unusable: set[str] = set()
        self.held: dict[str, Things] = {
            LIVE: self.body("live", table="users", trigger="note", event="nightly") | {("table", "later"): "live"},
            NEW: self.body("set", table="users", trigger="note", procedure="clean"),
        }
        self.held[LIVE]["event", "nightly"] = "ENABLE"
        self.held[NEW]["event", "weekly"] = "DISABLE ON SLAVE"
        self.held[NEW]["event", "never"] = "DISABLE"

    @staticmethod
    def body(of: str, **things: str) -> Things:
        return {**dict.fromkeys(things.items(), of), ("view", f"of {of}"): of}

    def acts(self) -> None:
        self.actions += 1
        if self.actions == self.ends_at:
            raise Killed

    def databases(self) -> list[str]:
        return list(self.held)

    def creation(self, database: str, like: str) -> str:
        return f"CREATE DATABASE `{database}` AS {like};"

    def command(self, program: str, *arguments: str) -> list[str]:
        return [program, *arguments]

    def ask(self, sql: str, **_: float) -> list[list[str]]:
        self.acts()
        if "checkpoint_now" in sql:
            self.sql.append(sql)
            return [["innodb_log_checkpoint_now", "OFF"]]
        if "'database', ''" in sql:
            asked = [one for one in self.held if f"'{one}'" in sql]
            return [[one.encode().hex(), "database", ""] for one in asked] + [
                [one.encode().hex(), kind, name.encode().hex()] for one in asked for kind, name in self.held[one]
            ]
        if "table_comment" in sql:
            return [[LIVE.encode().hex(), view.encode().hex(), b"select".hex(), "NULL"] for view in self.unusable]
        return [["11.8.3-MariaDB"]] if "VERSION" in sql else []

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", **_: object) -> bytes:
        self.acts()
        if argv[0] == "dump":
            at = argv.index("--")
            return self.dumped(self.held[argv[at + 1]], argv[at + 2 :]).encode()
        place = argv[-1]
        for line in stdin.decode().splitlines():
            self.acts()
            self.sql.append(line)
            place = self.does(line, place)
        return b""

    @staticmethod
    def dumped(things: Things, views: Sequence[str]) -> str:
        chosen = {
            one: of for one, of in things.items() if (one[1] in views if views else one[0] not in {"table", "view"})
        }
        lines = [
            EVENT.format(name, of) if kind == "event" else f"MAKE {kind} `{name}` {of}"
            for (kind, name), of in chosen.items()
        ]
        return "\n".join(lines) + "\n"

    def does(self, line: str, place: str) -> str:
        if made := re.fullmatch(r"MAKE (\w+) `(.*)` (.*)", line):
            assert (made[1], made[2]) not in self.held[place]
            self.held[place][made[1], made[2]] = made[3]
        elif made := _MADE.fullmatch(line):
            self.held[place]["event", made[1]] = made[2]
        elif made := re.fullmatch(r"USE `(.*)`;", line):
            assert made[1] in self.held
            return made[1]
        elif made := re.fullmatch(r"CREATE DATABASE `(.*)` AS .*;", line):
            assert made[1] not in self.held
            self.held[made[1]] = {}
        elif made := re.fullmatch(r"DROP DATABASE IF EXISTS `(.*)`;", line):
            assert not self.held.pop(made[1])
        elif made := re.fullmatch(r"DROP (\w+) IF EXISTS `(.*)`\.`(.*)`;", line):
            self.held[made[2]].pop((made[1].lower(), made[3]))
        elif line == "EXECUTE places;":
            self.renames(self.sql[-3])
        return place

    def renames(self, text: str) -> None:
        if self.locked:
            self.locked -= 1
            raise Failed("client failed.", "ERROR 1205: Lock wait timeout exceeded", "")
        for source, table, target, same in re.findall(r"`([^`]*)`\.`([^`]*)` TO `([^`]*)`\.`([^`]*)`", text):
            assert table == same
            assert not [name for kind, name in self.held[source] if kind == "trigger"]
            assert ("table", table) not in self.held[target]
            self.held[target]["table", table] = self.held[source].pop(("table", table))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    for module in (rename, schema):
        monkeypatch.setattr(module, "run", made.run)
    return made


def server(world: World) -> MySQL:
    return cast("MySQL", world)


def copied(held: dict[str, Things]) -> dict[str, Things]:
    return {name: dict(things) for name, things in held.items()}


def swapped(world: World) -> dict[str, Things]:
    live, new = world.held[LIVE], world.held[NEW]
    return {
        KEPT: {**live, ("event", "nightly"): "DISABLE ON SLAVE"},
        LIVE: {**new, ("event", "weekly"): "ENABLE"},
    }


def test_everything_changes_places_in_one_statement(world: World) -> None:
    after = swapped(world)
    rename.rename(server(world), PAIRS)
    assert world.held == after
    statements = [line for line in world.sql if "RENAME" in line]
    assert statements == [
        "SET @places = 'RENAME TABLE `aipbx`.`later` TO `aipbx_before_x`.`later`, "
        "`aipbx`.`users` TO `aipbx_before_x`.`users`, `aipbx_restore_x`.`users` TO `aipbx`.`users`';"
    ]
    # All that was loaded is in the tables' files by then, and by the first of the new names a beginning is seen.
    assert world.sql[1:3] == [
        "SET GLOBAL innodb_log_checkpoint_now = ON;",
        "CREATE DATABASE `aipbx_before_x` AS aipbx;",
    ]
    assert not list(world.backups.iterdir())


def test_there_and_back(world: World) -> None:
    before = copied(world.held)
    rename.rename(server(world), PAIRS)
    rename.take_back(server(world), PAIRS)
    assert world.held == before
    rename.rename(server(world), [(NEW, "look")])
    assert world.held == {LIVE: before[LIVE], "look": before[NEW]}


def comes_after(world: World) -> None:
    """What a swap's recovery does (swap.py)."""
    if KEPT in world.databases():
        rename.take_back(server(world), PAIRS)


def killed_at(world: World, at: int, *, back: bool) -> bool:
    """Whether a rename, or the way back, was cut off before its action `at`."""
    world.ends_at = world.actions + at
    try:
        comes_after(world) if back else rename.rename(server(world), PAIRS)
    except Killed:
        return True
    finally:
        world.ends_at = -1
    return False


@pytest.mark.parametrize("empty", ["", LIVE, NEW])
def test_the_run_after_a_kill_takes_it_back(world: World, empty: str) -> None:
    if empty:
        world.held[empty] = {}
    before, at = copied(world.held), 1
    while killed_at(world, at, back=False):
        # Killed once more, at some point of the way back; the next one ends it.
        killed_at(world, 1 + at * 7 % 23, back=True)
        comes_after(world)
        assert world.held == before, at
        at += 1
    assert at > 25
    after, at = copied(world.held), 1
    while killed_at(world, at, back=True):
        comes_after(world)
        assert world.held == before, at
        rename.rename(server(world), PAIRS)
        assert world.held == after
        at += 1
    assert at > 20
    assert world.held == before


def test_a_lock_that_is_not_released_is_waited_for_and_then_reported(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.locked = 2
    rename.rename(server(world), PAIRS)
    assert world.locked == 0
    world.locked, after = 2, copied(world.held)
    monkeypatch.setattr(rename, "LEAVING_SECONDS", -1)
    with pytest.raises(Failed, match="failed"):
        rename.take_back(server(world), PAIRS)
    world.locked = 0
    # Cut off on its way back, it continues that way.
    rename.take_back(server(world), PAIRS)
    assert world.held[NEW].keys() == after[LIVE].keys()
    assert KEPT not in world.held


def test_a_view_that_leads_nowhere_is_reported_and_left(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.unusable = {"of live"}
    rename.rename(server(world), PAIRS)
    assert ("view", "of live") not in world.held[KEPT]
    assert "View of live of aipbx is invalid" in capsys.readouterr().out


def test_tables_that_someone_else_moved_are_not_guessed_about(world: World) -> None:
    assert killed_at(world, 25, back=False)
    world.held["elsewhere"] = {("table", "x"): ""}
    world.held[NEW].pop(("table", "users"))
    with pytest.raises(Failed, match="unknown how far the tables moved"):
        comes_after(world)


def test_what_holds_tables_is_never_dropped(world: World) -> None:
    rename.rename(server(world), PAIRS)
    does = world.does

    def also(line: str, place: str) -> str:
        found = does(line, place)
        if line == "EXECUTE places;":
            world.held[KEPT]["table", "somebody's"] = ""
        return found

    world.does = also  # type: ignore[method-assign]
    with pytest.raises(Failed, match="should be empty"):
        rename.take_back(server(world), PAIRS)
    assert world.held[KEPT]


@pytest.mark.parametrize(
    ("version", "tables", "refused"),
    [
        ("11.8.3-MariaDB-0+deb13u1", "", ""),
        ("10.6.1-MariaDB", "", ""),
        ("8.0.36", "", ""),
        ("10.5.29-MariaDB", "", "MariaDB 10.5.29-MariaDB cannot exchange two databases"),
        ("5.7.44-log", "", "MySQL 5.7.44-log cannot exchange two databases"),
        ("11.8.3-MariaDB", "users", "Single tables cannot be restored"),
    ],
)
def test_what_this_server_cannot_do_is_refused(world: World, version: str, tables: str, refused: str) -> None:
    world.ask = lambda sql, **_: [[version]]  # type: ignore[method-assign] # noqa: ARG005
    if not refused:
        rename.refuse(server(world), ())
        return
    with pytest.raises(Refused, match=refused):
        rename.refuse(server(world), tuple(tables.split()))


ON, OFF, NEITHER = (EVENT.format("a `` b", state) for state in ("ENABLE", "DISABLE ON SLAVE", "DISABLE"))
WRITTEN = "INSERT INTO `a` VALUES ('"


@pytest.mark.parametrize(
    ("line", "becomes"),
    [(ON, OFF), (OFF, OFF), (NEITHER, NEITHER), (WRITTEN + ON, WRITTEN + ON), ("\xff", "\xff")],
)
def test_events_of_a_dump_are_loaded_off(line: str, becomes: str) -> None:
    words = schema.EVENTS_OFF
    assert subprocess.run(words, input=line, capture_output=True, check=True, encoding="latin1").stdout == becomes
