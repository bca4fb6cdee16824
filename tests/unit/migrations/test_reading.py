"""PostgreSQL's grammar says what a migration would do: refused, destructive, or of no concern to an older release."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.migrations import grammar, reading


def of(source: str) -> dict[str, Any]:
    return reading.facts(source)


def losses(source: str) -> list[tuple[int, str, str]]:
    return [(one["line"], one["what"], ".".join(part for part in one["table"] if part)) for one in of(source)["losses"]]


@pytest.mark.parametrize(
    "source",
    [
        *("BEGIN", "begin work", "START TRANSACTION", "COMMIT", "END", "ABORT", "ROLLBACK", "PREPARE TRANSACTION 'x'"),
        *("CREATE INDEX CONCURRENTLY i ON a (b)", "create unique index concurrently if not exists i on a (b)"),
        *("DROP INDEX CONCURRENTLY i", "REINDEX TABLE CONCURRENTLY a", "REINDEX (VERBOSE) DATABASE x", "VACUUM FULL a"),
        *("VACUUM", "CLUSTER", "CREATE DATABASE x", "DROP TABLESPACE x", "ALTER SYSTEM SET a = 1"),
        *("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p", "ALTER TABLE a DETACH PARTITION b CONCURRENTLY"),
        *("SET lock_timeout = 0", "SET LOCAL statement_timeout TO 0", 'SET "LOCK_TIMEOUT" = 0', "RESET lock_timeout"),
        *("RESET ALL", "DISCARD ALL", "SET ROLE x", "RESET ROLE", "SET SESSION AUTHORIZATION x", "SET NAMES 'LATIN1'"),
        *("RESET SESSION AUTHORIZATION", "SET standard_conforming_strings = off", "COPY a FROM STDIN"),
        *("SELECT set_config('lock_timeout', '0', false)", "SELECT pg_catalog.set_config('Lock_Timeout', '0', true)"),
        *("SELECT set_config('lock' || '_timeout', '0', false)", "UPDATE pg_settings SET setting = 0 WHERE name = 'x'"),
        *("DO $$ BEGIN PERFORM set_config('role', 'x', true); END $$", "DO $$ BEGIN COMMIT; END $$"),
        *("DO $$ BEGIN IF true THEN SET lock_timeout = 0; END IF; END $$", "COPY a FROM PROGRAM 'x'"),
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET lock_timeout = 0 AS 'SELECT 1'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS "
        "$$ DECLARE x text := set_config('role', '', true); BEGIN END $$",
        "WITH x AS (SELECT set_config('lock_timeout', '0', false)) SELECT FROM x",
    ],
)
def test_what_cannot_be_run_in_our_transaction(source: str) -> None:
    ((line, statement, why, todo),) = of(f"SELECT 1;\n{source};")["cannot"]
    assert line == 2
    assert statement
    assert why.endswith(".")
    assert todo


@pytest.mark.parametrize(
    "source",
    [
        *("CREATE INDEX i ON a (b)", "ROLLBACK TO SAVEPOINT a", "SAVEPOINT a", "SET search_path = x"),
        *("CLUSTER a USING i", "ALTER TYPE t ADD VALUE 'x'", "REFRESH MATERIALIZED VIEW CONCURRENTLY v"),
        *("COPY a TO '/x'", "INSERT INTO a VALUES ('VACUUM; COMMIT')", "DO $$ BEGIN END $$", "ANALYZE a"),
        *("SELECT set_config('search_path', 'x', true)", "DISCARD PLANS", "ALTER ROLE x SET lock_timeout = 5"),
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; SELECT 2",
    ],
)
def test_what_can(source: str) -> None:
    assert of(source)["cannot"] == []


@pytest.mark.parametrize(
    ("source", "line", "statement"),
    [
        ("SELECT 1;\n\\! ls", 2, "a backslash"),
        ("SELECT 1 \\gexec", 1, "a backslash"),
        ("SELECT 'x\n", 1, "what is written there"),
        ("SELECT 1;\nSELEC 2;", 2, "what is written there"),
        ("SELECT 1;\0 DROP TABLE a", 1, "what is written there"),
    ],
)
def test_what_is_not_sql(source: str, line: int, statement: str) -> None:
    ((found, what, *_),) = of(source)["cannot"]
    assert (found, what) == (line, statement)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("DROP TABLE a", [("DROP TABLE", "a")]),
        ('drop table if exists a, "B"."c d" cascade', [("DROP TABLE", "a"), ("DROP TABLE", "B.c d")]),
        ("DROP MATERIALIZED VIEW a", [("DROP MATERIALIZED VIEW", "a")]),
        ("ALTER TABLE ONLY a DROP COLUMN b, DROP IF EXISTS c", [("DROP COLUMN b", "a"), ("DROP COLUMN c", "a")]),
        ('ALTER TABLE IF EXISTS p.a ADD x numeric(1, 2), DROP "Y"', [("DROP COLUMN Y", "p.a")]),
        ("ALTER TABLE a ALTER b TYPE text USING f(b, 1)", [("another type for column b", "a")]),
        ("ALTER TABLE a DETACH PARTITION b", [("DETACH PARTITION", "b")]),
        ("TRUNCATE a, b RESTART IDENTITY CASCADE", [("TRUNCATE", "a"), ("TRUNCATE", "b")]),
        ("DELETE FROM a", [("DELETE of every row", "a")]),
        ("DELETE FROM ONLY a AS x WHERE TRUE", [("DELETE of every row", "a")]),
        ("DELETE FROM a WHERE (1=1) RETURNING id", [("DELETE of every row", "a")]),
        ("DELETE FROM a USING b WHERE a.id = b.id", [("DELETE", "a")]),
        ("WITH x AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM x", [("DELETE of every row", "a")]),
        ("EXPLAIN ANALYZE DELETE FROM a WHERE b", [("DELETE", "a")]),
        ("PREPARE p AS DELETE FROM a WHERE b", [("DELETE", "a")]),
        ("CREATE RULE r AS ON INSERT TO a DO ALSO DELETE FROM b", [("DELETE of every row", "b")]),
        ("MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", [("MERGE that deletes", "a")]),
        ("UPDATE a SET b = 1, c = 2", [("UPDATE of every row's b, c", "a")]),
        ("DROP SCHEMA s CASCADE", [("DROP SCHEMA s CASCADE", "")]),
        ("DROP TYPE t CASCADE", [("DROP TYPE t CASCADE", "")]),
        ("DROP OWNED BY x", [("DROP OWNED BY x", "")]),
        ("DROP EXTENSION x", [("DROP EXTENSION x", "")]),
        ("CALL p()", [("CALL p", "")]),
        ("SELECT query_to_xml('DELETE FROM a', true, true, '')", [("query_to_xml()", "")]),
        ("DO $$ BEGIN IF x THEN DROP TABLE a; END IF; END $$", [("DROP TABLE", "a")]),
        ("DO 'BEGIN EXECUTE ''TRUNCATE '' || t; END'", [("SQL that is made when it runs", "")]),
        (
            "DO $$ DECLARE x record; BEGIN FOR x IN EXECUTE 'y' LOOP END LOOP; END $$",
            [("SQL that is made when it runs", "")],
        ),
        ("DO LANGUAGE plpython3u 'x'", [("a body in plpython3u", "")]),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM a $$", [("DELETE of every row", "a")]),
        ("CREATE FUNCTION f() RETURNS void BEGIN ATOMIC DELETE FROM a; END", [("DELETE of every row", "a")]),
        ("SET search_path = x; DROP TABLE a", [("DROP TABLE of a, which search_path leads to", "")]),
        ("SET search_path = public; DROP TABLE x.a", [("DROP TABLE", "x.a")]),
    ],
)
def test_what_takes_away_rows(source: str, expected: list[tuple[str, str]]) -> None:
    assert losses(f"\n{source};") == [(2, *one) for one in expected]


@pytest.mark.parametrize(
    "source",
    [
        *("DROP INDEX i", "DROP VIEW v CASCADE", "DROP TYPE t", "DROP SCHEMA s", "UPDATE a SET b = 1 WHERE c"),
        *("ALTER TABLE a DROP CONSTRAINT c", "ALTER TABLE a ALTER b DROP NOT NULL, ALTER c DROP DEFAULT"),
        *("CREATE TABLE a (b int REFERENCES c ON DELETE CASCADE)", "INSERT INTO a VALUES ('DROP TABLE b')"),
        *("-- DROP TABLE a\nSELECT 1", "DO $$ BEGIN -- DROP TABLE a\n RAISE NOTICE 'DELETE FROM a'; END $$"),
        "DO $$ BEGIN ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES c ON DELETE SET NULL; END $$",
        "CREATE PROCEDURE p() BEGIN ATOMIC SELECT 1; END; CALL p()",
    ],
)
def test_what_takes_away_none(source: str) -> None:
    assert losses(source) == []


def test_each_statement_of_a_block_has_its_own_line_and_column() -> None:
    block = (
        "-- Ω\nDO $$\nBEGIN\n  IF EXISTS (SELECT 1) THEN\n    ALTER TABLE a DROP COLUMN b;\n  END IF;\n\n"
        '  ALTER TABLE a\n    DROP COLUMN "C";\nEND $$;\n'
    )
    assert losses(block) == [(5, "DROP COLUMN b", "a"), (8, "DROP COLUMN C", "a")]
    assert [one["columns"] for one in of(block)["losses"]] == [("b",), ("C",)]


@pytest.mark.parametrize(
    "source",
    [
        *("CREATE TABLE IF NOT EXISTS a (b int DEFAULT f())", "CREATE INDEX i ON a (b)", "CREATE EXTENSION vector"),
        *("ALTER TABLE a ADD COLUMN IF NOT EXISTS b text", "ALTER TABLE a ADD b int NOT NULL DEFAULT 0, ADD c text"),
        *("ALTER TABLE a ADD b int GENERATED ALWAYS AS IDENTITY NOT NULL", "COMMENT ON TABLE a IS ''", "-- nothing"),
        *("ALTER TABLE a ADD b serial NOT NULL", "SELECT b FROM a", "ALTER TABLE a ADD b int; UPDATE a SET b = 1"),
        "CREATE TABLE a (b int); INSERT INTO a VALUES (1); CREATE UNIQUE INDEX i ON public.A (b)",
        'CREATE TABLE "A" (b int); ALTER TABLE "A" ADD CONSTRAINT c UNIQUE (b); UPDATE "A" SET b = 1',
        "-- Why.\n-- aipbx: backward-compatible\n\nUPDATE a SET b = 1",
        "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_type) THEN CREATE TYPE t AS ENUM ('a'); END IF; END $$",
    ],
)
def test_what_an_older_release_can_live_with(source: str) -> None:
    assert of(source)["breaks"] == ""


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("SELECT f();\nUPDATE a SET b = 1", "line 1: SELECT f()"),
        ("ALTER TABLE a ADD b int,\n ADD c int NOT NULL", "line 1: ALTER TABLE a ADD b int, ADD c int NOT NULL"),
        ("ALTER TABLE a ADD b int UNIQUE", "line 1: ALTER TABLE a ADD b int UNIQUE"),
        ("ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0)", "line 1: ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0)"),
        ("ALTER TABLE a RENAME TO b", "line 1: ALTER TABLE a RENAME TO b"),
        ("CREATE TABLE a (b int); ALTER TABLE a RENAME TO b", "line 1: ALTER TABLE a RENAME TO b"),
        ("CREATE UNIQUE INDEX i ON a (b)", "line 1: CREATE UNIQUE INDEX i ON a (b)"),
        ('CREATE TABLE a (b int); INSERT INTO "A" VALUES (1)', 'line 1: INSERT INTO "A" VALUES (1)'),
        ("DO $$ BEGIN\n EXECUTE 'x'; END $$", "line 2: EXECUTE"),
        ("DO $$ BEGIN\n ALTER TABLE a DROP b; END $$", "line 2: ALTER TABLE a DROP b"),
        ("UPDATE a SET b = 1;\n-- aipbx: backward-compatible", "line 1: UPDATE a SET b = 1"),
        ("REVOKE ALL ON a FROM b", "line 1: REVOKE ALL ON a FROM b"),
        ("-- aipbx: backward-compatible?\nDROP TABLE a", "line 2: DROP TABLE a"),
    ],
)
def test_what_it_may_not_live_with(source: str, told: str) -> None:
    assert of(source)["breaks"] == told


def test_other_names_are_noticed() -> None:
    assert of("ALTER TABLE a RENAME TO b")["renames"]
    assert of("ALTER TABLE a SET SCHEMA b")["renames"]
    assert not of("DROP TABLE a")["renames"]


def test_where_each_statement_is_and_who_runs_it() -> None:
    read = of("\ufeff-- Ω\n\nSELECT 'Ω';\nCREATE EXTENSION vector; -- end\n")["statements"]
    assert [(one["start"], one["line"], one["last"], one["admin"]) for one in read] == [
        (6, 3, 3, False), (18, 4, 4, True)
    ]  # fmt: skip


def test_what_lasts_of_a_file_is_what_no_later_one_takes_away() -> None:
    first = of(
        "CREATE TABLE a (b int); ALTER TABLE a ADD c int, ADD d int; CREATE INDEX i ON a (c); CREATE TABLE x (y int)"
    )
    second = of("DO $$ BEGIN ALTER TABLE a DROP COLUMN c; DROP INDEX i; END $$; ALTER TABLE x RENAME TO z")
    left = reading.lasting({"1": first, "2": second})
    assert left["1"]["makes"] == [["table", "", "a"], ["column", "", "a", "d"]]
    assert "takes" not in left["1"]


@given(st.text(max_size=60), st.sampled_from(["'{}'", "$x${}$x$", "/* {} */", "-- {}\n", '"{}"', "E'{}'"]))
def test_what_stands_in_texts_and_comments_is_never_taken_for_sql(text: str, quotes: str) -> None:
    """Whatever a text holds, the statement behind it is seen, or the file is refused as a whole."""
    facts = of("\n".join([f"SELECT {quotes.format(text)}", ", 1;", "DELETE FROM a;"]))
    seen = [one["what"] for one in facts["losses"]]
    assert "DELETE of every row" in seen or facts["cannot"]


@given(st.text(max_size=40))
def test_the_words_of_a_statement_are_one_line_without_texts(text: str) -> None:
    escaped = text.replace("'", "''").replace("\0", "")
    assert grammar.words(f"SELECT\n'{escaped}'  -- {escaped!r}\n, 1") == "SELECT '' , 1"
