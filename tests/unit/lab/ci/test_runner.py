"""What a runner of workflows has of this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.ci import runner


def test_a_python_of_its_own_folder_comes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/opt/python")
    assert runner.python() == [runner.ENVIRONMENT, Path("/opt/python")]


def test_of_the_systems_python_only_the_program_and_its_library_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3.11")
    _, program, library = runner.python()
    assert program.name.startswith("python3")
    assert library.name.startswith("python3.")
