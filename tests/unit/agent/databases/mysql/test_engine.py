"""MySQL's dumps, read without a server, and a moment held by stand-ins for its programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.databases.mysql import engine
from aipbx_agent.databases.mysql.engine import MySQL
from tests.unit.shell import stub

DUMP = b"""/*M!999999\\- enable the sandbox mode */
-- MariaDB dump 10.19-11.8.3-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: aipbx
-- ------------------------------------------------------
-- Server version\t11.8.3-MariaDB-0+deb13u1

--
-- Table structure for table `odd ``name`
--
CREATE TABLE `odd ``name` (
  `id` int(11)
);
INSERT INTO `odd ``name` VALUES (1,'\\nCREATE TABLE `not this` (');
CREATE TABLE `users` (
);
-- Dump completed on 2026-11-26  3:00:01
"""


def packed(path: Path, content: bytes) -> Path:
    path.write_bytes(subprocess.run(["zstd", "-q", "-c"], input=content, capture_output=True, check=True).stdout)
    return path


def test_a_dump_reports_its_tables_and_its_server(tmp_path: Path) -> None:
    server = MySQL("x")
    for path in (packed(tmp_path / "a.zst", DUMP), tmp_path / "b.sql"):
        if path.suffix == ".sql":
            path.write_bytes(DUMP)
        assert server.listed(path) == {"odd `name", "users"}
        assert server.dumped_from(path) == "11.8.3"


def test_a_line_as_long_as_a_packet_hides_no_table(tmp_path: Path) -> None:
    long = DUMP.replace(b"VALUES (1", b"VALUES (" + b"1" * (3 << 20))
    assert MySQL("x").listed(packed(tmp_path / "a", long)) == {"odd `name", "users"}


@pytest.mark.parametrize("change", [lambda d: d[:-60], lambda d: d + b"INSERT", lambda _: b""])
def test_what_is_not_whole_is_refused(tmp_path: Path, change: object) -> None:
    assert callable(change)
    with pytest.raises(Refused, match="not a complete MySQL dump"):
        MySQL("x").listed(packed(tmp_path / "a", change(DUMP)))
    cut = packed(tmp_path / "b", DUMP)
    cut.write_bytes(cut.read_bytes()[:-5])
    with pytest.raises(Refused, match="not a readable dump"):
        MySQL("x").listed(cut)


# What stands after `docker exec … sh -c SCRIPT sh`: the client answers each statement's mark, the dump is a file.
PROGRAMS = r"""shift 7; echo "$1" >>"$HERE/calls"
if [ "$1" = dump ]; then echo dump >>"$HERE/said"; cat "$HERE/dump"; exit "$(cat "$HERE/code")"; fi
while IFS= read -r line; do
    case $line in *FLUSH*) sleep 0.2 ;; esac # a lock that has to be waited for
    printf '%s\n' "$line" >>"$HERE/said"
    case $line in "SELECT '=== "*) printf '=== aipbx-agent ===\n' ;; *HEX*) echo 75 ;; *COUNT*) echo 3 ;; esac
done"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    stub(tmp_path / "bin", "docker", f"HERE={tmp_path}\n{PROGRAMS}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "dump").write_bytes(DUMP)
    (tmp_path / "code").write_text("0")
    return tmp_path


def test_writes_are_locked_until_count_and_dump_have_begun(here: Path) -> None:
    server = MySQL("x")
    with server.moment("aipbx") as moment:
        said = (here / "said").read_text()
        for one in ("CONSISTENT SNAPSHOT", "dump"):
            assert said.index("FLUSH TABLES WITH READ LOCK") < said.index(one) < said.index("UNLOCK")
        server.dump("aipbx", here / "out", moment)
    assert subprocess.run(["zstd", "-qdc", here / "out"], capture_output=True, check=True).stdout == DUMP


def test_a_server_that_does_not_answer_is_not_waited_for(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub(here / "bin", "docker", "exec sleep 60")
    monkeypatch.setattr(engine, "BEGIN_SECONDS", 0.1)
    with pytest.raises(Failed, match="locked for a consistent backup"), MySQL("x").moment("aipbx"):
        pass


def test_a_dump_that_fails_is_reported(here: Path) -> None:
    (here / "code").write_text("2")
    server = MySQL("x")
    with pytest.raises(Failed, match="mysqldump failed"), server.moment("aipbx") as moment:
        server.dump("aipbx", here / "out", moment)
    (here / "dump").write_bytes(b"")
    with pytest.raises(Failed, match="mysqldump failed"), server.moment("aipbx"):
        pass


@pytest.mark.parametrize(
    "line", [b"USE `aipbx`;", b"CREATE DATABASE `aipbx`;", b"/*!40000 DROP DATABASE IF EXISTS `a`*/;"]
)
def test_a_dump_that_names_its_database_is_refused(tmp_path: Path, line: bytes) -> None:
    dump = DUMP.replace(b"--\n-- Table structure", line + b"\n--\n-- Table structure")
    with pytest.raises(Refused, match="names the database that it goes into"):
        MySQL("x").listed(packed(tmp_path / "a", dump))
