"""Two backends at once run timers twice: whether a switch that begins now would reach one, and when it would not."""

from __future__ import annotations

import io
import json
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipbx_agent.core import docker, files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.release.containers import colours
from aipbx_agent.release.switch import drain, overlap
from fleet.inventory import hosts

PBX = {"ARI_URL": "http://pbx/ari", "ARI_USER": "u", "ARI_PASSWORD": "p"}
TIMERS = {"*:00": "digests are sent"}
# A start on a host without history takes 60 + 10 + 15 s.
SETTINGS = {"ready_seconds": 120, "settle_seconds": 10, "switch_mode": "colours", "application_timers": TIMERS}
# The application's own timetable (group_data/all.py).
REAL = hosts.load()[0].data["application_timers"]


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-26T{clock}+00:00")


@pytest.mark.parametrize(
    ("begin", "seconds", "moments", "hit"),
    [
        ("11:30:00", 60, ["*:00"], None),
        ("11:58:00", 119, ["*:00"], None),
        ("11:58:00", 120, ["*:00"], "12:00:00"),
        ("12:00:59", 1, ["*:00"], "12:00:00"),
        ("12:01:00", 60, ["*:00"], None),
        ("12:00:30", 7200, ["*:00"], "12:00:00"),
        ("11:50:00", 3600, ["*:30", "*:05"], "12:05:00"),
        ("11:50:00", 600, ["12:00", "*:59"], "11:59:00"),
        ("11:50:00", 600, ["13:00"], None),
        ("23:59:00", 120, ["00:00"], "2026-11-27"),
        ("11:50:00", 14400, [], None),
        ("11:51:00", 239, ["*:*/5"], None),
        ("11:51:00", 240, ["*:*/5"], "11:55:00"),
        ("11:51:00", 600, ["*:*/20"], "12:00:00"),
        ("11:51:00", 600, ["12:*/7"], "12:00:00"),
    ],
)
def test_the_first_minute_that_is_touched(begin: str, seconds: float, moments: list[str], hit: str | None) -> None:
    found = overlap.touched(at(begin), seconds, moments, UTC)
    wanted = hit and (datetime(2026, 11, 27, tzinfo=UTC) if hit == "2026-11-27" else at(hit))
    assert found == wanted


