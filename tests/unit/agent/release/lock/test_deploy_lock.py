"""The deploy lock, held by the host: a deploy sees it, and only ours is given back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.release.lock import deploy_lock


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "backups").mkdir()
    return Config({"host": "aipbx.org", "app_dir": str(tmp_path)}, {}, {})


def test_a_deploy_shows_who_has_the_lock_and_waits(config: Config) -> None:
    with deploy_lock.held(config, "restore of x"):
        with pytest.raises(Refused, match=r"is locked: aipbx\.org itself, restore of x, since 2"):
            deploy_lock.take(config, "anna", tied=True)
        seen = deploy_lock.current(config)
        assert seen
        assert "restore of x" in seen.owner
        assert (seen.standing, seen.seconds < 60) == ("open", True)
        (config.app / "lock" / "connection").write_text(f"{2**22} 17\n")
        seen = deploy_lock.current(config)
        assert seen
        assert seen.standing == "ended", "a run that was killed"
        (config.app / "lock" / "connection").unlink()
        seen = deploy_lock.current(config)
        assert seen
        assert seen.standing == "by hand", "what `inv lock` makes is tied to no run"
    assert deploy_lock.current(config) is None
    deploy_lock.take(config, "anna", tied=False)


def test_a_deploy_s_is_respected_and_not_given_back(config: Config) -> None:
    deploy_lock.take(config, "anna@desk, deploy", tied=False)
    with pytest.raises(Refused) as refused, deploy_lock.held(config, "restore"):
        raise AssertionError
    assert "anna@desk, deploy" in refused.value.why
    deploy_lock.release(config)
    assert (config.app / "lock" / "owner").exists()


def test_inv_unlock_breaks_ours_and_leaves_nothing_else_behind(config: Config) -> None:
    with deploy_lock.held(config, "restore"):
        deploy_lock.broken(config)
        assert not (config.app / "lock").exists()
    with deploy_lock.held(config, "again"):
        assert "again" in (config.app / "lock" / "owner").read_text()
    deploy_lock.release(config)  # twice does no harm


def test_after_a_boot_no_lock_of_a_run_is_left_and_every_other(config: Config) -> None:
    later = time.time() + 60
    deploy_lock.take(config, "anna@desk, deploy, since 2026-11-26 10:00:00 UTC", tied=True)
    deploy_lock.give_back(config, before=0)
    assert (config.app / "lock").exists()
    deploy_lock.give_back(config, before=later)
    assert not (config.app / "lock").exists()
    deploy_lock.take(config, "anna@desk, the PBX moves, since 2026-11-26 10:00:00 UTC", tied=False)
    deploy_lock.give_back(config, before=later)
    assert "the PBX moves" in (config.app / "lock" / "owner").read_text()
