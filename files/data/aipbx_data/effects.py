"""What a migration would do, told from its words: what cannot be run, what loses rows, what an older release minds.

Nothing here knows all of SQL. So only what is known to be harmless to an older release counts as such, and what is
inside a function or a DO block is judged by the words that stand there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from aipbx_data.sql import Statement, without_comments

_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_TABLE = rf"(?P<table>{_NAME}(?: ?\. ?{_NAME})*)"
_DECLARED = re.compile(r"--\s*aipbx:\s*backward-compatible\s*")
_I = re.IGNORECASE

IN_ONE = "Each file is one transaction of ours, with its line in the ledger."
TAKE_OUT = "Take it out of the file."
# Pattern, why it cannot be, what to do. `{file}` is the file's name.
_CANNOT = tuple(
    (re.compile(pattern, _I), why, do)
    for pattern, why, do in (
        (
            r"(BEGIN|START TRANSACTION|COMMIT|END|ABORT|PREPARE TRANSACTION|ROLLBACK(?! (WORK |TRANSACTION )?TO ))\b",
            IN_ONE,
            TAKE_OUT,
        ),
        (
            r"SET (SESSION |LOCAL )?(lock_timeout|statement_timeout)\b",
            "It would undo what keeps a migration from freezing the site.",
            f"{TAKE_OUT[:-1]}; migration_lock_seconds and migration_statement_seconds in group_data are the place.",
        ),
        (r"COPY\b.*\bFROM STDIN\b", "Its rows would have to follow outside of SQL.", "Write INSERT."),
        (
            r"(CREATE (UNIQUE )?INDEX|DROP INDEX|REINDEX\b.*) CONCURRENTLY\b|REINDEX (\([^)]*\) )?(DATABASE|SYSTEM)\b"
            r"|VACUUM\b|CLUSTER$|(CREATE|DROP|ALTER) (DATABASE|TABLESPACE)\b|ALTER SYSTEM\b"
            r"|(CREATE|ALTER|DROP) SUBSCRIPTION\b|ALTER TABLE\b.* DETACH PARTITION\b.* CONCURRENTLY\b",
            f"PostgreSQL runs it outside of transactions only. {IN_ONE}",
            "Write it without CONCURRENTLY where that will do; else run it by hand (inv db), then mark the file as "
            "applied: inv migrate --baseline={file}",
        ),
    )
)


@dataclass(frozen=True)
class Loss:
    """Something that a statement takes away.

    Args:
        line: of the file.
        what: as `DROP COLUMN "note"`.
        table: whose rows are at stake, as it stands there; empty: that cannot be told.
    """

    line: int
    what: str
    table: str


@dataclass(frozen=True)
class Effects:
    """What a file would do.

    Args:
        cannot: what of it cannot be run: line, statement, why, what to do.
        losses: what it takes away.
        breaks: what an older release may not live with, in a few words; empty: it can.
        renames: whether it gives names to what had others.
    """

    cannot: list[tuple[int, str, str, str]] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    breaks: str = ""
    renames: bool = False


def of(source: str, file: list[Statement]) -> Effects:
    """What a file would do.

    Args:
        source: its content.
        file: its statements.
    """
    cannot = [
        (one.line, _short(one.text), why, do) for one in file for pattern, why, do in _CANNOT if pattern.match(one.text)
    ]
    losses = [loss for one in file for loss in _losses(one)]
    made = {_plain(match["table"]) for one in file if (match := _MAKES.match(one.text))}
    minds = (
        "" if declared(source) else next((f"line {one.line}: {why}" for one in file if (why := _minds(one, made))), "")
    )
    return Effects(cannot, losses, minds, any(re.search(r"\b(RENAME|SET SCHEMA)\b", one.text, _I) for one in file))


def declared(source: str) -> bool:
    """Whether the comments at the top of a file say that older releases can live with it."""
    for line in source.removeprefix("\ufeff").splitlines():
        if _DECLARED.fullmatch(line.strip()):
            return True
        if line.strip() and not line.strip().startswith("--"):
            return False
    return False


_MAKES = re.compile(rf"CREATE (UNLOGGED )?TABLE (IF NOT EXISTS )?{_TABLE}", _I)
_CHANGES = re.compile(rf"(INSERT INTO|CREATE UNIQUE INDEX\b.*? ON|UPDATE) (ONLY )?{_TABLE}", _I)
_ALTERS = re.compile(rf"ALTER TABLE (IF EXISTS )?(ONLY )?{_TABLE}(?: \*)? (?P<actions>.*)", _I)
_DROPS_COLUMN = re.compile(rf"DROP (COLUMN )?(IF EXISTS )?(?!CONSTRAINT\b)(?P<column>{_NAME})", _I)
_CHANGES_TYPE = re.compile(rf"ALTER (COLUMN )?(?P<column>{_NAME}) (SET DATA )?TYPE\b", _I)
_DELETES = re.compile(rf"\bDELETE FROM (ONLY )?{_TABLE}(?P<rest>.*)", _I)
_CHOOSES = re.compile(r"\bWHERE\b(?! \(*(TRUE|1 ?= ?1)\)*( RETURNING\b.*)?$)", _I)
_DROPS_TABLES = re.compile(r"DROP TABLE (IF EXISTS )?(?P<tables>.*?)( CASCADE| RESTRICT)?$", _I)
_EMPTIES = re.compile(
    r"TRUNCATE (TABLE )?(ONLY )?(?P<tables>.*?)( (RESTART|CONTINUE) IDENTITY)?( CASCADE| RESTRICT)?$", _I
)
_DROPS_ALL = re.compile(r"DROP (SCHEMA|OWNED)\b|DROP (TYPE|DOMAIN|EXTENSION|FUNCTION|PROCEDURE)\b.* CASCADE$", _I)
_IN_A_BODY = re.compile(
    rf"\b(DROP (TABLE|SCHEMA|OWNED|COLUMN)|TRUNCATE|ALTER (COLUMN )?{_NAME} (SET DATA )?TYPE"
    rf"|ALTER TABLE [^;]*?\bDROP (?!CONSTRAINT|DEFAULT|NOT NULL|IDENTITY|EXPRESSION){_NAME})\b",
    _I,
)


def _losses(one: Statement) -> list[Loss]:
    text, found = one.text, []
    for pattern, what in ((_DROPS_TABLES, "DROP TABLE"), (_EMPTIES, "TRUNCATE")):
        if match := pattern.match(text):
            found += [Loss(one.line, what, name.removesuffix(" *")) for name in _parts(match["tables"])]
    if match := _ALTERS.match(text):
        for action in _parts(match["actions"]):
            if column := _DROPS_COLUMN.match(action):
                found.append(Loss(one.line, f"DROP COLUMN {column['column']}", match["table"]))
            elif column := _CHANGES_TYPE.match(action):
                found.append(Loss(one.line, f"another type for column {column['column']}", match["table"]))
    if (match := _DELETES.search(text)) and not _CHOOSES.search(match["rest"]):
        found.append(Loss(one.line, "DELETE of every row", match["table"]))
    if match := _DROPS_ALL.match(text):
        found.append(Loss(one.line, _short(text), ""))
    if re.match(r"DO\b|CREATE (OR REPLACE )?(FUNCTION|PROCEDURE)\b", text, _I):
        found += [Loss(one.line, f"{words} within a function", "") for body in one.bodies for words in _in_a_body(body)]
    return found


def _in_a_body(body: str) -> list[str]:
    plain = without_comments(body)
    found = [match.group() for match in _IN_A_BODY.finditer(plain)]
    for part in plain.split(";"):
        if (match := _DELETES.search(part)) and not _CHOOSES.search(match["rest"]):
            found.append(f"DELETE FROM {match['table']}")
    return found


def _minds(one: Statement, made: set[str]) -> str:
    """What an older release may mind about a statement; empty: it does not notice it.

    Args:
        one: the statement.
        made: the tables that the same file makes, of which an older release knows nothing.
    """
    text = one.text
    if re.match(r"DO\b", text, _I):
        return "a DO block, whose effects cannot be told"
    if re.match(
        r"CREATE (UNLOGGED )?TABLE\b|CREATE INDEX\b|CREATE (SEQUENCE|EXTENSION|TYPE|VIEW|MATERIALIZED VIEW|SCHEMA)\b"
        r"|COMMENT ON\b|GRANT\b|ANALYZE\b|SET\b",
        text,
        _I,
    ):
        return ""
    on = re.match(rf"(INSERT INTO|CREATE UNIQUE INDEX\b.*? ON|UPDATE) (ONLY )?{_TABLE}", text, _I) or _ALTERS.match(
        text
    )
    if on and _plain(on["table"]) in made:
        return ""
    if match := _ALTERS.match(text):
        return next((_short(action) for action in _parts(match["actions"]) if not _adds(action)), "")
    return _short(text)


def _adds(action: str) -> bool:
    """Whether it adds a column that an older release need not fill."""
    if not re.match(r"ADD (?!CONSTRAINT\b|PRIMARY\b|UNIQUE\b|CHECK\b|FOREIGN\b|EXCLUDE\b)", action, _I):
        return False
    if re.search(r"\b(UNIQUE|PRIMARY KEY|CHECK)\b", action, _I):
        return False
    return not re.search(r"\bNOT NULL\b", action, _I) or bool(re.search(r"\b(DEFAULT|GENERATED)\b", action, _I))


def _parts(text: str) -> list[str]:
    """What stands between commas, outside of parentheses and quotes."""
    depth, quoted, parts = 0, False, [""]
    for sign in text:
        quoted ^= sign == '"'
        depth += 0 if quoted else {"(": 1, "[": 1, ")": -1, "]": -1}.get(sign, 0)
        if sign == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def _plain(table: str) -> str:
    """A table's name as the server has it: without quotes, small where it was not quoted, without `public`."""
    names = re.findall(_NAME, table)
    plain = [name[1:-1].replace('""', '"') if name.startswith('"') else name.lower() for name in names]
    return ".".join(plain).removeprefix("public.")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
