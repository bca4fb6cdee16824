"""What the operator's machine and the host both know, and each says for itself."""

from __future__ import annotations

from aipbx_data import first_start, migrations, switch
from aipbx_data import postgres as on_the_host

from fleet.access import ROOT
from fleet.commands import lock, postgres
from fleet.env import stack
from fleet.migrations import plan
from fleet.tls import commands


def test_the_superuser() -> None:
    declared = next(one for one in stack.FIXED.variables if one.name == "POSTGRES_USER")
    assert postgres.ADMIN == on_the_host.ADMIN == declared.fixed


def test_the_file_of_what_shall_run() -> None:
    assert lock.STAGED == switch.STAGED == first_start.STAGED


def test_the_states_of_a_database() -> None:
    states = ("NO_SERVER", "NEW", "FIRST_START", "LIVES", "KNOWN", "OTHER")
    assert [getattr(plan, name) for name in states] == [getattr(migrations, name) for name in states]


def test_the_line_before_an_authority() -> None:
    assert f"/^{commands.AUTHORITY.decode()}$/" in (ROOT / "files" / "tls" / "certificate.sh").read_text()
