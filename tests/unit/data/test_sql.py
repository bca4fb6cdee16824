"""Statements are told apart as psql and the server do: what is in a text, a comment or a body ends nothing."""

import pytest
from aipbx_data.errors import Refused
from aipbx_data.sql import Statement, statements, without_comments


def texts(source: str) -> list[str]:
    return [one.text for one in statements(source, "x.sql")]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a; b", ["a", "b"]),
        ("a;;\n;b;", ["a", "b"]),
        ("", []),
        ("-- only this; and no more", []),
        ("a -- c;\n b;", ["a b"]),
        ("/* a; /* b; */ c; */ d;", ["d"]),
        ("a 'b;''c;' d;", ["a '' d"]),
        ("a E'b\\';c' d; e", ["a '' d", "e"]),
        (r"a 'b\'; c", ["a ''", "c"]),
        ('a "b;""c" d;', ['a "b;""c" d']),
        ("DO $$ a; b $$; c", ["DO ''", "c"]),
        ("DO $x$ a; $$ b; $$ $x$; c", ["DO ''", "c"]),
        ("a$b$c; d", ["a$b$c", "d"]),
        ("CREATE RULE r AS ON INSERT TO t DO (a; b); c", ["CREATE RULE r AS ON INSERT TO t DO (a; b)", "c"]),
        (
            "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END; b",
            ["CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END", "b"],
        ),
        ("\ufeffa;\r\nb;", ["a", "b"]),
    ],
)
def test_statements(source: str, expected: list[str]) -> None:
    assert texts(source) == expected


def test_where_they_stand_and_what_is_in_them() -> None:
    assert statements("-- why\na\n  'b';\n\nDO $$\nc;$$;", "x.sql") == [
        Statement(2, 3, "a ''", ("b",)),
        Statement(5, 6, "DO ''", ("\nc;",)),
    ]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("a;\n'b", "x.sql, line 2: what begins there with '"),
        ('a "b', 'line 1: what begins there with "'),
        ("a\n/* b /* */", "line 2: what begins there with /*"),
        ("DO $x$ a $$", "with $x$"),
        ("a (b; c", "line 1: what begins there with a (b; c"),
        ("a;\n\\! id", r"x.sql, line 2: \! is a command of psql's"),
        ("SELECT 1 \\gexec", r"\gexec is a command of psql's"),
    ],
)
def test_what_does_not_end_or_is_no_sql_is_refused(source: str, told: str) -> None:
    with pytest.raises(Refused) as refused:
        statements(source, "x.sql")
    assert told in refused.value.what


def test_a_body_in_one_line_with_its_texts() -> None:
    assert without_comments("BEGIN -- no\n  EXECUTE 'DROP -- x'; /* y */\nEND") == "BEGIN EXECUTE 'DROP -- x'; END"
