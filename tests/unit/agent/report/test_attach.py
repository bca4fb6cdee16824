"""A run that its operator left is shown again, and stopped."""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import pytest

from aipbx_agent.core import events, runs
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.runs import Run
from aipbx_agent.report import attach, cancel, run_state

CONFIG = Config({"host": "aipbx.org", "app_dir": "/nowhere"}, {}, {})
LINES = ['{"step": "load"}', '{"done": "load", "seconds": 2}']


def going(monkeypatch: pytest.MonkeyPatch, *moments: list[Run]) -> None:
    """What runs, each time when it is asked."""
    left = list(moments)
    monkeypatch.setattr(runs, "current", lambda: left.pop(0) if len(left) > 1 else left[0])


def test_it_is_repeated_from_its_beginning_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "said"
    path.write_text("\n".join([*LINES, '{"result": {"kept": "x"}}', ""]))
    one = Run("restore", 1, "now")
    going(monkeypatch, [one], [one], [])
    with path.open("rb") as reading:
        assert attach._repeated(reading, one) == b'{"result": {"kept": "x"}}'


def test_one_that_cannot_tell_how_it_ended_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "said"
    path.write_text("\n".join(LINES))
    with path.open("r+b") as file, subprocess.Popen(["sleep", "60"], stdout=file) as process:
        path.unlink()  # as when its caller has gone
        going(monkeypatch, [Run("restore", process.pid, "now")], [])
        with pytest.raises(Failed, match="The restore was ended from outside"):
            attach.main(CONFIG, argparse.Namespace())
        process.kill()


@pytest.mark.parametrize("last", [b"", b"[1]", b"no JSON", b'{"done": "x"}'])
def test_only_a_result_or_an_error_is_an_end(last: bytes) -> None:
    assert not attach._ended(last)
    assert attach._ended(b'{"result": {}}')
    assert attach._ended(b'{"error": {"what": "x"}}')


def test_what_does_not_run_cannot_be_shown_or_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    going(monkeypatch, [Run("restore", 0, "")])
    for verb in (attach, cancel):
        with pytest.raises(Refused, match=r"Nothing runs on aipbx\.org now"):
            verb.main(CONFIG, argparse.Namespace(look=False))


@pytest.mark.parametrize(
    ("before", "ok", "completed"), [(None, True, True), (True, True, False), (True, False, False), (None, None, False)]
)
def test_stopping_reports_whether_it_could_still_be_taken_back(
    before: bool | None,
    ok: bool | None,
    completed: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped: list[list[str]] = []
    going(monkeypatch, [Run("restore", 17, "now")])
    monkeypatch.setattr(cancel, "run", lambda words, **_: stopped.append(words))
    monkeypatch.setattr(run_state, "state", lambda *_: {"ok": ok if stopped else before})
    monkeypatch.setattr(events, "_as_json", True)
    cancel.main(CONFIG, argparse.Namespace(look=True))
    assert stopped == []
    cancel.main(CONFIG, argparse.Namespace(look=False))
    assert stopped == [["systemctl", "stop", "aipbx-agent-restore.service"]]
    looked, ended = (json.loads(line)["result"] for line in capsys.readouterr().out.splitlines())
    assert looked == {"runs": [{"verb": "restore", "since": "now"}]}
    assert ended == {"ended": [{"verb": "restore", "completed": completed}]}
