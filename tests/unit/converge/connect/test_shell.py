"""One shell for many commands: each has its own output and exit code."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from fleet.converge.connect.shell import EndedError, Shell


class Local:
    """A shell of this machine, as a channel of SSH shows one."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(["sh"], stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)

    def settimeout(self, timeout: float | None) -> None: ...

    def sendall(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)

    def recv(self, nbytes: int) -> bytes:
        assert self.process.stdout
        return os.read(self.process.stdout.fileno(), nbytes)

    def recv_stderr(self, nbytes: int) -> bytes:
        assert self.process.stderr
        return os.read(self.process.stderr.fileno(), nbytes)


@pytest.fixture
def shell() -> Iterator[Shell]:
    local = Local()
    yield Shell(local)
    local.process.kill()
    local.process.communicate()


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("true", (0, [], [])),
        ("exit 7", (7, [], [])),
        ("echo a; echo; echo 'b  c'", (0, ["a", "", "b  c"], [])),
        ("printf 'no line feed'", (0, ["no line feed"], [])),
        ("echo", (0, [""], [])),
        ("printf 'a\\n\\n'", (0, ["a", ""], [])),
        ("echo out; echo err >&2; exit 3", (3, ["out"], ["err"])),
        ("cat", (0, [], [])),
        ("echo 'it'\\''s' \"$0\"", (0, ["it's sh"], [])),
        ("cd /; x=1; exec 1>&2; echo moved", (0, [], ["moved"])),
        ("kill -9 $$", (137, [], ["Killed"])),
        ("printf '\\377'", (0, ["\N{REPLACEMENT CHARACTER}"], [])),
        ("if true; then", (2, [], ['sh: 1: Syntax error: end of file unexpected (expecting "fi")'])),
    ],
)
def test_a_command_has_its_own_output_and_exit_code(
    shell: Shell, command: str, answer: tuple[int, list[str], list[str]]
) -> None:
    code, lines, errors = shell.run(command)
    assert (code, lines) == answer[:2]
    assert len(errors) == len(answer[2])
    assert errors == answer[2] or "yntax error" in errors[0] or "Killed" in errors[0]
    assert shell.run("pwd; echo ${x-none}") == (0, [os.getcwd(), "none"], [])  # noqa: PTH109  as the shell says it


def test_much_output_is_whole(shell: Shell) -> None:
    assert shell.run("seq 1 50000")[1] == [str(number) for number in range(1, 50001)]


def test_a_shell_that_ends_or_never_began_says_so(shell: Shell) -> None:
    with pytest.raises(EndedError):
        shell.run("kill -9 $PPID")
    with pytest.raises(EndedError):
        shell.run("true")
