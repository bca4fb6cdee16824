"""An operator says `backend`: the colour that serves is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.commands import colours
from tests.unit.shell import sh, stub


@pytest.mark.parametrize(
    ("files", "serves"),
    [
        ([], "backend"),
        (["frontend-green"], "backend"),
        (["backend-blue"], "backend-blue"),
        (["backend-green"], "backend-green"),
        (["backend-blue", "backend-green"], "backend-green"),
    ],
)
def test_the_colour_that_serves(files: list[str], serves: str, tmp_path: Path) -> None:
    folder = tmp_path / "nginx" / "active"
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).touch()
    assert sh(f"echo {colours.serving(str(tmp_path), 'backend')}").stdout == f"{serves}\n"


def test_before_a_host_is_converged_it_is_the_service_itself(tmp_path: Path) -> None:
    assert sh(f"echo {colours.serving(str(tmp_path), 'frontend')}").stdout == "frontend\n"


def test_what_has_no_colours_is_itself() -> None:
    assert colours.serving("/app/aipbx", "nginx") == "nginx"
    assert colours.present("aipbx", "x; reboot") == "'x; reboot'"


@pytest.mark.parametrize(
    ("there", "meant"),
    [
        ("backend-green\nbackend-blue\nnginx\nfrontend-blue", "backend-blue backend-green"),
        ("postgres", "backend"),
        ("backend-old\nmybackend", "backend"),
    ],
)
def test_logs_are_those_of_every_colour_that_is_there(there: str, meant: str, tmp_path: Path) -> None:
    bin_ = stub(tmp_path / "bin", "docker", f"printf '%s\\n' '{there}'")
    assert sh(f"echo {colours.present('aipbx', 'backend')}", bin_).stdout == f"{meant}\n"
