"""apt's sources, where a server has some of its own."""

from __future__ import annotations

import shlex
from collections.abc import Generator

from pyinfra import host
from pyinfra.api import operation

from fleet.converge.files.configuration import SET_ASIDE
from fleet.converge.output import Lines


class OtherSources(Lines):
    """Source files that name a repository and nothing else."""

    def command(self, repository: str, own: str) -> str:
        """Prints the files' paths, but for `own`."""
        active = "grep -hE '^[[:space:]]*(deb|URIs:)'"
        return (
            f"for file in $(grep -lF {shlex.quote(repository)} /etc/apt/sources.list.d/*.list "
            "/etc/apt/sources.list.d/*.sources 2>/dev/null); do "
            f'[ "$file" = {shlex.quote(own)} ] || {active} "$file" | grep -qvF {shlex.quote(repository)} || '
            'echo "$file"; done'
        )


@operation()
def only(repository: str, own: str) -> Generator[str, None, None]:
    """No source file but ours names a repository: with two keys for one repository apt refuses every source.

    Args:
        repository: its address.
        own: our source file. The others are renamed, which apt passes over.
    """
    others: list[str] = host.get_fact(OtherSources, repository=repository, own=own)
    if not others:
        host.noop("no other source names it")
        return
    for path in others:
        yield f"mv {shlex.quote(path)} {shlex.quote(path + SET_ASIDE)}"
