"""A switch that ends at any point, by a kill or by a fault: a backend serves at every moment, one alone at its end."""

from __future__ import annotations

import argparse
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent import contract
from aipbx_agent.core import docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Interrupted, Refused
from aipbx_agent.release import ledger as release_ledger
from aipbx_agent.release.containers import colours, traffic
from aipbx_agent.release.lock import deploy_lock
from aipbx_agent.release.pbx import pbxs
from aipbx_agent.release.switch import drain, health, overlap, plan, public_check, switch, switch_back, switch_journal
from tests.unit.shell import stub

OLD, NEW = {"backend": "1" * 40, "frontend": "2" * 40}, {"backend": "3" * 40, "frontend": "2" * 40}
ENTRY: dict[str, Any] = {
    "time": "2026-11-26T10:00:00Z", "operator": "anna@desk", "action": "deploy", "result": "ok", "seconds": 0,
    "before": OLD, "after": NEW, "images": {}, "note": "",
}  # fmt: skip


SETTINGS = {
    "ready_seconds": 1, "settle_seconds": 0, "public_checks": [], "switch_mode": "colours",
    "application_timers": {},
}  # fmt: skip


class Killed(BaseException):
    """kill -9: nothing of the program's runs any more."""


class World:
    """A host's containers and its PBX. It may end at any of its actions; after each, someone must serve."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.runs: dict[str, bool] = {"backend-blue": True}
        self.releases = {"backend-blue": "old"}
        self.pbx = "aipbx-blue"
        self.ends_at, self.fault, self.actions = -1, "", 0
        self.calls: list[list[str]] = []
        self.hung_up: list[str] = []
        self.interrupted = False

    def acts(self, what: str) -> None:
        self.interrupted |= not self.runs.get(colours.active(self.config, "backend"))
        self.actions += 1
        if self.actions == self.ends_at:
            raise Killed
        if what == self.fault:
            self.fault = ""
            raise Failed(f"{what} does not work.", "A fault.", "Fix it.")

    def start_colour(self, _: Config, name: str, images: Path) -> None:
        self.acts("start")
        self.runs[name], self.releases[name] = True, images.read_text()
        self.acts("started")

    def stop(self, name: str) -> None:
        self.acts("stop")
        self.runs[name] = False

    def start(self, name: str) -> None:
        self.acts("start again")
        self.runs[name] = True

    def remove(self, _: Config, name: str) -> None:
        if name in self.runs:
            self.acts("remove")
            del self.runs[name]

    def requests(self, *_: object) -> None:
        self.acts("requests")

    def serves(self) -> tuple[str, str]:
        """What nginx asks, and which release that is; it must run, alone."""
        name = colours.active(self.config, "backend")
        assert [one for one, up in self.runs.items() if up] == [name]
        return name, self.releases[name]

    # The PBX.
    silent: dict[str, str] = {}  # noqa: RUF012
    unheard = False

    def gets_new_calls(self) -> str:
        return self.pbx

    def hand_over(self, application: str) -> None:
        self.acts("hand over")
        self.pbx = application

    def channels(self, _: str) -> list[str] | None:
        return self.calls.pop(0) if self.calls else []

    def hang_up(self, channels: list[str]) -> list[str]:
        self.hung_up += channels
        return []


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "nginx" / "active").mkdir(parents=True)
    (tmp_path / "nginx" / "active" / "backend-blue").touch()
    (tmp_path / "images.env").write_text("old")
    (tmp_path / contract.STAGED).write_text("new")
    raw = {"host": "h", "app_dir": str(tmp_path), "compose_project": "p", "rtp_ports": [3032, 3034], **SETTINGS}
    secrets = {"ARI_URL": "http://pbx/ari", "ARI_USER": "u", "ARI_PASSWORD": "p"}
    return Config(raw, {"backend": {"EXTERNAL_HOST": "203.0.113.20:3032", "AIPBX_BOTNAME": "aipbx"}}, secrets)


@pytest.fixture
def world(config: Config, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(config)
    monkeypatch.setattr(colours, "present", lambda _, name: name if name in made.runs else "")
    monkeypatch.setattr(colours, "start", made.start_colour)
    monkeypatch.setattr(colours, "remove", made.remove)
    monkeypatch.setattr(colours, "bot", lambda name: f"aipbx-{name.partition('-')[2]}")
    monkeypatch.setattr(docker, "answering", lambda: None)
    monkeypatch.setattr(docker, "running", lambda name: made.runs[name])
    monkeypatch.setattr(docker, "stop", made.stop)
    monkeypatch.setattr(docker, "start", made.start)
    monkeypatch.setattr(docker, "wait_healthy", lambda *_: made.acts("well again"))
    monkeypatch.setattr(docker, "state", lambda _: {"StartedAt": "2026-01-01T00:00:00.123Z", "Pid": 1})
    monkeypatch.setattr(health, "wait", lambda *_: made.acts("ready"))
    monkeypatch.setattr(health, "registered", lambda *_: made.acts("registered"))
    monkeypatch.setattr(health, "stays", lambda *_: made.acts("stays"))
    monkeypatch.setattr(public_check, "check", lambda _: made.acts("public"))
    monkeypatch.setattr(drain, "requests", made.requests)
    monkeypatch.setattr(drain, "LATE_SECONDS", 0)
    monkeypatch.setattr(drain, "PAUSE", 0)
    monkeypatch.setattr(traffic, "flows", lambda _: 0)
    monkeypatch.setattr(pbxs.Pbxs, "of", lambda config: made if config.hands_over else None)
    return made


def planned(config: Config, **changes: Any) -> plan.Switch:
    settings = {name: config.raw[name] for name in SETTINGS}
    made = {"entry": ENTRY, "settings": settings, "names": {"backend": ("backend-blue", "backend-green")}}
    return plan.Switch(**{**made, "drain_seconds": 60.0, "begun": 1e10, "accepts_overlap": False, **changes})


def ledger(config: Config) -> list[str]:
    path = config.app / "releases.jsonl"
    return [json.loads(line)["result"] for line in path.read_text().splitlines()] if path.exists() else []


def without_pbx(config: Config) -> None:
    config.secrets.clear()


def test_the_new_colour_takes_the_place_of_the_old_one(config: Config, world: World) -> None:
    assert switch.carry_out(config, planned(config)) == {"ended": 0, "cut": 0}
    assert world.serves() == ("backend-green", "new")
    assert world.pbx == "aipbx-green"
    assert (config.app / "images.env").read_text() == "new"
    assert ledger(config) == ["ok"]
    assert not world.interrupted
    assert not switch_journal.pending(config)


def test_the_ledger_counts_what_came_before_the_switch(config: Config, world: World) -> None:
    switch.carry_out(config, planned(config, begun=time.time() - 5, entry=ENTRY | {"seconds": 100}))
    assert world.serves() == ("backend-green", "new")
    assert 105 <= json.loads((config.app / "releases.jsonl").read_text())["seconds"] < 200


def test_calls_that_end_are_waited_for_and_the_rest_is_hung_up(config: Config, world: World) -> None:
    world.calls = [["a", "b"], ["b"], []]
    assert switch.carry_out(config, planned(config)) == {"ended": 2, "cut": 0}
    again = planned(config, names={"backend": ("backend-green", "backend-blue")}, drain_seconds=0.0, begun=0.0)
    (config.app / contract.STAGED).write_text("third")
    world.calls = [["c", "d"], ["d"]]
    assert switch.carry_out(config, again) == {"ended": 0, "cut": 2}
    assert world.hung_up == ["c", "d"]


def test_calls_of_a_pbx_that_does_not_answer_count_as_live(
    config: Config, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both until it answers, or no RTP flows, and until the deadline."""
    unheard = [True, True, False]
    monkeypatch.setattr(World, "unheard", property(lambda _: unheard.pop(0) if unheard else False))
    assert switch.carry_out(config, planned(config)) == {"ended": 0, "cut": 0}
    assert not unheard
    flows = [3, 2, 0]
    monkeypatch.setattr(world, "silent", {"a customer's": "it is switched off"})
    monkeypatch.setattr(overlap, "refuse", lambda *_, **__: None)
    monkeypatch.setattr(traffic, "flows", lambda _: flows.pop(0) if flows else 0)
    (config.app / contract.STAGED).write_text("third")
    back = planned(config, names={"backend": ("backend-green", "backend-blue")})
    assert switch.carry_out(config, back) == {"ended": 0, "cut": 0}
    assert not flows
    monkeypatch.setattr(traffic, "flows", lambda _: 2)
    (config.app / contract.STAGED).write_text("fourth")
    assert switch.carry_out(config, planned(config, drain_seconds=0.0, begun=0.0)) == {"ended": 0, "cut": 2}


