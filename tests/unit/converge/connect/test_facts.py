"""Facts of a host are asked in one shell; all else, and what that shell cannot answer, goes pyinfra's own way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api import StringCommand

from fleet.converge.connect import shell
from fleet.converge.connect.connection import FleetConnector

COMMAND = StringCommand("echo", "here")


class Transport:
    """Counts the shells that are begun on it."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    def open_session(self) -> Any:
        return SimpleNamespace(exec_command=self.begun.append)


def connector(monkeypatch: pytest.MonkeyPatch, answer: Any) -> tuple[FleetConnector, Transport]:
    """One whose host gives this answer in the shell, or fails so."""

    def run(_: shell.Shell, command: str, timeout: float | None) -> tuple[int, list[str], list[str]]:
        assert (command, timeout) == ("sh -c 'echo here'", 900)
        if isinstance(answer, Exception):
            raise answer
        return tuple(answer)

    monkeypatch.setattr(shell.Shell, "run", run)
    made, transport = FleetConnector.__new__(FleetConnector), Transport()
    made.shells, made.asking = {}, False
    made.host = SimpleNamespace(connector_data={})  # type: ignore[assignment]  # as much as it needs
    made.state = SimpleNamespace()  # type: ignore[assignment]  # likewise
    made.client = SimpleNamespace(get_transport=lambda: transport)  # type: ignore[assignment]  # likewise
    return made, transport


def asked(made: FleetConnector, **arguments: Any) -> Any:
    """What the shell answers while a fact is asked for."""
    answer: list[Any] = []
    made._noticed(lambda: answer.append(made._fact(COMMAND, {"_timeout": 900, "_sudo": True, **arguments})))()
    assert made.asking is False
    return answer[0]


def test_facts_of_root_and_of_the_account_have_a_shell_each(monkeypatch: pytest.MonkeyPatch) -> None:
    made, transport = connector(monkeypatch, (3, ["here"], ["oh"]))
    succeeded, output = asked(made)
    assert (succeeded, output.stdout_lines, output.stderr_lines) == (False, ["here"], ["oh"])
    asked(made)
    asked(made, _sudo=False)
    assert transport.begun == ["sudo -H -n sh", "sh"]


def test_what_is_no_fact_or_no_plain_one_is_pyinfra_s(monkeypatch: pytest.MonkeyPatch) -> None:
    made, transport = connector(monkeypatch, (0, [], []))
    assert made._fact(COMMAND, {"_sudo": True}) is None
    assert asked(made, _sudo_user="postgres") is None
    assert asked(made, _stdin="x") is None
    assert transport.begun == []


def test_a_shell_that_ended_is_replaced_and_a_timeout_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made, transport = connector(monkeypatch, shell.EndedError())
    assert asked(made) is None
    assert asked(made) is None
    assert transport.begun == ["sudo -H -n sh"] * 2
    made, _ = connector(monkeypatch, TimeoutError())
    with pytest.raises(TimeoutError):
        asked(made)
    assert made.shells == {}
    assert made.asking is False
