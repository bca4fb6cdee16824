"""What fail2ban would restore for one address."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from fleet.converge.firewall import bans
from tests.unit.shell import sh


def shown(database: Path, what: str, address: str) -> list[str]:
    done = sh(bans.script(what, address).replace(bans.DATABASE, str(database)))
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_one_address_is_forgotten_and_no_other(tmp_path: Path) -> None:
    database = tmp_path / "fail2ban.sqlite3"
    assert shown(database, "show", "192.0.2.1") == []
    with sqlite3.connect(database) as made:
        for table in ("bips", "bans"):
            made.execute(f"create table {table} (ip text, jail text)")
            made.execute(f"insert into {table} values ('192.0.2.1', 'sshd'), ('192.0.2.2', 'sshd')")  # noqa: S608
    assert shown(database, "show", "192.0.2.1") == ["sshd"]
    assert shown(database, "forget", "192.0.2.1") == []
    assert shown(database, "show", "192.0.2.1") == []
    assert shown(database, "show", "192.0.2.2") == ["sshd"]
