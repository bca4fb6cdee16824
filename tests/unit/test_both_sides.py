"""What the operator's machine and the host both know, and each says for itself."""

from __future__ import annotations

from aipbx_agent import contract
from fleet.checkout import ROOT
from fleet.env import stack
from fleet.tls import commands


def test_the_superuser() -> None:
    declared = next(one for one in stack.FIXED.variables if one.name == "POSTGRES_USER")
    assert declared.fixed == contract.ADMIN


def test_the_line_before_an_authority() -> None:
    assert f"/^{commands.AUTHORITY.decode()}$/" in (ROOT / "files" / "tls" / "certificate.sh").read_text()
