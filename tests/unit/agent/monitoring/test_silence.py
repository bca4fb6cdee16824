"""What a run causes is silent while it is under way; what a killed one left, until the cleanup after it."""

from __future__ import annotations

import argparse
import io
import json
from typing import Any

import pytest

from aipbx_agent.core import events, runs
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.core.runs import Run
from aipbx_agent.monitoring import alerts, client, silence

CONFIG = Config({"host": "aipbx.ru", "monitoring": {"alertmanager": "x", "prometheus": "y"}}, {}, {})


class Alertmanager:
    """As much of it as is asked."""

    def __init__(self) -> None:
        self.silences: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []
        self.answers = True

    def __call__(self, _: Config, container: str, path: str, content: Any = None, *, method: str = "") -> Any:
        if not self.answers:
            raise Failed(f"{container} does not answer.", "", "")
        if path == "/api/v1/status/runtimeinfo":
            return {"data": {"startTime": "2020-01-01T00:00:00.123456789Z"}}
        if path == "/api/v2/alerts":
            return self.alerts
        if method == "DELETE":
            self.silences = [one for one in self.silences if one["id"] != path.rpartition("/")[2]]
        elif content:
            self.silences.append({**content, "id": str(len(self.silences)), "status": {"state": "active"}})
        return self.silences


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Alertmanager:
    made = Alertmanager()
    monkeypatch.setattr(client, "ask", made)
    monkeypatch.setattr(runs, "current", list)
    return made


def test_a_run_is_silent_as_long_as_it_lasts(manager: Alertmanager) -> None:
    with silence.during(CONFIG, "switch"):
        (one,) = manager.silences
        assert one["matchers"][0]["value"] == "|".join(silence.CAUSED)
        assert "DiskSpaceLow" not in one["matchers"][0]["value"]
    assert manager.silences == []


def test_what_a_killed_run_left_ends_with_the_cleanup(manager: Alertmanager, monkeypatch: pytest.MonkeyPatch) -> None:
    for verb in ("switch", "restore"):
        silence.begin(CONFIG, [], 60, silence.AGENT, verb)
    silence.begin(CONFIG, [], 60, "anna on laptop", "the disk is replaced")
    monkeypatch.setattr(runs, "current", lambda: [Run("restore", 7, ""), Run("switch", 0, "")])
    silence.cleanup(CONFIG)
    assert [one["comment"] for one in manager.silences] == ["restore", "the disk is replaced"]


@pytest.mark.parametrize("config", [CONFIG, Config({"host": "aipbx.ru"}, {}, {})])
def test_no_run_stops_because_monitoring_is_down(config: Config, manager: Alertmanager) -> None:
    manager.answers = False
    done = []
    with silence.during(config, "switch"):
        done.append("switched")
    silence.cleanup(config)
    assert done == ["switched"]
    assert not alerts.notifies(config)


def test_an_operator_lifts_those_of_operators(manager: Alertmanager, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(events, "result", lambda **values: told.append(values))
    monkeypatch.setattr(
        "sys.stdin", io.StringIO(json.dumps({"seconds": 60, "reason": "r", "operator": "o", "alert": ""}))
    )
    silence.main(CONFIG, argparse.Namespace(lift=False))
    silence.begin(CONFIG, [], 60, silence.AGENT, "switch")
    silence.main(CONFIG, argparse.Namespace(lift=True))
    assert told[1] == {"lifted": 1}
    assert [one["comment"] for one in manager.silences] == ["switch"]


def alert(name: str, severity: str, *, silenced: bool = False) -> dict[str, Any]:
    status = {"silencedBy": ["1"] if silenced else []}
    labels = {"alertname": name, "severity": severity}
    return {"labels": labels, "annotations": {}, "startsAt": "2026-11-29T09:00:00.000Z", "status": status}


def test_what_fires_the_worst_first(manager: Alertmanager) -> None:
    assert alerts.summary(CONFIG) == {
        "works": False, "why": "Prometheus sends Alertmanager nothing.", "page": [], "ticket": []
    }  # fmt: skip
    manager.alerts = [
        alert("Watchdog", "none"),
        alert("B", "ticket"),
        alert("A", "page"),
        alert("C", "page", silenced=True),
    ]
    assert [one["name"] for one in alerts.firing(CONFIG)["alerts"]] == ["A", "C", "B"]
    assert alerts.summary(CONFIG) == {"works": True, "why": "", "page": ["A"], "ticket": ["B"]}
    assert alerts.notifies(CONFIG)
