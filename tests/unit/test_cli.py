"""What all verbs share: hosts, questions, and how an operator is told that something is wrong."""

import pytest
from invoke.exceptions import Exit

from fleet import cli
from fleet.errors import OperatorError
from fleet.inventory import hosts
from fleet.inventory.hosts import Host


def test_an_operators_error_is_three_lines_and_exit_code_2() -> None:
    @cli.report_errors
    def verb() -> None:
        raise OperatorError("what", "why", "do")

    with pytest.raises(Exit) as ended:
        verb()
    assert (ended.value.code, ended.value.message) == (2, "what\n    why: why\n    do:  do")


def test_ctrl_c_is_no_traceback() -> None:
    @cli.report_errors
    def verb() -> None:
        raise KeyboardInterrupt

    with pytest.raises(Exit) as ended:
        verb()
    assert (ended.value.code, ended.value.message) == (130, "\nInterrupted.")


def test_what_changes_something_takes_no_default_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIPBX_HOST", "aipbx.ru")
    assert [host.name for host in cli.hosts_to_read("")] == ["aipbx.ru"]
    assert [host.name for host in cli.hosts_to_read("aipbx.net,aipbx.org")] == ["aipbx.net", "aipbx.org"]
    with pytest.raises(OperatorError, match="No host is named"):
        cli.hosts_to_change("")
    monkeypatch.setenv("AIPBX_HOST", "")
    assert [host.name for host in cli.hosts_to_read("")] == ["aipbx.net"]


def test_a_staging_host_is_never_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Host("staging.aipbx.net", ("staging",), {"staging": True})
    fleet = [first, *hosts.load()]
    monkeypatch.setattr(hosts, "load", lambda: fleet)
    monkeypatch.setenv("AIPBX_HOST", "")
    assert [host.name for host in cli.hosts_to_read("")] == ["aipbx.net"]
    assert "staging.aipbx.net" not in [host.name for host in cli.hosts_to_change("all")]
    assert [host.name for host in cli.hosts_to_change("staging")] == ["staging.aipbx.net"]


@pytest.mark.parametrize(("answer", "agreed"), [("y", True), ("YES", True), ("", False), ("n", False), ("yep", False)])
def test_nothing_but_yes_is_consent(answer: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    assert cli.agreed("Sure") is agreed


def test_without_a_terminal_no_question_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(OperatorError, match="no terminal"):
        cli.agreed("Sure")
    assert cli.agreed("Sure", yes=True)
