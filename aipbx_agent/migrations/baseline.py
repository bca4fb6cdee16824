"""Which migrations an operator marks as applied, without running them."""

from __future__ import annotations

from aipbx_agent.contract import FIRST_START, LIVES, NEW
from aipbx_agent.core.errors import Refused
from aipbx_agent.migrations import due, run_file
from aipbx_agent.migrations.due import Outcome, Pending, Request
from aipbx_agent.migrations.ledger import BASELINE, Row


def chosen(request: Request, plan: Outcome) -> list[Row]:
    """Return what to mark as applied: the named files, or all that the database has not seen."""
    files = request.files or {}
    if plan.state in {NEW, FIRST_START}:
        raise Refused(
            f"{request.release[:12]}'s first start has not finished on this database, so nothing is marked.",
            "It runs the files on the tables that the application makes.",
            "inv deploy continues it; a file that is not to run there: migrations_skipped_on_new_database.",
        )
    if plan.state == LIVES and request.baseline:
        raise Refused(
            "There is no ledger yet, so one file alone cannot be marked.",
            "All others would count as not applied, and be run.",
            "Mark all of the running release first: inv migrate --baseline",
        )
    rows = {migration.name: run_file.row(request, migration, BASELINE) for migration in plan.pending}
    for name in request.baseline or ():
        if name not in files:
            raise Refused(
                f"There is no migration {name!r} in {request.release[:12]}.",
                f"Its newest is {max(files, default='none')}.",
                "Name a file as it is called in the repository, without its folder.",
            )
        breaks = due.understand(request, name).breaks
        rows.setdefault(name, run_file.row(request, Pending(name, due.checksum(files[name]), breaks), BASELINE))
    return [row for name, row in rows.items() if not request.baseline or name in request.baseline]
