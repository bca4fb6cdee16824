"""What a migration would do is told from its words: refused, destructive, or of no concern to an older release."""

import pytest
from aipbx_data import effects
from aipbx_data.effects import Effects, Loss
from aipbx_data.sql import statements


def of(source: str) -> Effects:
    return effects.of(source, statements(source, "x.sql"))


@pytest.mark.parametrize(
    "source",
    [
        *("BEGIN", "begin work", "START TRANSACTION", "COMMIT", "END", "ABORT", "ROLLBACK", "ROLLBACK WORK"),
        *("CREATE INDEX CONCURRENTLY i ON a (b)", "create unique index concurrently if not exists i on a (b)"),
        *("DROP INDEX CONCURRENTLY i", "REINDEX TABLE CONCURRENTLY a", "REINDEX (VERBOSE) DATABASE x", "VACUUM FULL a"),
        *("VACUUM", "CLUSTER", "CREATE DATABASE x", "DROP TABLESPACE x", "ALTER SYSTEM SET a = 1"),
        *("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p", "ALTER TABLE a DETACH PARTITION b CONCURRENTLY"),
        *("SET lock_timeout = 0", "SET LOCAL statement_timeout TO 0", "COPY a FROM STDIN"),
    ],
)
def test_what_cannot_be_run_in_our_transaction(source: str) -> None:
    ((line, statement, why, do),) = of(f"SELECT 1;\n{source};").cannot
    assert (line, statement) == (2, source)
    assert why.endswith(".")
    assert do


@pytest.mark.parametrize(
    "source",
    [
        *(
            "CREATE INDEX i ON a (b)",
            "ROLLBACK TO SAVEPOINT a",
            "SAVEPOINT a",
            "SET search_path = x",
            "CLUSTER a USING i",
        ),
        *("ALTER TYPE t ADD VALUE 'x'", "REFRESH MATERIALIZED VIEW CONCURRENTLY v", "COPY a TO '/x'", "END_OF_CALL"),
        *("INSERT INTO a VALUES ('VACUUM; COMMIT')", "DO $$ BEGIN; END $$"),
    ],
)
def test_what_can(source: str) -> None:
    assert of(source).cannot == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("DROP TABLE a", [("DROP TABLE", "a")]),
        ('drop table if exists a, "B"."c d" cascade', [("DROP TABLE", "a"), ("DROP TABLE", '"B"."c d"')]),
        ("ALTER TABLE ONLY a DROP COLUMN b, DROP IF EXISTS c", [("DROP COLUMN b", "a"), ("DROP COLUMN c", "a")]),
        ('ALTER TABLE IF EXISTS p.a ADD x numeric(1, 2), DROP "y"', [('DROP COLUMN "y"', "p.a")]),
        ("ALTER TABLE a ALTER b TYPE text USING f(b, 1)", [("another type for column b", "a")]),
        ('ALTER TABLE a ALTER COLUMN "b" SET DATA TYPE int', [('another type for column "b"', "a")]),
        ("TRUNCATE a, b RESTART IDENTITY CASCADE", [("TRUNCATE", "a"), ("TRUNCATE", "b")]),
        ("TRUNCATE TABLE ONLY a", [("TRUNCATE", "a")]),
        ("DELETE FROM a", [("DELETE of every row", "a")]),
        ("DELETE FROM ONLY a AS x WHERE TRUE", [("DELETE of every row", "a")]),
        ("DELETE FROM a WHERE (1=1) RETURNING id", [("DELETE of every row", "a")]),
        ("WITH x AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM x", [("DELETE of every row", "a")]),
        ("DROP SCHEMA s CASCADE", [("DROP SCHEMA s CASCADE", "")]),
        ("DROP TYPE t CASCADE", [("DROP TYPE t CASCADE", "")]),
        ("DROP OWNED BY x", [("DROP OWNED BY x", "")]),
        ("DO $$ BEGIN IF x THEN DROP TABLE a; END IF; END $$", [("DROP TABLE within a function", "")]),
        ("DO 'BEGIN EXECUTE ''TRUNCATE '' || t; END'", [("TRUNCATE within a function", "")]),
        ("DO $$ BEGIN ALTER TABLE a\n DROP b; END $$", [("ALTER TABLE a DROP b within a function", "")]),
        ("CREATE FUNCTION f() AS $$ DELETE FROM a; $$", [("DELETE FROM a within a function", "")]),
    ],
)
def test_what_takes_away_rows(source: str, expected: list[tuple[str, str]]) -> None:
    assert of(f"\n{source};").losses == [Loss(2, *one) for one in expected]


