"""One way to write an env file, one way to read it, and no line that two readers would read differently."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleet.env.dotenv import dotenv_file
from fleet.errors import OperatorError

NAMES = st.from_regex(dotenv_file.NAME, fullmatch=True)
VALUES = st.one_of(
    st.text(alphabet="$#\"'\\` =\u00e9\u044f\U0001f600ab{}", max_size=40),
    st.text(max_size=80),
).filter(lambda value: not dotenv_file.unprintable(value))


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES))
def test_what_is_written_is_read_back_unchanged(values: dict[str, str]) -> None:
    read = dotenv_file.read(dotenv_file.written(values).encode())
    assert read.faults == ()
    assert read.values == values


@settings(deadline=None)
@given(NAMES, st.characters(categories=("Cc", "Zl", "Zp")))
def test_control_characters_and_line_breaks_are_refused(name: str, character: str) -> None:
    with pytest.raises(OperatorError, match=r"line break|control character"):
        dotenv_file.assignment(name, f"a{character}b")


@settings(deadline=None)
@given(st.binary(max_size=200))
@example(b"\x00=")
def test_no_bytes_make_the_reader_stumble(content: bytes) -> None:
    read = dotenv_file.read(content)
    assert not any(unicodedata.category(character) == "Cc" for character in "".join(read.lines))


def faults(text: str) -> list[str]:
    return [f"{fault.line} {fault.name} {fault.why}" for fault in dotenv_file.read(text.encode()).faults]


def test_byte_order_mark_carriage_returns_export_and_comments_are_understood() -> None:
    read = dotenv_file.read("\ufeff# a comment\r\n\r\nexport A='1'\r\nB=2\r\nC='3' # three\r\nD=\r\n".encode())
    assert (read.values, read.faults) == ({"A": "1", "B": "2", "C": "3", "D": ""}, ())
    assert read.lines == {"A": 3, "B": 4, "C": 5, "D": 6}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A='1'\n\n\nA='2'\n", "4 A is there twice; first in line 1"),
        ("A='1'\nnonsense\n", "2  is neither `NAME='value'`"),
        ("A='1\nB='2'\n", "1 A has a quote that is not closed, or text after"),
        ("A='1'2\n", "1 A has a quote that is not closed, or text after"),
        ("A='1\n2'\n", "1 A holds a line break"),
        ('A="1\\n2"\n', "1 A holds a line break"),
        ("A='1\t2'\n", "1 A holds the control character U+0009"),
        ("1A='x'\n", "1  has no name"),
        ("A-B='x'\n", "1  has no name"),
        ("A = 'x'\n", "1 A has a space beside the ="),
        ("A= x\n", "1 A has a space beside the ="),
        ("A=pa ss\n", "1 A holds ' ' without quotes"),
        ("A=pass # word\n", "1 A has a # without quotes"),
        ("A=#word\n", "1 A has a # without quotes"),
        ("A=pa$s\n", "1 A holds '$' without quotes"),
        ("A=pa`s\n", "1 A holds '`' without quotes"),
        ("A=pa\\s\n", "1 A holds '\\\\' without quotes"),
        ("A=pa's'\n", '1 A holds "\'" without quotes'),
        ('A="pa$s"\n', "1 A is in double quotes"),
        ('A="pa\\\\s"\n', "1 A is in double quotes"),
    ],
)
def test_what_two_readers_would_read_differently_is_named_with_its_line(text: str, said: str) -> None:
    assert any(fault.startswith(said) for fault in faults(text)), faults(text)


@pytest.mark.parametrize("text", ["A='pa$s # \"x\"'\n", 'A="plain text"\n', "A=https://x.example/?a=b\n", "A=a=b\n"])
def test_what_all_read_alike_is_accepted(text: str) -> None:
    assert faults(text) == []


def test_a_fault_never_shows_the_value() -> None:
    text = "SECRET_ONE=hunter2$x\nSECRET_TWO='hunter2\nSECRET_THREE=hunter2 # x\nhunter2\n"
    found = dotenv_file.read(text.encode()).faults
    assert len(found) >= 3
    assert not any("hunter2" in f"{fault}" for fault in found)


def test_a_file_in_another_encoding_is_refused_with_its_line() -> None:
    assert dotenv_file.read(b"A='1'\nB='\xff'\n").faults[0].line == 2


def test_a_value_too_long_for_linux_is_refused() -> None:
    with pytest.raises(OperatorError, match="longer than"):
        dotenv_file.assignment("A", "x" * 131_072)