@pytest.mark.parametrize("mode", ["colours", "recreate"])
@pytest.mark.parametrize("pbx", [True, False])
@pytest.mark.parametrize("ends_at", range(1, 13))
def test_the_run_after_a_kill_leaves_one_backend(
    config: Config, world: World, monkeypatch: pytest.MonkeyPatch, ends_at: int, mode: str, pbx: bool
) -> None:
    config.raw["switch_mode"] = mode
    if not pbx:
        without_pbx(config)
    world.ends_at = ends_at
    with monkeypatch.context() as dead:
        dead.setattr(switch_back, "put_back_after", lambda *_: None)
        try:
            switch.carry_out(config, planned(config))
        except Killed:
            assert switch_journal.pending(config)
    # Killed once more, at every point of what comes after; the next one ends it.
    for again in range(1, 12):
        world.ends_at = world.actions + again
        try:
            switch.recover(config)
        except Killed:
            continue
        break
    name, release = world.serves()
    assert release == (config.app / "images.env").read_text()
    assert ledger(config) == ["ok" if release == "new" else "failed"]
    assert world.pbx in {f"aipbx-{name.partition('-')[2]}", "aipbx-blue" if not config.hands_over else ""}
    assert mode == "recreate" or not world.interrupted
    assert not switch_journal.pending(config)
    assert not (config.app / switch_journal.WANTED).exists()


