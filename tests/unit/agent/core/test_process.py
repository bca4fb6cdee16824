"""Other programs: their words, their deadlines, and what is said when one fails."""

import re
import time
from pathlib import Path

import pytest

from aipbx_agent.core.errors import Failed
from aipbx_agent.core.process import last_words, named, pipe, run


def test_a_program_s_first_error_is_shown_rather_than_its_last_line() -> None:
    said = b"begins\npg_restore: error: a query: ERROR:  No space left\nHINT: a\nb\nc\nd\npg_restore: error: died\n"
    assert last_words(said) == "pg_restore: error: a query: ERROR:  No space left / pg_restore: error: died"
    assert last_words(b"a\nb\nc\nd\ne\n") == "b / c / d / e"
    assert last_words(b"") == "It printed no message."


def test_what_a_program_prints_is_returned_or_put_into_a_file_that_did_not_exist(tmp_path: Path) -> None:
    assert run(["tr", "a", "b"], seconds=5, stdin=b"aa") == b"bb"
    source = tmp_path / "source"
    source.write_bytes(b"aa")
    assert run(["tr", "a", "b"], seconds=5, source=source, into=tmp_path / "out") == b""
    assert (tmp_path / "out").read_bytes() == b"bb"
    with pytest.raises(FileExistsError):
        run(["true"], seconds=5, into=tmp_path / "out")


INDEX = b"""pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 3287; 1259 16500 INDEX public users_plain aipbx
pg_restore: error: could not execute query: ERROR:  function unaccent(text) does not exist
LINE 1: select unaccent($1)
               ^
HINT:  No function matches the given name and argument types.
CONTEXT:  SQL function "f_unaccent" during inlining
Command was: CREATE INDEX users_plain ON public.users
    USING btree (public.f_unaccent(name));

pg_restore: error: a worker process died unexpectedly
"""


def test_of_a_restore_the_object_and_its_command_are_reported() -> None:
    assert last_words(INDEX) == (
        "pg_restore: error: could not execute query: ERROR:  function unaccent(text) does not exist"
        ' / CONTEXT:  SQL function "f_unaccent" during inlining / at: INDEX public users_plain aipbx'
        " / Command was: CREATE INDEX users_plain ON public.users USING btree (public.f_unaccent(name));"
    )


def test_a_failure_reports_the_code_and_the_last_words() -> None:
    with pytest.raises(Failed) as failed:
        run(["sh", "-c", "echo one >&2; echo two >&2; exit 3"], seconds=5)
    assert failed.value.what == "sh failed with exit code 3."
    assert failed.value.why == "one / two"


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(Failed, match="no-such-program cannot be run"):
        run(["no-such-program"], seconds=5)


def test_a_deadline_kills() -> None:
    begun = time.monotonic()
    with pytest.raises(Failed, match="did not end within"):
        run(["sleep", "60"], seconds=0.1)
    with pytest.raises(Failed, match="did not end within"):
        pipe([["sleep", "60"], ["cat"]], seconds=0.1)
    assert time.monotonic() - begun < 30


def test_in_a_pipe_the_first_failure_counts_not_the_last() -> None:
    assert pipe([["echo", "abc"], ["tr", "a", "x"], ["cat"]], seconds=5) == b"xbc\n"
    with pytest.raises(Failed, match=re.escape("sh failed with exit code 4.")):
        pipe([["sh", "-c", "echo half; exit 4"], ["cat"]], seconds=5)
    with pytest.raises(Failed, match=re.escape("sh failed with exit code 5.")):
        pipe([["cat", "/dev/zero"], ["sh", "-c", "exit 5"]], seconds=5)


def test_a_reader_that_has_enough_cuts_the_writer_off_and_that_is_a_failure() -> None:
    with pytest.raises(Failed, match="was interrupted"):
        pipe([["cat", "/dev/zero"], ["head", "-c", "1"]], seconds=5)


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["docker", "exec", "--interactive", "abc", "pg_dump", "--username", "x"], "pg_dump"),
        (["docker", "exec", "abc", "mariadb-dump"], "mariadb-dump"),
        (["/usr/bin/zstd", "-3"], "zstd"),
    ],
)
def test_a_message_names_the_program_inside_the_container(argv: list[str], name: str) -> None:
    assert named(argv) == name
