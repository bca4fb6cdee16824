"""One value of an env file is replaced, and nothing else."""

from __future__ import annotations

import pytest

from fleet.env.dotenv import dotenv_file
from fleet.env.dotenv.replacing import with_value

TEXT = b"# DB_PASS='not this'\r\nA='1'\r\n\r\nDB_PASS='old'\r\nB='DB_PASS'  # of DB_PASS='old'\n# end"
VALUE = "n'e\\w$"


def test_every_other_byte_stays() -> None:
    new = with_value(TEXT, "DB_PASS", VALUE)
    assert new == TEXT.replace(b"\r\nDB_PASS='old'", b"\r\nDB_PASS='n\\'e\\\\w$'")
    assert dotenv_file.read(new).values["DB_PASS"] == VALUE


def test_a_last_line_without_its_end_and_a_byte_order_mark() -> None:
    assert with_value(b"DB_PASS=old", "DB_PASS", "new") == b"DB_PASS='new'"
    marked = b"\xef\xbb\xbfDB_PASS=old\nA=1\n"
    assert dotenv_file.read(with_value(marked, "DB_PASS", VALUE)).values["DB_PASS"] == VALUE


def test_a_line_is_what_the_reader_takes_for_one() -> None:
    assert with_value("# a\u2028b\nDB_PASS=old\n".encode(), "DB_PASS", "1") == "# a\u2028b\nDB_PASS='1'\n".encode()


def test_what_is_not_there_is_not_added() -> None:
    with pytest.raises(KeyError):
        with_value(b"A='1'\n", "DB_PASS", "new")
