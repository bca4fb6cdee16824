"""The rules of the server's door while a password changes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from aipbx_agent.contract import ROTATION_MARK
from fleet.commands import rotation
from tests.unit.shell import sh, stub

RULES = "local all all trust\nhost all all all scram-sha-256\n"
LINE = 'host "aipbx" "o""b" 10.0.0.7/32 trust # aipbx: until the password is changed everywhere\n'
# A server whose rules are the file; each check when they were read is a later one, as after a reload.
PSQL = """case "$*" in
*hba_file\\ *|*hba_file) echo "$HBA" ;; *load_time*) date +%s%N ;; *pg_hba_file_rules*) cat "$HBA.faults" ;;
*) echo "$*" >>"$HBA.asked" ;; esac"""


@pytest.fixture
def hba(tmp_path: Path) -> Path:
    (tmp_path / "hba").write_text(RULES)
    (tmp_path / "hba.faults").write_text("0\n")
    stub(tmp_path / "bin", "psql", f"HBA={tmp_path}/hba\n{PSQL}")
    # What stands after the service's name, as the container's shell would get it, with the container's own variables.
    skip = 'while [ "$1" != postgres ] || [ "$2" = postgres ]; do shift; done; shift'
    stub(tmp_path / "bin", "docker", f'export POSTGRES_USER=u POSTGRES_DB=d; {skip}; "$@"')
    return tmp_path / "hba"


def run(hba: Path, command: str) -> tuple[int, str]:
    done = sh(command, hba.parent / "bin")
    return done.returncode, done.stdout + done.stderr


def test_one_address_is_let_in_and_then_no_more(hba: Path) -> None:
    command = rotation.let_in("aipbx", "aipbx", 'o"b', ["10.0.0.7"])
    assert run(hba, command) == (0, "")
    assert hba.read_text() == LINE + RULES
    assert "pg_reload_conf" in (hba.parent / "hba.asked").read_text()
    assert run(hba, command) == (0, "")
    assert hba.read_text() == LINE + RULES, "a second run leaves no second line"
    assert run(hba, rotation.under_way("aipbx")) == (0, "1\n")
    assert run(hba, rotation.shut_out("aipbx")) == (0, "")
    assert hba.read_text() == RULES
    assert run(hba, rotation.under_way("aipbx")) == (0, "0\n")
    assert sorted(path.name for path in hba.parent.glob("hba*")) == ["hba", "hba.asked", "hba.faults"]


def test_without_a_backend_only_the_mark_is_there(hba: Path) -> None:
    run(hba, rotation.let_in("aipbx", "aipbx", "role", []))
    assert hba.read_text() == f"{ROTATION_MARK}\n{RULES}"
    assert run(hba, rotation.under_way("aipbx")) == (0, "1\n")


def test_rules_with_a_fault_are_taken_back(hba: Path) -> None:
    (hba.parent / "hba.faults").write_text("1\n")
    code, said = run(hba, rotation.let_in("aipbx", "aipbx", "role", ["10.0.0.7"]))
    assert (code, said) == (1, "pg_hba.conf would not be read like that\n")
    assert hba.read_text() == RULES


def test_the_statement() -> None:
    sql = rotation.altered('a"b', "SCRAM-SHA-256$4096:c2FsdA==$a+/=:b")
    assert sql.endswith('ALTER ROLE "a""b" PASSWORD \'SCRAM-SHA-256$4096:c2FsdA==$a+/=:b\';\n')
    with pytest.raises(ValueError, match="verifier"):
        rotation.altered("a", "'; DROP")


def test_no_secret_is_on_a_command_line() -> None:
    words = shlex.split(rotation.login("aipbx", "db", "role"))
    assert words[-2:] == ["role", "db"]
    assert "IFS= read -r PGPASSWORD" in words[-4]


def test_the_backends_and_none_that_only_ran_once(tmp_path: Path) -> None:
    listed = "1 False backend\\n2 True backend\\n3 False backend-green\\n4 False postgres\\n"
    script = f'case "$1" in ps) printf "{listed}" ;; inspect) shift 3; echo "$@" ;; esac'
    stub(tmp_path / "bin", "docker", script)
    assert sh(rotation.backends("aipbx"), tmp_path / "bin").stdout == "1 3\n"
