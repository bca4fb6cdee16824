"""An image is noted during its download; one whose host went down meanwhile is deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aipbx_agent.core import arriving
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from tests.unit.shell import stub

IMAGE = "ghcr.io/team/backend:abc"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config({"app_dir": str(tmp_path)}, {}, {})


def test_one_that_has_come_or_was_refused_is_not_noted(config: Config) -> None:
    with arriving.noted(config, IMAGE):
        assert arriving.note(config.app, IMAGE).is_file()
        assert arriving.torn(config) == [], "it is on its way in this boot"
    with pytest.raises(Failed), arriving.noted(config, IMAGE):
        raise Failed("The registry refused.", "", "")
    assert not arriving.note(config.app, IMAGE).exists()


def test_one_of_another_boot_is_deleted_under_each_of_its_names(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, note = config.app / "said", arriving.note(config.app, IMAGE)
    note.parent.mkdir()
    note.write_text(f"another-boot {IMAGE}\n")
    (note.parent / "cut-off").write_text("")
    assert arriving.torn(config) == [IMAGE]
    docker = f'case "$2" in inspect) echo {IMAGE}; echo r@sha256:1;; *) echo $* >>{said}; [ "$1" = builder ];; esac'
    monkeypatch.setenv("PATH", f"{stub(config.app / 'bin', 'docker', docker)}:{os.environ['PATH']}")
    arriving.delete(config, IMAGE)
    assert said.read_text().splitlines() == [
        f"image rm {IMAGE}",
        "image rm r@sha256:1",
        "builder prune --all --force",
    ]
    assert arriving.torn(config) == []
