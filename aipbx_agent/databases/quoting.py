"""Names and texts as SQL has them: PostgreSQL (identifier, literal) and MySQL (named, quoted)."""

from __future__ import annotations


def identifier(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL has it."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'" if "\\" not in text else " E'" + escaped.replace("\\", "\\\\") + "'"


def named(name: str) -> str:
    """Return a name as MySQL has it."""
    return "`" + name.replace("`", "``") + "`"


def quoted(text: str) -> str:
    """Return a text as MySQL has it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
