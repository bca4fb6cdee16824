"""Whose line it is, and what an operator may ask for."""

from __future__ import annotations

import json
import sys
from unittest.mock import Mock

import pytest

from fleet.errors import FailedError, OperatorError
from fleet.status import log_streams, logs


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (
            "backend-1  | 2026-11-23T10:00:00.000000000Z text | more",
            ("backend", "2026-11-23T10:00:00.000000000Z", "text | more"),
        ),
        ("frontend-12 | 2026-11-23T10:00:00Z ", ("frontend", "2026-11-23T10:00:00Z", "")),
        ("frontend-1  | 2026-11-23T10:00:00Z", ("frontend", "2026-11-23T10:00:00Z", "")),
        ("tts-gpu-1   | 2026-11-23T10:00:00Z   indented", ("tts-gpu", "2026-11-23T10:00:00Z", "  indented")),
        ("a-2-1  | 2026-11-23T10:00:00Z x-1  | y", ("a-2", "2026-11-23T10:00:00Z", "x-1  | y")),
    ],
)
def test_a_line_of_composes(line: str, parts: tuple[str, str, str]) -> None:
    matched = log_streams.LINE.match(line)
    assert matched
    assert matched.group("service", "time", "text") == parts


@pytest.mark.parametrize("line", ["", "backend-1  | no time", "a | b"])
def test_another_line(line: str) -> None:
    assert log_streams.LINE.match(line) is None


@pytest.mark.parametrize("raw", ["{}", "\x1b[2K{}", "\x1b[2K\x1b[2K{}", "{}\x1b[2K"])
def test_services_that_clear_one_another_s_line(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    line = "backend-1  | 2026-11-23T10:00:00.000000000Z text"
    written = raw.format(line)
    printing = [sys.executable, "-c", f"print({written!r}, end='\\r\\n')"]
    monkeypatch.setattr("fleet.ssh.ssh.command", lambda *_: printing)
    host = Mock(settings=Mock(compose_project="aipbx"))
    host.name = "aipbx.org"
    shown = log_streams.lines([host], ["backend"], follow=False, since="", tail="1")
    assert list(shown) == [("aipbx.org", line)]


def test_known() -> None:
    assert logs.known([], []) == []
    assert logs.known(["backend", "tts"], ["tts"]) == ["backend", "tts"]


@pytest.mark.parametrize(
    ("typed", "do"),
    [("bakend", "Did you mean 'backend'?"), ("postgre", "Did you mean 'postgres'?"), ("xyz", "Choose one of these.")],
)
def test_unknown(typed: str, do: str) -> None:
    with pytest.raises(OperatorError) as refused:
        logs.known(["nginx", typed], ["tts"])
    assert refused.value.what == f"There is no service {typed!r}."
    assert refused.value.why == "The stack has postgres, backend, frontend, nginx, tts."
    assert refused.value.do == do


@pytest.mark.parametrize("grep", ["(", "[", "*", "a{2,1}"])
def test_no_pattern(grep: str) -> None:
    with pytest.raises(OperatorError) as refused:
        logs.pattern_of(grep)
    assert refused.value.what == f"{grep!r} is not a pattern."


def test_a_pattern() -> None:
    assert logs.pattern_of("").search("anything")
    assert logs.pattern_of("err(or)?$").search("an err")
    assert not logs.pattern_of("err(or)?$").search("an errand")


@pytest.mark.parametrize(
    ("typed", "since"),
    [
        ("", ""),
        ("30s", "30s"),
        ("10m", "10m"),
        ("2h", "2h"),
        # Docker knows no days.
        ("3d", "72h"),
        ("2026-11-23", "2026-11-23"),
        ("2026-11-23T03:00", "2026-11-23T03:00"),
        ("2026-11-23T03:00:00Z", "2026-11-23T03:00:00Z"),
    ],
)
def test_age(typed: str, since: str) -> None:
    assert logs.age(typed) == since


@pytest.mark.parametrize(
    "typed", ["10", "m", "10 m", "1h30m", "-10m", "yesterday", "3:00", "2026-11-23 03:00", "10m\n"]
)
def test_no_age(typed: str) -> None:
    with pytest.raises(OperatorError, match="is not a valid time"):
        logs.age(typed)


@pytest.mark.parametrize("tail", ["-1", "ten", "1.5"])
def test_no_number_of_lines(tail: str) -> None:
    with pytest.raises(OperatorError, match="is not a valid number of lines"):
        logs.show([], [], follow=False, since="", tail=tail, grep="")


def test_a_stack_trace_belongs_to_its_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["started", "Error: boom", "    at run (x.js:1)", "    at y", "fine", "    not of an error"]
    lines = [("aipbx.org", f"backend-blue-1  | 2026-11-23T10:00:00.000000000Z {text}") for text in texts]
    monkeypatch.setattr(log_streams, "lines", lambda *_, **__: iter(lines))
    assert logs.show([], ["backend"], follow=False, since="", tail="all", grep="Error") == 0
    shown = [line.partition("Z ")[2] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["Error: boom", "    at run (x.js:1)", "    at y"]


BACKEND = "backend-blue-1  | 2026-11-23T10:00:00.000000000Z"


def test_a_script_gets_an_object_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    gone = FailedError("b: the connection was lost.", "why", "do")
    lines = [("a", f"{BACKEND} \x1b[31mError\x1b[0m: [x]"), ("a", f"{BACKEND} fine"), ("b", gone)]
    monkeypatch.setattr(log_streams, "lines", lambda *_, **__: iter(lines))
    code = logs.show([], [], follow=False, since="", tail="all", grep="Error", as_json=True)
    assert code == FailedError.code
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == {
        "host": "a",
        "service": "backend-blue",
        "time": "2026-11-23T10:00:00.000000000Z",
        "text": "Error: [x]",
    }
    assert (second["host"], second["error"]) == ("b", str(gone))


def test_why_a_host_says_no_more_is_shown_whatever_was_searched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [("a", "no such service: tts"), ("a", FailedError("a: its logs ended.", "exit code 1, no output", "do"))]
    monkeypatch.setattr(log_streams, "lines", lambda *_, **__: iter(lines))
    assert logs.show([], ["tts"], follow=False, since="", tail="all", grep="Error") == FailedError.code
    shown = capsys.readouterr().out
    assert "no such service: tts" in shown
    assert "a: its logs ended." in shown


@pytest.mark.parametrize(
    ("tail", "grep", "follow", "asked"),
    [("", "", False, "100"), ("", "ERROR", False, "all"), ("", "ERROR", True, "100"), ("20", "ERROR", False, "20")],
)
def test_all_lines_are_searched(
    monkeypatch: pytest.MonkeyPatch, tail: str, grep: str, follow: bool, asked: str
) -> None:
    found: list[str] = []

    def lines(*_: object, tail: str, **__: object) -> list[tuple[str, str]]:
        found.append(tail)
        return []

    monkeypatch.setattr(log_streams, "lines", lines)
    logs.show([], ["backend"], follow=follow, since="", tail=tail, grep=grep)
    assert found == [asked]
