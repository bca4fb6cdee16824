"""A host knows its own name: sudo, mail and many a service look it up, and warn or wait when they cannot."""

from __future__ import annotations

import shlex
from collections.abc import Generator

from pyinfra import host
from pyinfra.api import operation

from fleet.converge.output import Lines


class UnknownName(Lines):
    """The host's own name, when the host cannot resolve it."""

    def command(self) -> str:
        """One round trip; getent reads what every program reads."""
        return 'getent hosts "$(hostname)" >/dev/null || hostname'


@operation()
def resolves() -> Generator[str, None, None]:
    """The host's own name has an address in /etc/hosts, where nothing else resolves it."""
    unknown = host.get_fact(UnknownName)
    if not unknown:
        host.noop("the host's own name resolves")
        return
    yield f"echo {shlex.quote(f'127.0.1.1 {unknown[0]}')} >> /etc/hosts"
