"""psql, as the database's own container opens it."""

from __future__ import annotations

import shlex
from pathlib import Path

from fleet.commands import postgres
from tests.unit.shell import sh, stub


def inside(command: str) -> str:
    """What the container's shell gets."""
    return shlex.split(command)[-1]


def test_exact() -> None:
    assert postgres.psql("aipbx", terminal=True, read_only=False).endswith(
        """--project-name aipbx exec postgres sh -c 'exec psql -U "$POSTGRES_USER" -d "$POSTGRES_DB"'"""
    )
    assert postgres.psql("aipbx", terminal=False, read_only=False).endswith(
        """--project-name aipbx exec -T postgres sh -c 'exec psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" """
        "--no-psqlrc --set ON_ERROR_STOP=1 --file -'"
    )
    assert inside(postgres.psql("aipbx", terminal=True, read_only=True)) == (
        """export PGOPTIONS='-c default_transaction_read_only=on'; exec psql -U "$POSTGRES_USER" -d "$POSTGRES_DB\""""
    )


def test_psql_is_told_that_it_may_only_read(tmp_path: Path) -> None:
    bin_ = stub(tmp_path / "bin", "psql", 'echo "$PGOPTIONS"; for word; do echo "<$word>"; done; cat')
    script = inside(postgres.psql("aipbx", terminal=False, read_only=True))
    given = shlex.join(["env", "POSTGRES_USER=a b", "POSTGRES_DB=d", "sh", "-c", script])
    assert sh(given, bin_, stdin=b"select 1;").stdout.splitlines() == [
        "-c default_transaction_read_only=on",
        *["<-U>", "<a b>", "<-d>", "<d>", "<--no-psqlrc>", "<--set>", "<ON_ERROR_STOP=1>", "<--file>", "<->"],
        "select 1;",
    ]
