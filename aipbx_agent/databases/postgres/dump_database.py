"""What a dump says of its database itself, which no load brings: how it was made, and what it has.

pg_dump writes that into every dump in its custom format, and pg_restore prints it with --create: encoding, locale
provider, locale and rules; connection limit, comment, settings for all roles and for single ones, rights.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ENTRY = re.compile(r"^\d+; \d+ \d+ (?:DATABASE(?: PROPERTIES)? -|(?:COMMENT|ACL) - DATABASE) ")
# pg_restore's script, by what matters: comments and psql's own commands go, texts and names stay whole.
_TOKEN = re.compile(r"""(?P<skip>--[^\n]*|\\[^\n]*)|(?P<end>;)|'(?:[^']|'')*'|"(?:[^"]|"")*"|[^;'"\\-]+|.""", re.DOTALL)
_CREATE = re.compile(r'CREATE DATABASE ("(?:[^"]|"")*"|\S+) WITH TEMPLATE = template0\b(.*)', re.DOTALL)
_TABLESPACE = re.compile(r' TABLESPACE = ("(?:[^"]|"")*"|\S+)')
_PROPERTY = re.compile(
    r"(?:(?:COMMENT ON|ALTER|(?:GRANT|REVOKE) .* ON) DATABASE|ALTER ROLE .* IN DATABASE"
    r"|(?:RE)?SET SESSION AUTHORIZATION)(?:\s|$)",
    re.DOTALL,
)
# The owner is chosen by a load; a template could not be dropped.
_NOT_OURS = ("OWNER TO ", "IS_TEMPLATE ")


@dataclass(frozen=True)
class Database:
    """A database, as its dump has it.

    Args:
        name: as SQL has it.
        options: of its CREATE DATABASE; empty: the dump does not say.
        properties: the commands that give it what it has.
    """

    name: str
    options: str
    properties: tuple[str, ...]

    def given_to(self, name: str) -> list[str]:
        """Return those commands, for another database.

        Args:
            name: as SQL has it.
        """
        place = re.compile(rf"\bDATABASE {re.escape(self.name)}(?=\s|$)")
        return [place.sub(lambda _: f"DATABASE {name}", prop, count=1) for prop in self.properties]


def entries(listed: Sequence[str]) -> list[str]:
    """Return those of a dump's contents (`pg_restore --create --list`) that are about the database itself."""
    return [line for line in listed if _ENTRY.match(line)]


def read(script: str) -> Database:
    """Return what pg_restore prints of these entries (`--create --use-list`)."""
    commands = _commands(script)
    created = next((match for command in commands if (match := _CREATE.fullmatch(command))), None)
    if not created:
        return Database("", "", ())
    name, options = created.groups()
    foreign = tuple(f"ALTER DATABASE {name} {what}" for what in _NOT_OURS)
    properties = (command for command in commands if _PROPERTY.match(command) and not command.startswith(foreign))
    return Database(name, _TABLESPACE.sub("", options).strip(), tuple(properties))


def _commands(script: str) -> list[str]:
    commands, now = [], ""
    for token in _TOKEN.finditer(script):
        if token["end"]:
            commands.append(now.strip())
            now = ""
        elif not token["skip"]:
            now += token.group()
    return commands
