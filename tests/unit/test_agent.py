"""What a host's program tells becomes an operator's lines, and an exit code; so does a line that breaks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aipbx_agent.contract import VERSION
from fleet import agent, output
from fleet.errors import FailedError, OperatorError
from fleet.remote import Output, Remote, as_root
from tests.unit.shell import stub_ssh

ERROR = {"what": "There is no room.", "why": "7 MiB are free.", "do": "Make room.", "code": 2}


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.delenv("AIPBX_SSH_CONFIG", raising=False)
    found = SimpleNamespace(name="aipbx.org", account="deploy", command_line=as_root, connected=False)
    return cast("Remote", found)


def says(folder: Path, *events: object, code: int = 0, last: str = "") -> None:
    """The host's program tells these, and ends so."""
    lines = "\n".join(event if isinstance(event, str) else json.dumps(event) for event in events)
    stub_ssh(
        folder / "bin",
        f"echo \"$@\" >{folder}/words; cat >{folder}/stdin; cat <<'E'\n{lines}\nE\n{last}\nexit {code}",
    )


def test_a_host_that_was_reached_before_has_begun_something(tmp_path: Path, remote: Remote) -> None:
    says(tmp_path, code=255, last="echo ssh: connect to host x port 22: >&2")
    cast("SimpleNamespace", remote).connected = True
    with pytest.raises(FailedError, match="the connection was lost"):
        call(remote)


def call(remote: Remote, stdin: bytes = b"") -> dict[str, object]:
    return agent.run(remote, ["restore", "a b"], seconds=60, stdin=stdin)


