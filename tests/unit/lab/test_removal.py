"""What is left of a lab that was taken down."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import removal
from lab.engine import docker_engine
from lab.progress import Steps
from lab.topology import Lab
from tests import conftest
from tests.lab import evidence


def test_the_evidence_of_a_test_run_outlives_its_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_engine, "find", lambda: None)
    lab = Lab(tmp_path)
    story = lab.directory / evidence.FOLDER / "story"
    story.mkdir(parents=True)
    for path in (story / "report.txt", lab.directory / conftest.DURATIONS, lab.directory / "ssh_config"):
        path.write_text("")
    removal.down(lab, Steps())
    assert {path.name for path in lab.directory.iterdir()} == {evidence.FOLDER, conftest.DURATIONS}
    assert [path.name for path in story.iterdir()] == ["report.txt"]
