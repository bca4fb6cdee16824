"""Files arrive whole or not at all; a command has its deadline on the host."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from paramiko import SSHException

from fleet.errors import FailedError, OperatorError
from fleet.remote import BEGUN, SAYS_BEGUN, Output, Remote, as_root, put_file
from tests.unit.shell import sh, stub

SELF = f"{os.getuid()}:{os.getgid()}"


def put(path: Path, content: bytes, size: int | None = None, mode: str = "600") -> int:
    command = put_file(str(path), len(content) if size is None else size, mode, SELF)
    return sh(command, stdin=content).returncode


def test_put_exact() -> None:
    assert put_file("/app/aipbx/x", 3, "644") == (
        "set -e; umask 077; trap 'rm -f /app/aipbx/x.new' EXIT; cat >/app/aipbx/x.new; "
        "[ $(stat -c %s /app/aipbx/x.new) -eq 3 ]; "
        "chown root:root /app/aipbx/x.new; chmod 644 /app/aipbx/x.new; sync /app/aipbx/x.new; "
        "mv -fT /app/aipbx/x.new /app/aipbx/x"
    )


@pytest.mark.parametrize("mode", ["600", "644"])
def test_a_file_arrives_with_its_mode(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a b"
    assert put(path, b"new\0\xff", mode=mode) == 0
    assert path.read_bytes() == b"new\0\xff"
    assert oct(stat.S_IMODE(path.stat().st_mode))[2:] == mode
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_file_does_not_take_the_place_of_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "environment.json"
    path.write_text("old")
    assert put(path, b"ne", size=3) != 0
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    assert put(path, b"new") == 0
    assert path.read_text() == "new"


def test_a_secret_that_is_on_its_way_is_nobodys_to_read(tmp_path: Path) -> None:
    bin_ = stub(tmp_path / "bin", "chown", f'stat -c %a "$2" >{tmp_path}/mode')
    assert sh(put_file(f"{tmp_path}/secret", 3, "644", SELF), bin_, b"new").returncode == 0
    assert (tmp_path / "mode").read_text() == "600\n"


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    done = sh(put_file(str(path), 3, "600", SELF), stub(tmp_path / "bin", "sync", "exit 1"), b"new")
    assert done.returncode != 0
    assert path.read_text() == "old"


def test_a_folder_is_not_filled_instead_of_replaced(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    assert put(tmp_path / "x", b"new") != 0
    assert list((tmp_path / "x").iterdir()) == []


def test_a_command_of_roots_is_one_word_and_has_a_deadline(tmp_path: Path) -> None:
    assert as_root("echo $HOME", 7.6) == "sudo -n timeout --kill-after=10 8 sh -c 'echo $HOME'"
    bin_ = stub(tmp_path / "bin", "sudo", '[ "$1" = -n ] && shift && exec "$@"')
    assert sh(as_root('printf \'%s|\' "it\'s" "$0"; exit 7', 60), bin_).stdout == "it's|sh|"
    assert sh(as_root("exit 7", 60), bin_).returncode == 7
    assert sh(as_root("exec cat", 0.6).replace(" 1 ", " 0.2 "), bin_, b"").returncode == 0
    assert sh(as_root("while :; do :; done", 0.6).replace(" 1 ", " 0.2 "), bin_).returncode == 124


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (Output(1, "out\n", "a\n b \nc\nd\n"), "b / c / d"),
        (Output(1, "out\n", " \n"), "out"),
        (Output(3, "", ""), "exit code 3, no output"),
        (Output(1, "", "x" * 700), "x" * 600),
    ],
)
def test_last_words(output: Output, words: str) -> None:
    assert output.last_words == words


WARNING = b"sudo: unable to resolve host vps-4711: Name or service not known\n"
SAID = BEGUN.encode()


def finished(code: int, out: bytes, err: bytes) -> Output:
    return over(Line("never"))._finished(code, out, err, 60)


def test_a_warning_of_sudos_is_not_its_refusal() -> None:
    assert finished(1, SAID, WARNING + SAID + b"psql: no\n") == Output(1, "", "psql: no\n")
    assert finished(1, SAID, WARNING + SAID) == Output(1, "", "")
    assert finished(0, SAID + b"yes\n", WARNING + SAID) == Output(0, "yes\n", "")


def test_what_a_start_up_file_prints_is_not_the_commands_output() -> None:
    assert finished(0, b"Welcome!\n" + SAID + b"{}", SAID).out == "{}"


def test_at_a_terminal_both_streams_are_one() -> None:
    assert finished(0, WARNING + SAID + SAID + b"a\r\nb", b"") == Output(0, "a\nb", "")


@pytest.mark.parametrize(
    "words", [b"sudo: a password is required\n", b"Password change required but no TTY available.\n"]
)
def test_without_roots_shell_it_is_a_refusal_in_the_hosts_own_words(words: bytes) -> None:
    with pytest.raises(OperatorError, match="sudo does not let deploy in") as refused:
        finished(1, b"", words)
    assert refused.value.why == words.decode().strip()


def test_roots_shell_says_that_it_has_begun(tmp_path: Path) -> None:
    bin_ = stub(tmp_path / "bin", "sudo", '[ "$1" = -n ] && shift && exec "$@"')
    done = sh(as_root(f"{SAYS_BEGUN}; echo out; echo err >&2; exit 7", 60), bin_)
    assert (done.returncode, done.stdout, done.stderr) == (7, f"{BEGUN}out\n", f"{BEGUN}err\n")


class Line:
    """A connection to a host that goes down: before a command is sent, while it is, or while it runs."""

    def __init__(self, breaks: str) -> None:
        self.breaks, self.status_event = breaks, Event()
        self.status_event.set()

    def open_session(self, timeout: float) -> Line:
        assert timeout
        if self.breaks == "before":
            raise SSHException("SSH session not active")
        return self

    def exec_command(self, _: str) -> None:
        if self.breaks == "sending":
            raise EOFError

    def makefile(self, _: str) -> io.BytesIO:
        return io.BytesIO()

    makefile_stderr = makefile

    def recv_exit_status(self) -> int:
        return -1

    def is_active(self) -> bool:
        return self.breaks == "never"

    def nothing(self, *_: object) -> None:
        """What a channel does beside."""

    settimeout = sendall = shutdown_write = close = nothing


def over(line: Line) -> Remote:
    settings: Any = SimpleNamespace(deploy_user="deploy")
    remote = Remote("aipbx.org", settings)
    remote.__dict__["_connection"] = SimpleNamespace(transport=line)
    return remote


@pytest.mark.parametrize("breaks", ["before", "sending", "running"])
def test_a_line_that_breaks_is_reported_in_three_lines(breaks: str) -> None:
    # It may have been carried out: no refusal.
    with pytest.raises(FailedError, match="the connection was lost") as lost:
        over(Line(breaks)).run("true")
    assert lost.value.why
    assert "inv status --host=aipbx.org" in lost.value.do


def test_a_command_that_a_signal_ended_is_none_of_these() -> None:
    assert over(Line("never")).run("kill -9 $$").code == -1


def test_ci_s_account_gives_verbs_of_the_agent_and_no_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIPBX_USER", "ci")
    remote = Remote("aipbx.org", SimpleNamespace(deploy_user="deploy"))  # type: ignore[arg-type]
    assert remote.account == "ci"
    verb = "/usr/local/sbin/aipbx-agent --contract=8 --json state"
    assert remote.command_line(verb, 60) == verb
    for command in ("id", "docker ps", "/usr/local/sbin/aipbx-agent2", f"cat x | {verb}"):
        with pytest.raises(OperatorError, match="CI's account cannot do this"):
            remote.command_line(command, 60)
    assert remote._finished(0, b"{}\n", b"", 60) == Output(0, "{}\n", "")
