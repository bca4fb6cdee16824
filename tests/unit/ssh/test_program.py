"""A program that this machine talks with ends, whatever happens here."""

from __future__ import annotations

from contextlib import suppress

import pytest

from fleet.ssh import program

SH = ["sh", "-c"]


def test_what_it_printed_and_how_it_ended_is_known() -> None:
    with program.running([*SH, "cat; echo ' no room' >&2; exit 28"]) as receiving:
        receiving.stdin.write(b"x")
        receiving.stdin.close()
        assert receiving.stdout.read() == b"x"
    assert (receiving.code, receiving.last_words) == (28, "no room")


def test_a_program_that_ends_before_it_has_read_everything_is_judged_by_its_code() -> None:
    with program.running([*SH, "exec <&-; exit 28"]) as receiving, suppress(BrokenPipeError):
        while True:
            receiving.stdin.write(bytes(1 << 20))
    assert receiving.code == 28


def test_something_wrong_here_ends_it() -> None:
    with pytest.raises(KeyboardInterrupt), program.running(["sleep", "3600"]) as sending:
        raise KeyboardInterrupt
    assert sending.code == -9
