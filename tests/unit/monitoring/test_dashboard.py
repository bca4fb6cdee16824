"""`inv dashboard` follows the host: it says where Grafana is, and how it ended."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import cast

import pytest

from fleet import agent, output
from fleet.command_line import record
from fleet.errors import FailedError, OperatorError
from fleet.inventory import hosts, settings
from fleet.monitoring import dashboard
from fleet.remote import Remote
from fleet.shell import ports
from fleet.ssh import ssh

STARTED = '{"step": "start Grafana"}\n{"done": "start Grafana", "seconds": 2}\n'
ENDED = '{"result": {}}\n'
REFUSED = '{"error": {"what": "No memory.", "why": "500 MiB", "do": "inv tunnel prometheus", "code": 2}}\n'


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Remote:
    data = next(one for one in hosts.load() if one.name == "aipbx.org")
    monkeypatch.setattr(record, "append", lambda *_: None)
    monkeypatch.setattr(ports, "free", lambda port, _: port)
    made = SimpleNamespace(
        name=data.name,
        account="deploy",
        settings=settings.of_host(data.name, data.data),
        command_line=lambda command, _: command,
    )
    return cast("Remote", made)


def answered(monkeypatch: pytest.MonkeyPatch, lines: str) -> list[str]:
    """Have the connection say these lines, and end; its words."""
    words: list[str] = []

    def command(*given: str) -> list[str]:
        words.extend(given)
        return [sys.executable, "-c", f"print({lines!r}, end='')"]

    monkeypatch.setattr(ssh, "command", command)
    return words


def test_it_says_where_grafana_is(
    host: Remote, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = answered(monkeypatch, STARTED + ENDED)
    dashboard.show(host, 13000)
    assert "127.0.0.1:13000:172.31.207.6:3000" in words
    assert agent.command(["dashboard"]) in words
    said = capsys.readouterr().err
    assert "Grafana of aipbx.org is http://127.0.0.1:13000 here, until Ctrl-C." in said
    assert "Grafana of aipbx.org is stopped." in said


def test_a_lost_connection_is_reported(host: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch, STARTED)
    with pytest.raises(FailedError, match="was lost"):
        dashboard.show(host, 0)


def test_a_refusal_is_the_host_s(host: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch, REFUSED)
    with pytest.raises(OperatorError, match="No memory"):
        dashboard.show(host, 0)


def test_ctrl_c_lets_the_host_end_it(
    host: Remote, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # It says that it has ended once its input has.
    script = f"import sys; print({STARTED!r}, end='', flush=True); sys.stdin.read(); print({ENDED!r}, end='')"
    monkeypatch.setattr(ssh, "command", lambda *_: [sys.executable, "-c", script])
    told: list[str] = []

    def interrupted(text: str, style: str = "") -> None:
        output.say(text, style)
        told.append(text)
        if "until Ctrl-C" in text:
            raise KeyboardInterrupt

    monkeypatch.setattr("fleet.monitoring.dashboard.say", interrupted)
    dashboard.show(host, 0)
    assert told[-1] == "Grafana of aipbx.org is stopped."
    assert "is stopped" in capsys.readouterr().err


def test_the_shield_keeps_ctrl_c_from_the_connection() -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('still here')"
    done = subprocess.run(
        [*agent.UNINTERRUPTED, sys.executable, "-c", script], check=False, stdout=subprocess.PIPE, text=True
    )
    assert done.stdout == "still here\n"
