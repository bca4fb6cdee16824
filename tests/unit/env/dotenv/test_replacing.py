"""Some values of an env file are replaced, and nothing else."""

from __future__ import annotations

import pytest

from fleet.env.dotenv import dotenv_file
from fleet.env.dotenv.replacing import with_value, with_values, without

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


def test_a_line_taken_out_waits_for_its_value() -> None:
    left = without(TEXT, ["DB_PASS"])
    assert left == TEXT.replace(b"\r\nDB_PASS='old'", b"\r\n# DB_PASS=")
    assert with_values(left, {"DB_PASS": "old"}) == TEXT


def test_what_has_no_line_comes_last_and_what_is_set_stays() -> None:
    assert with_values(b"A='1'", {"A": "2", "DB_PASS": VALUE}) == b"A='1'\nDB_PASS='n\\'e\\\\w$'\n"
    assert with_values(b"", {"A": "2"}) == b"A='2'\n"
    assert with_values(TEXT, {}) == TEXT