def test_steps_are_lines_and_the_result_is_returned(
    remote: Remote, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [{"step": "dump [x]"}, {"progress": [1, 2]}, {"done": "dump [x]", "seconds": 1.25}, {"note": "[note]"}]
    says(tmp_path, *told, {"step": "y"}, {"undone": "y", "seconds": 2}, "not ours {", "[1]", {"result": {"set": "s"}})
    assert call(remote, b"secret\n") == {"set": "s"}
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "  ✓ dump [x] (1.2 s)\n  [note]\n  ✗ y (2.0 s)\n  not ours {\n  [1]\n"
    assert (tmp_path / "stdin").read_text() == "secret\n"
    words = (tmp_path / "words").read_text()
    assert "sudo -n timeout --kill-after=10 60 sh -c" in words
    assert f"/usr/local/sbin/aipbx-agent --contract={VERSION} --detached --stdin --json restore" in words
    assert "secret" not in words


@pytest.mark.parametrize(("code", "kind"), [(2, OperatorError), (1, FailedError), (None, FailedError)])
def test_an_error_is_three_lines_with_the_host_before_them(
    remote: Remote, tmp_path: Path, code: int | None, kind: type[OperatorError]
) -> None:
    says(tmp_path, {"error": ERROR | {"code": code}}, code=code or 1)
    with pytest.raises(OperatorError) as told:
        call(remote)
    assert type(told.value) is kind
    assert str(told.value).startswith("aipbx.org: There is no room.\n    why: 7 MiB are free.\n    do:  Make room.")


@pytest.mark.parametrize(
    ("code", "last", "kind", "what", "why"),
    [
        (255, "echo Connection reset >&2", FailedError, "the connection was lost", "Connection reset"),
        (255, "echo ssh: connect to host x port 22: >&2", OperatorError, "cannot be reached", "port 22"),
        (255, "echo ssh: Could not resolve hostname >&2", OperatorError, "cannot be reached", "resolve hostname"),
        (127, "echo not found >&2", agent.MissingError, "has no agent yet", "not found"),
        (2, "echo \"invalid choice: 'x'\" >&2", OperatorError, "or an old one", "invalid choice"),
        (124, "", FailedError, "did not end within 60 s", "own deadline"),
        (1, "echo Traceback >&2; echo KeyError >&2", FailedError, "without a result", "Traceback / KeyError"),
        (0, "", FailedError, "without a result", "exit code 0, no output"),
    ],
)
def test_a_run_that_does_not_tell_how_it_ended(
    remote: Remote, tmp_path: Path, code: int, last: str, kind: type[OperatorError], what: str, why: str
) -> None:
    says(tmp_path, {"step": "dump"}, code=code, last=last)
    with pytest.raises(OperatorError) as told:
        call(remote)
    assert type(told.value) is kind
    assert what in told.value.what
    assert why in told.value.why


def test_a_result_of_a_connection_that_broke_after_it_is_none(remote: Remote, tmp_path: Path) -> None:
    says(tmp_path, {"result": {}}, code=255)
    with pytest.raises(FailedError, match="the connection was lost"):
        call(remote)


def test_much_on_standard_input_and_output_at_once_blocks_nothing(remote: Remote, tmp_path: Path) -> None:
    stub_ssh(tmp_path / "bin", 'yes \'{"note": "x"}\' | head -n 20000; wc -c >&2; echo \'{"result": {}}\'')
    assert agent.run(remote, ["x"], seconds=60, stdin=b"x" * (1 << 20)) == {}


def test_a_question(remote: Remote) -> None:
    asked: list[str] = []

    def run(command: str, *, seconds: float, stdin: bytes) -> Output:
        asked.append(f"{command} <{stdin.decode()}")
        return Output(0, '{"note": "x"}\n{"result": {"sets": []}}\n', "")

    vars(remote)["run"] = run
    assert agent.query(remote, ["list"], b"{}") == {"sets": []}
    assert asked == [f"/usr/local/sbin/aipbx-agent --contract={VERSION} --json list <{{}}"]
    vars(remote)["run"] = lambda *_, **__: Output(2, json.dumps({"error": ERROR}), "")
    with pytest.raises(OperatorError, match=r"aipbx\.org: There is no room"):
        agent.query(remote, ["list"])
    vars(remote)["run"] = lambda *_, **__: Output(127, "", "sh: 1: /usr/local/sbin/aipbx-agent: not found")
    with pytest.raises(OperatorError, match="has no agent yet"):
        agent.query(remote, ["list"])


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Someone sits at a terminal, and has these answers."""
    answers: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(output.console, "input", lambda *_, **__: answers.pop(0))
    return answers


@pytest.fixture
def pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is pressed once, when the first event has been shown and the next one is waited for."""
    shown = threading.Event()
    original = agent.shown

    def showing(told: dict[str, Any], steps: output.Steps) -> dict[str, Any]:
        shown.set()
        return original(told, steps)

    def press() -> None:
        shown.wait(20)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(agent, "shown", showing)
    threading.Thread(target=press, daemon=True).start()


BEGUN = {"note": "begun"}
SLOW = """sleep 2; echo '{"result": {"set": "s"}}'"""


@pytest.mark.usefixtures("pressed")
def test_ctrl_c_without_a_terminal_leaves_it_and_says_how_to_find_it_again(remote: Remote, tmp_path: Path) -> None:
    says(tmp_path, BEGUN, last=SLOW)
    with pytest.raises(KeyboardInterrupt) as left:
        call(remote)
    hint = "inv attach --host=aipbx.org shows it, inv cancel --host=aipbx.org stops it."
    assert str(left.value) == f"aipbx.org: restore continues on the host. {hint}"


def test_ctrl_c_while_a_line_is_being_shown_is_answered_too(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(tmp_path, BEGUN, last=SLOW)
    original = agent.shown

    def press(told: dict[str, Any], steps: output.Steps) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGINT)
        return original(told, steps)

    monkeypatch.setattr(agent, "shown", press)
    with pytest.raises(KeyboardInterrupt, match="restore continues on the host"):
        call(remote)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("pressed")
def test_ctrl_c_asks_and_watches_again(remote: Remote, tmp_path: Path, terminal: list[str]) -> None:
    says(tmp_path, BEGUN, last=SLOW)
    terminal.append("w")
    assert call(remote) == {"set": "s"}


@pytest.mark.usefixtures("pressed")
def test_ctrl_c_asks_and_stops_it_there(
    remote: Remote, tmp_path: Path, terminal: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    says(
        tmp_path,
        BEGUN,
        last=f"while [ ! -e {tmp_path}/stopped ]; do sleep 0.1; done; echo '{json.dumps({'error': ERROR})}'",
    )
    monkeypatch.setattr(agent, "query", lambda _, verb, **__: (tmp_path / "stopped").write_text(verb[0]))
    terminal.append("s")
    with pytest.raises(OperatorError, match="There is no room"):
        call(remote)
    assert (tmp_path / "stopped").read_text() == "cancel"


def test_the_connection_outlives_ctrl_c(tmp_path: Path) -> None:
    done = subprocess.run(
        [*agent.UNINTERRUPTED, "sh", "-c", "kill -INT $$; echo alive"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "alive\n"
