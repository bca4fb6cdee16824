"""`inv db.import-mysql`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import hosts_to_change, only, report_errors
from fleet.command_line.verb import task


@task(
    help={
        "host": "a host",
        "from_": "a file of mysqldump's here, also packed by gzip; or container:NAME, a MySQL or MariaDB on the host",
        "database": "its name in that container; default: the one that the container was made with",
        "without": "tables that are left out, with commas",
        "yes": "do not ask",
    },
)
@report_errors
def import_mysql(
    _: Context, host: str = "", from_: str = "", database: str = "", without: str = "", yes: bool = False
) -> None:
    """Bring MySQL's data into PostgreSQL: loaded beside the live data, compared, swapped in."""
    from fleet.database import import_mysql as data

    data.run(only(hosts_to_change(host)), from_, database, without, yes=yes)
