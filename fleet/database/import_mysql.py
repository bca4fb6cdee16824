"""MySQL's data to a host's PostgreSQL: the agent does it; this asks, sends the file, and reports."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from aipbx_agent.contract import INCOMING
from aipbx_agent.core.text import size
from aipbx_agent.mysql_import.mysql_source import CONTAINER
from fleet import agent
from fleet.cli import agree
from fleet.errors import OperatorError
from fleet.output import say, step
from fleet.restore import clear_data
from fleet.restore.request import INTERRUPTS, Request
from fleet.state import survey
from fleet.transfer import transfer

if TYPE_CHECKING:
    from fleet.remote import Remote

SECONDS = 12 * 3600
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def brought(source: str) -> Request | None:
    """Return the file that is meant by what an operator typed; None: a container of the host is.

    Raises:
        OperatorError: neither.
    """
    if source.startswith(CONTAINER):
        name = source.removeprefix(CONTAINER)
        if not NAME.fullmatch(name):
            raise OperatorError(
                f"{name!r} is not a valid container name.", "Docker allows no such name.", "docker ps --all"
            )
        return None
    path = Path(source).expanduser()
    if not source or not path.is_file():
        raise OperatorError(
            f"{source!r} is neither a file here nor container:NAME.",
            "MySQL's data come from a file of mysqldump's, or from a container on the host.",
            "--from=aipbx_20261122_030000.sql.gz, or --from=container:app-mysql-1",
        )
    if not path.stat().st_size:
        raise OperatorError(f"{path} is empty.", "It has 0 bytes.", "Use another file.")
    return Request("", path.name, path, volumes=False)


def run(remote: Remote, source: str, database: str, without: str, *, yes: bool) -> None:
    """Bring MySQL's data into the place of the live ones.

    Args:
        source: a file here, or container:NAME on the host.
        database: its name in that container; empty: the one that the container was made with.
        without: the source's tables that are left out, with commas.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: it was refused, and nothing was touched.
        FailedError: it failed; what was live is live.
    """
    request = brought(source)
    clear_data.refuse(remote, request.name if request else source, "")
    with step("host"):
        calls = survey.take(remote).calls
        live = agent.query(remote, ["retained"])["live"]
    flows = f"; {calls} RTP flows are live and would be cut" if calls else ""
    say(f"{remote.name}: import of {request.name if request else source} into PostgreSQL", "bold")
    say("  The source is read and never written. Its rows come into a new database beside the live one, with the same")
    say("  schema; every table is counted and compared, and the application tried out: that stops nothing.")
    say(f"  Then it replaces {live['database']} ({size(live['bytes'])}), which is retained (--undo).")
    say(f"{INTERRUPTS}{flows}.", "yellow")
    if not request:
        say("  Rows written to MySQL from now on are not imported: stop everything that writes there first.", "yellow")
    agree(remote.name, f"import into {remote.name}", yes=yes)
    place = source
    if request and request.path:
        place = request.place()
        transfer.upload(remote, request.path, f"{remote.settings.app_dir}/{INCOMING}/{place}")
    argv = ["import-mysql", place]
    argv += [f"--database={database}"] if database else []
    argv += [f"--without={without}"] if without else []
    result = agent.run(remote, argv, seconds=SECONDS)
    for table, rows in sorted(result["by_table"].items()):
        say(f"  {rows:>12}  {table}")
    say(
        f"{remote.name}: {result['of']} is live: {result['rows']} rows of {result['tables']} tables, "
        f"the same on both sides, in {result['seconds']:.0f} s, in which the backend was held for "
        f"{result['held_seconds']} s.",
        "green",
    )
    say(f"  The previous data is retained: {result['kept']}.")
    say(f"  inv restore --undo --host={remote.name} brings it back; --discard in its place deletes it.")
