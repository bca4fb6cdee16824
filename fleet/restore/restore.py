"""Restoring a host's data: the agent does it; this asks, sends what it needs, and reports."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aipbx_agent.contract import INCOMING
from aipbx_agent.core.text import size
from fleet import agent
from fleet.backup import sets
from fleet.cli import agree, hosts_to_change, only
from fleet.errors import OperatorError
from fleet.offsite import copies
from fleet.output import say, step
from fleet.restore import clear_data, dump_file
from fleet.restore.request import INTERRUPTS, Request, announcement, looking, named
from fleet.state import survey
from fleet.transfer import transfer

if TYPE_CHECKING:
    from fleet.remote import Remote

SECONDS = 12 * 3600


def restore(what: str, host: str, tables: str, database: str, *, yes: bool) -> None:
    """Restore a set or a file, or bring it into a database for inspection.

    Args:
        what: a file here; the name of a set; or `host/name`.
        host: as typed; empty: the one that `what` names.
        tables: only the rows of these, with commas; nothing changes places.
        database: the new database that gets it; nothing changes places.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: it was refused, and nothing was touched.
        FailedError: it failed; what was live is live.
    """
    request = named(what)
    if not host and not request.host:
        raise OperatorError(f"{what} does not name its host.", "Only a set in a file does so.", "Add --host=…")
    remote = only(hosts_to_change(host or request.host))
    origin = request.host or ("" if request.path else remote.name)
    clear_data.refuse(remote, request.name, origin, scrubbed=request.scrubbed)
    with step("host"):
        calls = survey.take(remote).calls
        live = agent.query(remote, ["retained"])["live"]
    if request.path and request.dump:
        dump_file.refuse_newer(request.path, request.dump, live["version"])
    look = bool(tables or database)
    with tempfile.TemporaryDirectory(prefix="aipbx-restore-") as folder:
        request = request if request.path else _found(remote, request, Path(folder))
        lines = looking(remote.name, request, live, tables) if look else announcement(remote.name, request, live, calls)
        go(remote, request, lines, tables, database, yes=yes)


def go(remote: Remote, request: Request, lines: list[str], tables: str, database: str, *, yes: bool) -> None:
    """Say what it means, ask, do it, and tell what came of it.

    Args:
        request: what is restored.
        lines: what the operator reads before they answer.
        tables, database, yes: as for `restore`.

    Raises:
        OperatorError: it was refused, and nothing was touched.
        FailedError: it failed; what was live is live.
    """
    look = bool(tables or database)
    for line in lines:
        say(line)
    agree(remote.name, f"{'inspect' if look else 'restore'} {request.name} on {remote.name}", yes=yes)
    done = _carried_out(remote, request, tables, database)
    if look:
        _report_look(remote, done)
    else:
        _report(remote, request, done)


def _carried_out(remote: Remote, request: Request, tables: str, database: str) -> dict[str, Any]:
    place = request.place()
    if request.path:
        transfer.upload(remote, request.path, f"{remote.settings.app_dir}/{INCOMING}/{place}")
    argv = ["restore", place]
    argv += ["--foreign"] if request.host not in {"", remote.name} else []
    argv += [f"--tables={tables}"] if tables else []
    argv += [f"--to-database={database}"] if database else []
    return agent.run(remote, argv, seconds=SECONDS)


def _found(remote: Remote, request: Request, folder: Path) -> Request:
    """Return a set by its name: where it is to be restored, or else brought here from the off-site copies of its host.

    Args:
        remote: where it is to be restored.
        request: its name, and its host if one was named.
        folder: gets what is brought here.
    """
    if request.host in {"", remote.name}:
        try:
            chosen = sets.choose(remote.name, agent.query(remote, ["list"])["sets"], request.name)
        except OperatorError:
            if not remote.settings.offsite:
                raise
        else:
            return Request(remote.name, request.name, None, chosen["taken"], chosen["tables"], chosen["rows"])
    return named(str(copies.fetch(copies.of_name(request.host or remote.name), request.name, folder)))


def _report(remote: Remote, request: Request, done: dict[str, Any]) -> None:
    say(
        f"{remote.name}: {request.name} is live: {done['rows']} rows of {done['tables']} tables, "
        f"in {done['seconds']:.0f} s, in which the backend was held for {done['held_seconds']} s.",
        "green",
    )
    say(f"  The previous data is retained: {done['kept']}{', and its volumes' if request.volumes else ''}.")
    say(f"  inv restore --undo --host={remote.name} brings it back; --discard in its place deletes it.")


def _report_look(remote: Remote, done: dict[str, Any]) -> None:
    database = done["database"]
    say(f"{remote.name}: {done['rows']} rows of {done['tables']} tables are in {database}.", "green")
    say(f"  Inspect it: inv db --host={remote.name} --database={database}")
    say(f"  Delete it:    inv restore --discard --to-database={database} --host={remote.name}")


def undo(remote: Remote, *, yes: bool) -> None:
    """Let what was live before a restore be live again.

    Raises:
        OperatorError: it was refused.
        FailedError: it failed; what was live is live.
    """
    replaced = agent.query(remote, ["retained"])["replaced"]
    if replaced:
        say(f"{remote.name}: undo of the {replaced['what']}, {replaced['at']}")
        say(f"  {replaced['database']} ({size(replaced['bytes'])}) becomes live; the current data is retained instead.")
        say(f"{INTERRUPTS}.")
    agree(remote.name, f"undo on {remote.name}", yes=yes)
    result = agent.run(remote, ["undo"], seconds=SECONDS)
    if result["recovered"]:
        say(f"{remote.name}: the {result['what']} had been interrupted; everything is as it was before it.", "green")
        return
    say(f"{remote.name}: {result['what']}: done; the backend was held for {result['held_seconds']} s.", "green")
    say(f"  {result['kept']} is retained: inv restore --discard --host={remote.name} deletes it.")


def discard(remote: Remote, database: str, *, yes: bool) -> None:
    """Delete what restores kept.

    Args:
        database: only this one, restored for inspection; empty: everything.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: there is nothing, or no consent.
        FailedError: it failed.
    """
    kept = agent.query(remote, ["retained"])
    for look in kept["looks"]:
        if database in {"", look["database"]}:
            of = f"for inspection of {look['of']}, since {look['at']}"
            say(f"{remote.name}: {look['database']} ({size(look['bytes'])}), {of}")
    replaced = kept["replaced"]
    if replaced and not database:
        what = f"{replaced['database']} and volumes ({size(replaced['bytes'])})"
        say(f"{remote.name}: {what}, live until {replaced['at']}, before the {replaced['what']}", "yellow")
        say("  They cannot be brought back afterwards.", "yellow")
    agree(remote.name, f"delete what restores retained on {remote.name}", yes=yes)
    result = agent.run(remote, ["discard", *([f"--database={database}"] if database else [])], seconds=SECONDS)
    say(f"{remote.name}: gone: {', '.join(result['discarded'])}.", "green")


def verify(remote: Remote, name: str) -> dict[str, Any]:
    """Restore a set into a scratch server on its host, and compare.

    Args:
        name: the set's; empty: the newest.

    Returns: set, rows, tables, rto_seconds, rpo_seconds.

    Raises:
        OperatorError: it was refused.
        FailedError: the set cannot be restored.
    """
    say(f"{remote.name}: verification of {name or 'the newest set'}", "bold")
    result = agent.run(remote, ["verify", *([name] if name else [])], seconds=SECONDS)
    say(f"{remote.name}: {result['set']} can be restored: {result['rows']} rows of {result['tables']} tables.", "green")
    say(
        f"  It took {result['rto_seconds']} s (RTO), in a scratch server of {remote.settings.verify_cpus} CPUs; "
        f"its data were {result['rpo_seconds'] / 3600:.1f} h old (RPO)."
    )
    return {key: result[key] for key in ("set", "rows", "tables", "rto_seconds", "rpo_seconds")}
