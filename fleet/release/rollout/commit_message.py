"""Which hosts a commit's message asks for: `[deploy:1]`, `[deploy all]`, as the team is used to write."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from fleet.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.git.repository import Repository
    from fleet.inventory.hosts import Host

_BRACKETS = re.compile(r"\[\s*([a-z]+)\b[\s:]*([^\]]*)\]", re.IGNORECASE)
_WORD = "deploy"


def hosts(message: str, fleet: Sequence[Host]) -> list[str]:
    """Return the hosts that the tags of a commit's message name, in the inventory's order.

    A tag names hosts of production by their place in the inventory, by their names, or all of them: `[deploy:1]`,
    `[deploy 2,3]`, `[deploy:aipbx.ru]`, `[deploy all]`, `[deploy:all]`; several tags add up. A staging host has no
    number, and `all` is without it: it goes by its name, or its group's. Without a tag, hosts that get every push.

    Args:
        message: the whole message.
        fleet: the inventory's hosts, in its order.

    Raises:
        OperatorError: a tag names no host, or is one letter away from being a tag.
    """
    wanted: set[str] = set()
    for tag in _BRACKETS.finditer(message):
        word = tag[1].lower()
        if word == _WORD:
            wanted.update(*(_named(name, tag[0], fleet) for name in re.split(r"[\s,]+", tag[2].strip())))
        elif difflib.get_close_matches(word, [_WORD], cutoff=0.8):
            raise _unknown(tag[0], f"it says {tag[1]}, not {_WORD}", fleet)
    return [host.name for host in fleet if host.name in wanted or (not wanted and host.data.get("deploys_every_push"))]


def _named(name: str, tag: str, fleet: Sequence[Host]) -> list[str]:
    counted = _counted(fleet)
    if name.lower() == "all":
        return counted
    if named := [host.name for host in fleet if name.lower() in (host.name, *host.groups)]:
        return named
    if name.isdecimal() and 1 <= int(name) <= len(counted):
        return [counted[int(name) - 1]]
    raise _unknown(tag, f"no host is called {name!r}" if name else "it names no host", fleet)


def _counted(fleet: Sequence[Host]) -> list[str]:
    return [host.name for host in fleet if not host.staging]


def _unknown(tag: str, why: str, fleet: Sequence[Host]) -> OperatorError:
    numbered = ", ".join(f"{number} is {name}" for number, name in enumerate(_counted(fleet), 1))
    return OperatorError(
        f"The commit's message has the tag {tag}, which is not known.",
        f"{why[0].upper()}{why[1:]}; {numbered}, and `all` is all of them.",
        "Deploy by name: inv deploy --host=…; tags that work: [deploy:1], [deploy all].",
    )


def named_by(repositories: list[Repository], shas: dict[str, str], fleet: Sequence[Host]) -> list[str]:
    """Return the hosts that the commits ask for which a deploy would bring.

    Args:
        repositories: of the services that are meant, refreshed.
        shas: the commit of each service that was named; the head of the branch of the others.
        fleet: the inventory's hosts, in its order.

    Raises:
        OperatorError: a tag is unknown.
    """
    wanted: set[str] = set()
    for repository in repositories:
        wanted.update(hosts(repository.message(shas.get(repository.service) or repository.head()), fleet))
    return [host.name for host in fleet if host.name in wanted]