@pytest.mark.parametrize(
    "source",
    [
        *(
            "DELETE FROM a WHERE b = 1",
            "DELETE FROM a USING b WHERE a.id = b.id",
            "DROP INDEX i",
            "DROP VIEW v CASCADE",
        ),
        *("ALTER TABLE a DROP CONSTRAINT c", "ALTER TABLE a ALTER b DROP NOT NULL, ALTER c DROP DEFAULT"),
        *(
            "CREATE TABLE a (b int REFERENCES c ON DELETE CASCADE)",
            "DROP TYPE t",
            "INSERT INTO a VALUES ('DROP TABLE b')",
        ),
        *("-- DROP TABLE a\nSELECT 1", "DO $$ BEGIN -- DROP TABLE a\n DELETE FROM a WHERE b; END $$"),
        "DO $$ BEGIN ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES c ON DELETE SET NULL; END $$",
    ],
)
def test_what_takes_away_none(source: str) -> None:
    assert of(source).losses == []


@pytest.mark.parametrize(
    "source",
    [
        *("CREATE TABLE IF NOT EXISTS a (b int)", "CREATE INDEX i ON a (b)", "CREATE EXTENSION IF NOT EXISTS vector"),
        *("ALTER TABLE a ADD COLUMN IF NOT EXISTS b text", "ALTER TABLE a ADD b int NOT NULL DEFAULT 0, ADD c text"),
        *("ALTER TABLE a ADD b int GENERATED ALWAYS AS IDENTITY NOT NULL", "COMMENT ON TABLE a IS ''"),
        *("CREATE TABLE a (b int); INSERT INTO a VALUES (1); CREATE UNIQUE INDEX i ON public.A (b)", "-- nothing"),
        'CREATE TABLE "A" (b int); ALTER TABLE "A" ADD CONSTRAINT c UNIQUE (b); UPDATE "A" SET b = 1',
        "-- Why.\n-- aipbx: backward-compatible\n\nUPDATE a SET b = 1",
    ],
)
def test_what_an_older_release_can_live_with(source: str) -> None:
    assert of(source).breaks == ""


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("SELECT 1;\nUPDATE a SET b = 1", "line 1: SELECT 1"),
        ("ALTER TABLE a ADD b int,\n ADD c int NOT NULL", "line 1: ADD c int NOT NULL"),
        ("ALTER TABLE a ADD b int UNIQUE", "line 1: ADD b int UNIQUE"),
        ("ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0)", "line 1: ADD CONSTRAINT c CHECK (b > 0)"),
        ("ALTER TABLE a RENAME TO b", "line 1: RENAME TO b"),
        ("CREATE UNIQUE INDEX i ON a (b)", "line 1: CREATE UNIQUE INDEX i ON a (b)"),
        ('CREATE TABLE a (b int); INSERT INTO "A" VALUES (1)', 'line 1: INSERT INTO "A" VALUES (1)'),
        ("DO $$ BEGIN END $$", "line 1: a DO block, whose effects cannot be told"),
        ("UPDATE a SET b = 1;\n-- aipbx: backward-compatible", "line 1: UPDATE a SET b = 1"),
        ("-- aipbx: backward-compatible?\nDROP TABLE a", "line 2: DROP TABLE a"),
    ],
)
def test_what_it_may_not_live_with(source: str, told: str) -> None:
    assert of(source).breaks == told


def test_other_names_are_noticed() -> None:
    assert of("ALTER TABLE a RENAME TO b").renames
    assert of("ALTER TABLE a SET SCHEMA b").renames
    assert not of("DROP TABLE a").renames
