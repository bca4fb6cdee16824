"""A release on several hosts: in which order, and what happens after a failure."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent.release.releases import Entry, Release
from fleet import cli
from fleet.errors import FailedError, OperatorError
from fleet.release import hooks, notice, run
from fleet.release.decide import Options, Prepared
from fleet.release.plan import Plan
from fleet.release.rollout import waves

OLD, NEW = Release("a" * 40, "b" * 40), Release("c" * 40, "b" * 40)
WELL = SimpleNamespace(good=True, restarts=0)


def prepared(name: str, *, canary: bool = False, before: Release | None = OLD) -> Prepared:
    remote: Any = SimpleNamespace(name=name, settings=SimpleNamespace(canary=canary, canary_soak_seconds=0))
    found: Any = None
    return Prepared(remote, Plan(name, "deploy", before, NEW), found, {}, None, Options(60))


class Fleet:
    """What is done to which host; those in `broken` fail, those in `ill` do not stay well."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.broken: set[str] = set()
        self.ill: set[str] = set()
        self.stays: set[str] = set()
        self.unwanted: set[str] = set()
        monkeypatch.setattr(run, "carry_out", self._carry_out)
        monkeypatch.setattr(hooks, "run", self._hook)
        monkeypatch.setattr(notice, "take_back", lambda remote, *_: self.done.append(f"told of {remote.name}"))
        monkeypatch.setattr("fleet.state.survey.take", self._take)
        monkeypatch.setattr("fleet.migrations.run.allow_back", self._allow_back)

    def _carry_out(self, one: Prepared) -> Entry:
        self.done.append(f"{one.what.action} {one.remote.name} {one.what.after.backend[0]}")
        if one.remote.name in self.broken:
            raise FailedError(f"{one.remote.name}: the backend is not ready.", "It ended.", "inv logs backend")
        return Entry("2026-11-26T12:00:00Z", "anna", one.what.action, "ok", 9, one.what.before, one.what.after, {})

    def _hook(self, moment: str, told: dict[str, str]) -> None:
        if moment == "pre-deploy" and told["AIPBX_HOST"] in self.unwanted:
            raise OperatorError(f"{told['AIPBX_HOST']}: hooks/pre-deploy refused; nothing was touched.", "", "")
        if moment != "pre-deploy":
            self.done.append(f"hook {moment} {told['AIPBX_HOST']}")

    def _allow_back(self, remote: Any, *_: object, despite: bool) -> None:
        assert not despite
        if remote.name in self.stays:
            raise OperatorError(f"{remote.name}: a migration is in the way.", "", "")

    def _take(self, remote: Any) -> Any:
        well = WELL if remote.name not in self.ill else SimpleNamespace(good=False, restarts=1)
        return SimpleNamespace(containers={"backend": well}, running=NEW, entries=[])


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    return Fleet(monkeypatch)


def three() -> list[Prepared]:
    return [prepared("net"), prepared("org", canary=True), prepared("ru")]


def test_the_canary_comes_first_and_without_one_the_first_that_is_named() -> None:
    names = [[one.remote.name for one in wave] for wave in waves.order(three(), canary=True)]
    assert names == [["org"], ["net", "ru"]]
    plain = [prepared("net"), prepared("ru")]
    assert [len(wave) for wave in waves.order(plain, canary=True)] == [1, 1]
    assert waves.order(plain, canary=True)[0][0].remote.name == "net"
    assert waves.order(plain, canary=False) == [plain]
    assert waves.order(plain[:1], canary=True) == [plain[:1]]


def test_the_first_release_of_a_fleet_needs_no_canary() -> None:
    new = [prepared("net", before=None), prepared("org", canary=True, before=None)]
    assert waves.order(new, canary=True) == [new]
    assert [len(wave) for wave in waves.order([prepared("ru"), *new], canary=True)] == [1, 2]


