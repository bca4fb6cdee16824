"""The values of a caller with CI's key, each checked by what it is: a commit, a name, a line of text, a number."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from aipbx_agent.ci.request import refused
from aipbx_agent.contract import SERVICES
from aipbx_agent.core.text import one_line

T = TypeVar("T")
SHA = re.compile(r"[0-9a-f]{40}\Z", re.ASCII)
DIGEST = re.compile(r"(sha256:[0-9a-f]{64})?\Z", re.ASCII)
TOKEN = re.compile(r"[A-Za-z0-9_.~+/=-]{0,4096}\Z", re.ASCII)
OPERATOR = r"ci@[A-Za-z0-9._-]{1,64}"
# Without comma or semicolon in its middle: so no one can add to an owner that the host carries its run out.
OWNER = re.compile(OPERATOR + r", [A-Za-z0-9 .:+_-]{1,100}, since [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC\Z", re.ASCII)
_OPERATOR = re.compile(OPERATOR + r"\Z", re.ASCII)
_REFERENCE = re.compile(r"[a-z0-9./:_-]{1,400}\Z", re.ASCII)
_MIGRATION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[^/\x00-\x1f\x7f]{1,200}\.sql\Z")
LONGEST_LINE = 500
LONGEST_NOTICE = 8000
# Seconds of a day; no file has more lines.
LARGEST = 86400


def is_ours(owner: str) -> bool:
    """Return whether the owner of a lock is a run of CI's."""
    return bool(OWNER.match(owner))


def field(fields: dict[str, Any], name: str, check: Callable[[Any, str], T]) -> T:
    """Return a field of an object.

    Raises:
        Refused: it is missing, or not what it is to be.
    """
    if name not in fields:
        raise refused(f"Its input does not say {name}.")
    return check(fields[name], name)


def matching(pattern: re.Pattern[str], value: object, name: str) -> str:
    """Return a text of a pattern.

    Raises:
        Refused: it is not.
    """
    if not isinstance(value, str) or not pattern.match(value):
        raise refused(f"Its {name} is not as it has to be.")
    return value


def owner(value: object, name: str) -> str:
    """Return the owner of a lock of CI's."""
    return matching(OWNER, value, name)


def operator(value: object, name: str) -> str:
    """Return who CI says that it is."""
    return matching(_OPERATOR, value, name)


def sha(value: object, name: str) -> str:
    """Return a whole commit."""
    return matching(SHA, value, name)


def flag(value: object, name: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise refused(f"Its {name} is neither true nor false.")
    return value


def number(value: object, name: str) -> int:
    """Return a whole number: of seconds, or of a line."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise refused(f"Its {name} is not a whole number up to {LARGEST}.")
    return value


def line(value: object, name: str) -> str:
    """Words of the caller's, on one line, cut to a length."""
    if not isinstance(value, str):
        raise refused(f"Its {name} is not text.")
    return one_line(value, LONGEST_LINE)


def lines(value: object, name: str) -> list[str]:
    """Several of those."""
    return each(value, name, line)


def each(value: object, name: str, check: Callable[[Any, str], T]) -> list[T]:
    """Return a list of such values."""
    if not isinstance(value, list):
        raise refused(f"Its {name} is not a list.")
    return [check(item, name) for item in value]


def mapping(value: object, name: str) -> dict[str, Any]:
    """Return an object."""
    if not isinstance(value, dict):
        raise refused(f"Its {name} is not an object.")
    return value


def services(value: object, name: str) -> list[str]:
    """Some of the application's services."""
    names = each(value, name, line)
    if not names or set(names) - set(SERVICES):
        raise refused(f"It names other services than {' and '.join(SERVICES)}.")
    return [service for service in SERVICES if service in names]


def migration(value: object, name: str) -> str:
    """Return the name of a file of migrations."""
    return matching(_MIGRATION, value, name)


def migrations(value: object, name: str) -> list[str]:
    """Several of those."""
    return each(value, name, migration)


def images(value: object, name: str, repositories: dict[str, str]) -> dict[str, str]:
    """Return the commit of each service, of references that are this host's own repositories at a commit.

    Args:
        value: references by service.
        repositories: the host's, by service.

    Raises:
        Refused: one of them is of another repository, or at something else than a commit.
    """
    references = mapping(value, name)
    if set(references) != set(SERVICES):
        raise refused(f"It names other services than {' and '.join(SERVICES)}.")
    shas = {}
    for service in SERVICES:
        repository, _, tag = matching(_REFERENCE, references[service], name).rpartition(":")
        if repository != repositories[service]:
            raise refused(f"The image of the {service} is not one of {repositories[service]}.")
        shas[service] = sha(tag, f"tag of the {service}")
    return shas
