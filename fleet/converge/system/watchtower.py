"""A Watchtower: it would replace containers under live calls, and its original does not speak to Docker 29."""

from __future__ import annotations

import shlex
from collections.abc import Generator

from pyinfra import host, logger
from pyinfra.api import operation

from fleet.converge.output import Lines


class Watchtowers(Lines):
    """The names of running containers of an image that is called watchtower, of any publisher."""

    def command(self) -> str:
        """One round trip; a host without Docker has none."""
        # Where the daemon does not answer, the next run finds it. The name is without registry, tag and digest.
        is_one = r'{ image = $2; sub(/[:@][^\/]*$/, "", image); if (image ~ /(^|\/)watchtower$/) print $1 }'
        listed = r"docker ps --format '{{.Names}}\t{{.Image}}' 2>/dev/null"
        return f"! command -v docker >/dev/null || {listed} | awk -F '\\t' {shlex.quote(is_one)}"


@operation()
def stopped() -> Generator[str, None, None]:
    """No Watchtower runs, nor starts with the host; its container stays."""
    running: list[str] = host.get_fact(Watchtowers)
    if not running:
        host.noop("no Watchtower runs")
        return
    for name in running:
        logger.warning(
            f"{host.print_prefix}Watchtower ({name}) is stopped: it replaces containers while calls are live; "
            f"inv images shows what is newer. Its way back: docker update --restart=always {name}; docker start {name}"
        )
    names = " ".join(map(shlex.quote, running))
    yield f"docker update --restart=no {names} >/dev/null && docker stop {names} >/dev/null"
