"""fail2ban remembers its bans over a stop: starting it must not cut off the very run that starts it."""

from __future__ import annotations

import shlex
from collections.abc import Generator

from pyinfra import host
from pyinfra.api import operation

from fleet.converge.output import Lines

DATABASE = "/var/lib/fail2ban/fail2ban.sqlite3"
# fail2ban-client knows bans only while the daemon runs; a daemon that runs has them in force already.
# A fresh host's Python has no sqlite3 yet, and no such file either.
SCRIPT = """
import os, sys
what, address, path = sys.argv[1:]
if os.path.exists(path):
    import sqlite3
    database = sqlite3.connect(path)
    if what == "show":
        print(*(row[0] for row in database.execute("select jail from bips where ip = ?", [address])), sep="\\n")
    else:
        database.execute("delete from bips where ip = ?", [address])
        database.execute("delete from bans where ip = ?", [address])
        database.commit()
"""


def script(what: str, address: str) -> str:
    """Return the command that shows the jails which an address would be banned from, or forgets its bans."""
    return f"python3 -c {shlex.quote(SCRIPT)} {what} {shlex.quote(address)} {DATABASE}"


class RestoredBans(Lines):
    """Jails that would ban an address as soon as fail2ban starts."""

    def command(self, address: str) -> str:
        """One round trip."""
        return f"systemctl --quiet is-active fail2ban || {script('show', address)}"


@operation()
def forgotten(address: str) -> Generator[str, None, None]:
    """fail2ban, which does not run, forgets bans of the address that this run comes from.

    Args:
        address: it; anyone who comes from there is logged in as an operator.
    """
    if not host.get_fact(RestoredBans, address=address):
        host.noop(f"{address} is not banned")
        return
    yield script("forget", address)
