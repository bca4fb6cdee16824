"""`inv runbook`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import report_errors
from fleet.command_line.verb import task


@task(
    help={
        "page": "a name, an alert, or words in Russian or English: диск, disk full; may stand alone; default: the list",
        "language": "ru or en; default: AIPBX_LANGUAGE in .env, else ru",
    }
)
@report_errors
def runbook(_: Context, page: str = "", language: str = "") -> None:
    """Show what to do when something is wrong: `inv runbook disk-space-low`; without a page, the list."""
    from fleet.runbook import pages

    pages.show(page, language)
