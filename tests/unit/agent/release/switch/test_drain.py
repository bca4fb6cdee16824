"""How long open requests are waited for, by a clock that the test turns."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from aipbx_agent.core import docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.release.containers import traffic
from aipbx_agent.release.switch import drain


@pytest.mark.parametrize(("raw", "seconds"), [({}, 120), ({"slow_paths": {"/api/a/": 420, "/api/b/": 300}}, 420)])
def test_a_request_has_the_time_that_nginx_gives_it(
    raw: dict[str, object], seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, notes = [0.0], list[str]()

    def sleep(passed: float) -> None:
        now[0] += passed

    monkeypatch.setattr(drain, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    monkeypatch.setattr(docker, "state", lambda _: {"Pid": 1})
    monkeypatch.setattr(traffic, "requests", lambda *_: 2)
    monkeypatch.setattr(events, "note", notes.append)
    drain.requests(Config(raw, {}, {}), "c", 5005)
    assert seconds <= now[0] <= seconds + 2 * drain.PAUSE
    assert notes == [f"2 requests had no answer after {seconds} s and are cut."]
