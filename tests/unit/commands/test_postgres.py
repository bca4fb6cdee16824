"""psql, as the database's own container opens it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from fleet.commands import postgres
from tests.unit.shell import sh, stub

UNATTENDED = "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"


def inside(command: str) -> str:
    """What the container's shell gets."""
    return shlex.split(command)[-1]


def test_exact() -> None:
    typed = postgres.psql("aipbx", terminal=True, read_only=False)
    assert shlex.split(typed)[-5:-1] == ["exec", "postgres", "sh", "-c"]
    prompts = "--set 'PROMPT1=%n@%/%R%x%# ' --set 'PROMPT2=%n@%/%R%x%# '"
    assert inside(typed) == (
        f"{postgres.WHO}; export PGOPTIONS='-c statement_timeout=0'; "
        f'exec psql -U "$admin" -d "$POSTGRES_DB" {prompts}'
    )
    piped = postgres.psql("aipbx", terminal=False, read_only=False)
    assert shlex.split(piped)[-6:-1] == ["exec", "-T", "postgres", "sh", "-c"]
    assert inside(piped) == (
        f"""{postgres.WHO}; export PGOPTIONS='{UNATTENDED}'; exec psql -U "$admin" -d "$POSTGRES_DB" """
        "--no-psqlrc --set ON_ERROR_STOP=1 --file -"
    )


@pytest.mark.parametrize(("there", "who"), [("true", "aipbx_admin"), ("[ $2 != aipbx_admin ]", "a b")])
def test_until_a_deploy_has_made_it_the_superuser_is_an_older_one(tmp_path: Path, there: str, who: str) -> None:
    bin_ = stub(tmp_path / "bin", "psql", there)
    given = shlex.join(["env", "POSTGRES_USER=a b", "sh", "-c", f'{postgres.WHO}; echo "$admin"'])
    assert sh(given, bin_).stdout == f"{who}\n"


def test_psql_may_only_read(tmp_path: Path) -> None:
    bin_ = stub(tmp_path / "bin", "psql", 'echo "$PGOPTIONS"; for word; do echo "<$word>"; done; cat')
    script = inside(postgres.psql("aipbx", terminal=False, read_only=True))
    given = shlex.join(["env", "POSTGRES_USER=a b", "POSTGRES_DB=d", "sh", "-c", script])
    assert sh(given, bin_, stdin=b"select 1;").stdout.splitlines() == [
        f"{UNATTENDED} -c default_transaction_read_only=on",
        *["<-U>", "<aipbx_admin>", "<-d>", "<d>", "<--no-psqlrc>", "<--set>", "<ON_ERROR_STOP=1>", "<--file>", "<->"],
        "select 1;",
    ]