def test_all_goes_well(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    waves.carry_out(three(), canary=True, atomic=True, yes=True)
    assert fleet.done[0] == "deploy org c"
    assert sorted(fleet.done[1:]) == ["deploy net c", "deploy ru c"]
    table = capsys.readouterr().out
    assert table.count(" ok ") == 3
    assert "aaaaaaaa → cccccccc" in table


def test_nothing_follows_a_canary_that_fails(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.broken = {"org"}
    with pytest.raises(FailedError, match="net not begun, org failed, ru not begun"):
        waves.carry_out(three(), canary=True, atomic=False, yes=True)
    assert fleet.done == ["deploy org c"]
    assert "the backend is not ready" in capsys.readouterr().out


def test_nothing_follows_a_canary_that_does_not_stay_well(fleet: Fleet) -> None:
    fleet.ill = {"org"}
    with pytest.raises(FailedError, match="org failed") as failed:
        waves.carry_out(three(), canary=True, atomic=False, yes=True)
    assert fleet.done == ["deploy org c", "told of org", "hook on-failure org"]
    assert "inv rollback --host=org" in failed.value.do


def test_a_canary_that_cannot_be_looked_at_has_the_release_all_the_same(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(_: Any) -> Any:
        raise OperatorError("org does not answer.", "The line is dead.", "Is it up?")

    monkeypatch.setattr("fleet.state.survey.take", unreachable)
    with pytest.raises(FailedError, match="net not begun, org failed, ru not begun"):
        waves.carry_out(three(), canary=True, atomic=False, yes=True)
    table = capsys.readouterr().out
    assert table.count("aaaaaaaa → cccccccc") == 1
    assert table.count("aaaaaaaa stays") == 2


def test_a_hook_that_says_no_to_the_last_keeps_it_from_all(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.unwanted = {"ru"}
    with pytest.raises(OperatorError, match="ru: hooks/pre-deploy refused") as refused:
        waves.carry_out(three(), canary=True, atomic=False, yes=True)
    assert (refused.value.code, fleet.done, capsys.readouterr().out) == (OperatorError.code, [], "")
    with pytest.raises(OperatorError, match="ru: hooks/pre-deploy refused"):
        waves.carry_out([prepared("ru")], canary=True, atomic=False, yes=True)
    assert fleet.done == []


def test_ctrl_c_begins_nothing_more_and_reports_which_host_has_what(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    carried = fleet._carry_out

    def slow(one: Prepared) -> Entry:
        if one.remote.name == "ru":
            os.kill(os.getpid(), signal.SIGINT)
            assert one.stopped.wait(20)
            raise FailedError("ru: stopped before the switch.", "", "")
        return carried(one)

    monkeypatch.setattr(run, "carry_out", slow)
    # Anyone who starts the tests in the background has the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            waves.carry_out(three(), canary=True, atomic=True, yes=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert [done for done in fleet.done if done.startswith("rollback")] == []
    said = capsys.readouterr()
    rows = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert [rows[name].count("aaaaaaaa → cccccccc") for name in ("net", "org", "ru")] == [1, 1, 0]
    assert "stopped before the switch" in rows["ru"]
    assert "Interrupted: hosts that have not begun" in said.err


def test_one_that_does_not_go_back_is_not_said_to_be_as_before(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.stays = {"org"}
    carried = fleet._carry_out

    def refused(one: Prepared) -> Entry:
        if one.remote.name != "org":
            raise OperatorError(f"{one.remote.name}: locked.", "", "")
        return carried(one)

    monkeypatch.setattr(run, "carry_out", refused)
    with pytest.raises(FailedError, match="net refused, org failed, ru refused"):
        waves.carry_out(three(), canary=True, atomic=True, yes=True)
    rows = [line for line in capsys.readouterr().out.splitlines() if "org" in line]
    assert "aaaaaaaa → cccccccc" in rows[0]
    assert "a migration is in the way" in rows[0]


def test_the_others_keep_it_when_a_later_one_fails(fleet: Fleet) -> None:
    fleet.broken = {"ru"}
    with pytest.raises(FailedError, match="Not successful on all hosts: ru failed"):
        waves.carry_out(three(), canary=True, atomic=False, yes=True)
    assert len(fleet.done) == 3


def test_atomic_puts_back_those_that_have_it(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.broken = {"ru"}
    hosts = [prepared("net", before=None), prepared("org", canary=True), prepared("ru")]
    with pytest.raises(FailedError, match="org put back, ru failed"):
        waves.carry_out(hosts, canary=True, atomic=True, yes=True)
    assert fleet.done[-1] == "rollback org a"
    assert not any(done.startswith("rollback net") for done in fleet.done)
    assert "there was no release before this one" in capsys.readouterr().err


def test_one_host_fails_as_it_is_not_in_a_table(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.broken = {"net"}
    with pytest.raises(FailedError, match="the backend is not ready"):
        waves.carry_out([prepared("net")], canary=True, atomic=False, yes=True)
    assert capsys.readouterr().out == ""


def test_without_consent_nothing_happens(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def no(question: str, *, yes: bool) -> bool:
        asked.append(question)
        return yes

    monkeypatch.setattr(cli, "agreed", no)
    with pytest.raises(OperatorError, match="net, org, ru: nothing was done"):
        waves.carry_out(three(), canary=True, atomic=True, yes=False)
    assert fleet.done == []
    assert asked == ["deploy on org, watched for 0 s, then on net, ru; if one fails, all go back"]
