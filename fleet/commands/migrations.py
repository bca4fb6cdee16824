"""What the migrations' ledger says of the release that runs (aipbx_agent/migrations/ledger.py)."""

from __future__ import annotations

import shlex

from fleet.commands import postgres

FIRST_START, UNKNOWN = "first start", "unknown"
# psql decides, for a table that is not there cannot be asked. The superuser's own tables and pg_catalog's functions
# only: the application could have made others of these names.
_STATE = """\\set QUIET on
\\pset tuples_only on
\\pset format unaligned
\\set begun f
SET search_path = pg_catalog;
SELECT coalesce(bool_or(relname = 'releases'), false) AS ledger,
    coalesce(bool_or(relname = 'first_start'), false) AS born
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE nspname = 'aipbx_fleet' AND relkind = 'r' AND nspowner = 10 AND relowner = 10 \\gset
\\if :born
    SELECT count(*) > 0 AS begun FROM aipbx_fleet.first_start WHERE ended IS NULL \\gset
\\endif
\\if :begun
    \\echo 'FIRST_START'
\\elif :ledger
    SELECT coalesce((SELECT (SELECT count(*) FROM unnest(files) f
                             WHERE f NOT IN (SELECT name FROM aipbx_fleet.migrations))::text
                     FROM aipbx_fleet.releases WHERE release = :'release'), 'UNKNOWN');
\\endif
""".replace("FIRST_START", FIRST_START).replace("UNKNOWN", UNKNOWN)


def state(project: str) -> str:
    """The command that prints how many of the running release's files the database has not seen.

    Or FIRST_START, when a new database has not come to the end of it, or UNKNOWN, when the ledger does not know the
    release; nothing where there is no ledger or no database. It runs where images.env is.

    Args:
        project: the Compose project.
    """
    asked = postgres.psql(project, terminal=False, read_only=True)
    release = "$(sed -n 's/^BACKEND_IMAGE=.*://p' images.env 2>/dev/null)"
    return f"printf '\\\\set release %s\\n%s' \"{release}\" {shlex.quote(_STATE)} | {asked} 2>/dev/null"