@pytest.mark.parametrize(
    "problem", [Interrupted("The run was stopped.", "SIGTERM", "Again."), OSError(28, "No space left on device")]
)
def test_what_fails_after_the_decision_takes_nothing_back(
    config: Config, world: World, monkeypatch: pytest.MonkeyPatch, problem: BaseException
) -> None:
    def fails(*_: object) -> None:
        raise problem

    with monkeypatch.context() as full:
        full.setattr(switch_journal, "record", fails)
        with pytest.raises(type(problem)):
            switch.carry_out(config, planned(config))
    assert colours.active(config, "backend") == "backend-green"
    assert world.runs["backend-green"]
    switch.recover(config)
    assert world.serves() == ("backend-green", "new")
    assert (world.pbx, ledger(config), switch_journal.pending(config)) == ("aipbx-green", ["ok"], None)


def test_a_release_whose_container_is_gone_is_started_before_it_serves(
    config: Config, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dead:
        dead.setattr(switch, "_finish", lambda *_: None)
        switch.carry_out(config, planned(config))
    colours.point(config, "backend", "backend-blue")
    del world.runs["backend-green"]
    switch.recover(config)
    assert world.serves() == ("backend-green", "new")
    assert not world.interrupted


@pytest.mark.parametrize("pbx", [True, False])
@pytest.mark.parametrize("fault", ["start", "ready", "stays", "public"])
def test_a_fault_leaves_the_old_release_serving_without_a_gap(
    config: Config, world: World, fault: str, pbx: bool
) -> None:
    if not pbx:
        without_pbx(config)
    world.fault = fault
    with pytest.raises(Failed, match=f"{fault} does not work"):
        switch.carry_out(config, planned(config))
    # Without names of their own, the old release was started once more: the PBX knows the last to come.
    assert world.serves() == ("backend-blue" if pbx else "backend-green", "old")
    assert world.pbx == "aipbx-blue"
    assert (config.app / "images.env").read_text() == "old"
    assert ledger(config) == ["failed"]
    assert not world.interrupted


@pytest.mark.parametrize("pbx", [True, False])
def test_a_disk_that_is_full_where_nginx_looks_leaves_the_old_release_serving(
    config: Config, world: World, monkeypatch: pytest.MonkeyPatch, pbx: bool
) -> None:
    if not pbx:
        without_pbx(config)
    point = colours.point

    def full(config: Config, service: str, name: str) -> None:
        if not (colours.folder(config) / name).exists():
            raise OSError(28, "No space left on device")
        point(config, service, name)

    monkeypatch.setattr(colours, "point", full)
    with pytest.raises(OSError, match="No space left on device"):
        switch.carry_out(config, planned(config))
    assert world.serves() == ("backend-blue", "old")
    assert not switch_journal.path(config).exists()
    assert ledger(config) == ["failed"]
    assert not world.interrupted


def test_a_pbx_that_does_not_answer_is_found_out_first(config: Config, world: World) -> None:
    def silent() -> str:
        raise Failed("The PBX does not answer.", "No route.", "Look.")

    world.gets_new_calls = silent  # type: ignore[method-assign]
    with pytest.raises(Refused, match="does not answer"):
        switch.carry_out(config, planned(config))
    assert (world.actions, switch_journal.pending(config)) == (0, None)


@pytest.mark.parametrize("accepted", [True, False])
def test_a_switch_that_would_run_timers_twice_is_refused_before_anything(
    config: Config, world: World, accepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = overlap.now()
    monkeypatch.setattr(overlap, "now", lambda: moment)
    config.raw["application_timers"] = {f"*:{moment:%M}": "invoices are made"}
    if accepted:
        switch.carry_out(config, planned(config, accepts_overlap=True))
        assert world.serves() == ("backend-green", "new")
        return
    with pytest.raises(Refused, match="invoices are made"):
        switch.carry_out(config, planned(config))
    assert (world.actions, switch_journal.pending(config), ledger(config)) == (0, None, [])


def test_without_the_pbx_a_live_call_is_waited_for(
    config: Config, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pbx(config)
    flows = [2, 1, 0, 0]
    monkeypatch.setattr(traffic, "flows", lambda _: flows.pop(0) if flows else 0)
    switch.carry_out(config, planned(config))
    monkeypatch.setattr(traffic, "flows", lambda _: 2)
    back = planned(config, names={"backend": ("backend-green", "backend-blue")}, drain_seconds=0.01)
    with pytest.raises(Refused, match="2 calls are still live on h; nothing was changed"):
        switch.carry_out(config, back)
    (config.app / contract.STAGED).write_text("third")
    assert switch.carry_out(config, planned(config, names=back.names, drain_seconds=0.0))["cut"] == 2


def test_each_colour_gets_its_own_port_and_name(config: Config) -> None:
    blue, green = (colours.environment(config, f"backend-{colour}") for colour in ("blue", "green"))
    assert (blue["EXTERNAL_HOST"], green["EXTERNAL_HOST"]) == ("203.0.113.20:3032", "203.0.113.20:3034")
    assert (blue[colours.BOT], green[colours.BOT]) == ("aipbx-blue", "aipbx-green")
    without_pbx(config)
    assert colours.environment(config, "backend-green")[colours.BOT] == "aipbx"


def test_the_lock_of_the_operator_is_held_on_and_given_back(config: Config) -> None:
    lock = config.app / "lock"
    lock.mkdir()
    (lock / "owner").write_text("anna@desk, deploy, since then\n")
    with pytest.raises(Refused, match="no longer yours"), deploy_lock.taken_over(config, "boris@desk, deploy"):
        pass
    with deploy_lock.taken_over(config, "anna@desk, deploy, since then"):
        assert (lock / "owner").read_text() == "anna@desk, deploy, since then; the host carries it out\n"
    assert not lock.exists()


def test_the_team_hears_who_wanted_what_when_it_fails(
    config: Config, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (config.app / "lock").mkdir()
    (config.app / "lock" / "owner").write_text("anna@desk, deploy\n")
    asked = {
        "entry": ENTRY, "settings": SETTINGS, "services": ["backend"], "owner": "anna@desk, deploy",
        "drain_seconds": 0, "accepts_overlap": True,
    }  # fmt: skip
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(asked)))
    monkeypatch.setattr(switch, "LOCK", tmp_path / "switch-lock")
    world.fault = "started"
    with pytest.raises(Failed) as failed:
        switch.main(config, argparse.Namespace())
    assert failed.value.about == ("deploy by anna@desk, begun 2026-11-26T10:00:00Z\nbackend: 11111111 → 33333333\n")
    assert release_ledger.about({**ENTRY, "before": None}).splitlines()[1:] == [
        "backend: nothing → 33333333",
        "frontend: nothing → 22222222",
    ]


def test_only_a_lock_that_is_ours_or_older_than_the_host_is_given_back(config: Config) -> None:
    lock = config.app / "lock"
    lock.mkdir()
    (lock / "owner").write_text("anna@desk, deploy, since then\n")
    (lock / "connection").touch()
    deploy_lock.give_back(config, before=lock.stat().st_mtime - 60)
    assert lock.exists()
    deploy_lock.give_back(config, before=lock.stat().st_mtime + 60)
    assert not lock.exists()


@pytest.mark.parametrize(("how", "ended"), [("running", True), ("degraded", True), ("stopping", False)])
def test_a_host_that_stops_does_not_wait_for_calls(
    config: Config, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str, ended: bool
) -> None:
    stub(tmp_path / "bin", "systemctl", f"echo {how}; [ {how} = running ]")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(switch, "LOCK", tmp_path / "switch-lock")
    world.ends_at = 4
    with monkeypatch.context() as dead:
        dead.setattr(switch_back, "put_back_after", lambda *_: None)
        with pytest.raises(Killed):
            switch.carry_out(config, planned(config))
    switch.cleanup(config)
    assert (switch_journal.pending(config) is None) == ended