@given(
    st.integers(0, 86399),
    st.integers(0, 3000),
    st.lists(st.sampled_from(["*:00", "*:30", "03:15", "00:00"]), max_size=3),
)
def test_what_is_free_is_free_and_no_earlier_moment_is(second: int, seconds: int, moments: list[str]) -> None:
    begin = at("00:00:00") + timedelta(seconds=second)
    free = overlap.first_free(begin, seconds, moments, UTC)
    if free is None:
        assert "*:30" in moments
        return
    assert overlap.touched(free, seconds, moments, UTC) is None
    step = timedelta(seconds=max(1, (free - begin).total_seconds() // 20))
    while begin < free:
        assert overlap.touched(begin, seconds, moments, UTC)
        begin += step


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(overlap, "now", lambda: at("11:45:00"))
    monkeypatch.setattr(drain, "live", lambda *_: 3)
    monkeypatch.setattr(colours, "serving", lambda _, service: f"{service}-blue")
    return Config({"host": "aipbx.ru", "app_dir": str(tmp_path), **SETTINGS}, {"backend": {}}, dict(PBX))


def ahead(config: Config, serving: str = "backend-blue", drain_seconds: float = 1800) -> overlap.Overlap | None:
    return overlap.ahead(config, serving, drain_seconds)


def test_live_calls_are_reported_with_the_ways_out(config: Config) -> None:
    found = ahead(config)
    assert found
    assert found.what == "aipbx.ru: two backends could be up at 12:00 UTC: digests are sent."
    assert found.why.startswith(
        "It is 11:45:00 UTC; with the old backend's end a start takes 85 s here, "
        "and 3 live calls may continue for 1800 s."
    )
    assert found.do == (
        "Run it again from 12:01 UTC on (--wait waits until then); or --drain-timeout=815 ends before it, "
        "or --now cuts live calls, and takes the risk."
    )
    assert (found.seconds, found.free) == (16 * 60, "12:01 UTC")
    assert ahead(config, drain_seconds=814) is None


def test_without_a_call_only_the_seconds_of_a_start_count(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "live", lambda *_: 0)
    assert ahead(config) is None
    monkeypatch.setattr(overlap, "now", lambda: at("11:59:00"))
    found = ahead(config)
    assert found
    assert found.do == "Run it again from 12:01 UTC on (--wait waits until then); or --now takes the risk."


def test_a_start_is_reckoned_with_what_the_last_ones_took(config: Config) -> None:
    assert overlap.start_seconds(config) == 60 + 10 + 15
    for seconds in (99.0, 11.04, 21.0, 12.0, 11.0, 14.0):
        overlap.learn(config, seconds)
    assert overlap.start_seconds(config) == 21 * 1.5 + 10 + 15
    (config.app / "starts.json").write_text("{")
    assert overlap.start_seconds(config) == 60 + 10 + 15


def test_the_applications_own_timetable_leaves_room_between_its_jobs(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "live", lambda *_: 0)
    config.raw["application_timers"] = REAL
    free = []
    for known in ([], [21.0]):
        for seconds in known:
            overlap.learn(config, seconds)
        free.append(sum(_free(config, monkeypatch, second) for second in range(0, 300, 10)) * 10)
    assert free == [160, 190], "of 300 seconds"


def _free(config: Config, monkeypatch: pytest.MonkeyPatch, second: int) -> bool:
    monkeypatch.setattr(overlap, "now", lambda: at("11:45:00") + timedelta(seconds=second))
    return ahead(config) is None


def test_while_calls_last_across_every_job_it_waits_for_their_end(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.raw["application_timers"] = REAL
    monkeypatch.setattr(overlap, "now", lambda: at("11:46:00"))
    found = ahead(config)
    assert found
    assert found.do.startswith(
        "Run it again when the calls have ended (--wait waits until then); or --drain-timeout=155"
    )
    assert (found.seconds, found.free) == (0, "calls have ended")


def test_moments_are_of_the_backends_clock_also_when_it_is_put_back(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "live", lambda *_: 0)
    config.services["backend"]["TZ"] = "Asia/Krasnoyarsk"
    config.raw["application_timers"] = {"03:00": "closing documents are made"}
    monkeypatch.setattr(overlap, "now", lambda: at("19:59:30"))
    found = ahead(config)
    assert found
    assert "at 03:00 Asia/Krasnoyarsk: closing documents are made" in found.what
    assert found.free == "03:01 Asia/Krasnoyarsk"
    config.services["backend"]["TZ"] = "Europe/Berlin"
    config.raw["application_timers"] = {"02:30": "x"}
    for hour in ("00", "01"):
        monkeypatch.setattr(overlap, "now", lambda hour=hour: datetime.fromisoformat(f"2026-10-25T{hour}:29:30+00:00"))
        assert ahead(config), "02:30 comes twice in that night"


def test_a_time_zone_that_the_host_does_not_know_is_named(config: Config) -> None:
    config.services["backend"]["TZ"] = "Mars/Olympus"
    with pytest.raises(Refused, match="does not know the time zone Mars/Olympus"):
        ahead(config)


def test_without_the_pbx_calls_are_waited_for_before_the_overlap(config: Config) -> None:
    config.secrets.clear()
    assert ahead(config) is None


@pytest.mark.parametrize("change", [{"switch_mode": "recreate"}, {"application_timers": {}}])
def test_where_nothing_overlaps_nothing_is_wrong(config: Config, change: dict[str, Any]) -> None:
    config.raw.update(change)
    assert ahead(config) is None


def test_a_first_release_and_one_of_the_frontend_overlap_with_nothing(config: Config) -> None:
    assert ahead(config, serving="") is None


def test_where_no_moment_is_free_waiting_is_not_offered(config: Config) -> None:
    config.raw["application_timers"] = {"*:*/1": "x"}
    found = ahead(config)
    assert found
    assert (found.seconds, found.free) == (None, "")
    assert found.do.startswith("No time of day is free; or --now cuts live calls")


def test_a_deploy_is_refused_and_what_cannot_wait_continues(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refused, match="two backends could be up at 12:00 UTC") as refused:
        overlap.refuse(config, "backend-blue", 1800, accepted=False)
    assert refused.value.do.endswith("Nothing was changed.")
    overlap.refuse(config, "backend-blue", 1800, accepted=True)
    assert "This run continues; check whether something was done twice." in capsys.readouterr().out
    overlap.refuse(config, "backend-blue", 10, accepted=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("began", "told"), [("11:59:30", True), ("12:01:00", False)])
def test_what_was_up_together_while_a_timer_ran_is_reported_afterwards(
    config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], began: str, told: bool
) -> None:
    monkeypatch.setattr(colours, "present", lambda *_: "c0ffee")
    monkeypatch.setattr(docker, "state", lambda _: {"StartedAt": f"2026-11-26T{began}.123456789Z"})
    monkeypatch.setattr(overlap, "now", lambda: at("12:02:00"))
    overlap.report(config, "backend-green")
    assert ("Two backends were up at 12:00: digests are sent." in capsys.readouterr().out) == told


def test_where_the_time_zone_is_unknown_what_cannot_wait_continues(
    config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config.services["backend"]["TZ"] = "Mars/Olympus"
    monkeypatch.setattr(colours, "present", lambda *_: "c0ffee")
    monkeypatch.setattr(docker, "state", lambda _: {"StartedAt": "2026-11-26T11:59:30.1Z"})
    with pytest.raises(Refused, match="Mars/Olympus"):
        overlap.refuse(config, "backend-blue", 1800, accepted=False)
    overlap.refuse(config, "backend-blue", 1800, accepted=True)
    assert "does not know the time zone Mars/Olympus" in capsys.readouterr().out
    overlap.report(config, "backend-green")
    assert "It is not known whether timers ran in two backends" in capsys.readouterr().out
    config.raw["application_timers"] = {}
    overlap.report(config, "backend-green")
    assert capsys.readouterr().out == ""


def test_a_start_whose_length_cannot_be_written_down_is_no_failure(
    config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_json", full)
    overlap.learn(config, 20.0)
    assert "No space left on device" in capsys.readouterr().out


@pytest.mark.parametrize(("services", "free"), [(["backend"], "12:01 UTC"), (["frontend"], None)])
def test_the_verb_reports_by_the_operators_settings(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    services: list[str],
    free: str | None,
) -> None:
    asked = {"settings": SETTINGS, "services": services, "drain_seconds": 1800}
    config.raw["application_timers"] = {}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(asked)))
    overlap.main(config, Namespace())
    told = json.loads(capsys.readouterr().out)["overlap"]
    assert (told and told["free"]) == free
