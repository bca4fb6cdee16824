"""PostgreSQL's side of a new password: who gets in meanwhile, what the role's is, whether one is accepted.

While the password changes, what runs must get in with the old one: by its address, by lines in pg_hba.conf that name
the address and nothing else. As long as one of these lines is there, a rotation is under way, or was cut off.
"""

from __future__ import annotations

import re
import shlex

from aipbx_agent.contract import ROTATION_MARK
from fleet.commands import compose, postgres

# Seconds within which the server has read its rules again; it takes milliseconds.
RELOAD_SECONDS = 30
_PSQL = f'env PGOPTIONS="{postgres.OURS}" psql -U "$admin" -d "$POSTGRES_DB" --no-psqlrc -qAt -v ON_ERROR_STOP=1'
_FILE = f"file=$({_PSQL} -c 'SHOW hba_file')"
# A connection made after `pg_conf_load_time` has moved is judged by the new rules.
_RELOAD = (
    f"loaded() {{ {_PSQL} -c 'SELECT pg_conf_load_time()'; }}; was=$(loaded); "
    f"{_PSQL} -c 'SELECT pg_reload_conf()' >/dev/null; n=0; "
    'while [ "$(loaded)" = "$was" ]; do n=$((n + 1)); '
    f'[ $n -lt {RELOAD_SECONDS * 5} ] || {{ echo "the server did not reload its rules" >&2; exit 1; }}; '
    "sleep 0.2; done"
)
_FAULTS = "SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL"
_SOUND = f'[ "$({_PSQL} -c {shlex.quote(_FAULTS)})" = 0 ]'


def _inside(project: str, script: str, *words: str) -> str:
    """In the server's container, as the server's own account: the files that it makes are the server's."""
    command = ["postgres", "sh", "-c", f"set -eu; umask 077; {postgres.WHO}; {script}", "sh", *words]
    return compose.of_project(project, "exec", "-T", "--user", "postgres", *command)


def backends(project: str) -> str:
    """The command that prints, of each running backend, its addresses and its DB_PASS: `a b\\tpassword`.

    Services whose name begins with `backend`: there may be one of each colour.
    """
    form = (
        "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}\t"
        '{{range .Config.Env}}{{if eq (printf "%.8s" .) "DB_PASS="}}{{slice . 8}}{{end}}{{end}}'
    )
    listed = f"docker ps --filter label=com.docker.compose.project={shlex.quote(project)} --format " + shlex.quote(
        '{{.ID}} {{.Label "com.docker.compose.oneoff"}} {{.Label "com.docker.compose.service"}}'
    )
    chosen = """awk '$2 == "False" && $3 ~ /^backend/ {print $1}'"""
    return f"{listed} | {chosen} | xargs -r docker inspect --format {shlex.quote(form)}"


def let_in(project: str, database: str, role: str, addresses: list[str]) -> str:
    """The command that lets a role in from addresses without a password; the server's rules are checked, then read.

    Args:
        project: the Compose project.
        database: the only one that they get into.
        role: that of the application.
        addresses: IPv4; none: only the mark that a rotation is under way.
    """
    quoted = [f'"{name.replace(chr(34), chr(34) * 2)}"' for name in (database, role)]
    lines = [f"host {quoted[0]} {quoted[1]} {address}/32 trust {ROTATION_MARK}" for address in addresses] or [
        ROTATION_MARK
    ]
    return _inside(project, f"{_FILE}; {_written(_others(), *lines)}; {_RELOAD}")


def shut_out(project: str) -> str:
    """The command that takes those lines away."""
    return _inside(project, f"{_FILE}; {_written(_others())}; {_RELOAD}")


def under_way(project: str) -> str:
    """The command that prints how many of those lines there are."""
    return _inside(project, f'{_FILE}; grep -c {shlex.quote(f"{ROTATION_MARK}$")} "$file" || true')


def _others() -> str:
    return f'grep -v {shlex.quote(f"{ROTATION_MARK}$")} "$file" || true'


def _written(others: str, *lines: str) -> str:
    """Write the rules aside, rename, and take them back when the server finds a fault in them."""
    first = f"printf '%s\\n' {shlex.join(lines)}; " if lines else ""
    return (
        f'{{ {first}{others}; }} >"$file.new"; cp "$file" "$file.old"; sync "$file.new"; mv -f "$file.new" "$file"; '
        f'{_SOUND} || {{ mv -f "$file.old" "$file"; echo "pg_hba.conf would not be read like that" >&2; exit 1; }}; '
        'rm -f "$file.old"'
    )


def change(project: str) -> str:
    """The command that runs `altered` from standard input."""
    return _inside(project, f"exec {_PSQL} -f -")


def altered(role: str, verifier: str) -> str:
    """The SQL that gives a role a password; whatever the server's settings, its log does not get this.

    Args:
        role: whose.
        verifier: what it stores.
    """
    if not re.fullmatch(r"[\w$:+/=-]+", verifier, re.ASCII):
        raise ValueError("no verifier has a character like that")
    name = role.replace('"', '""')
    return (
        "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';\n"
        f"ALTER ROLE \"{name}\" PASSWORD '{verifier}';\n"
    )


def login(project: str, database: str, role: str) -> str:
    """The command that succeeds when the password in the first line of standard input opens the database.

    Over the network: on its own socket and on 127.0.0.1 the server asks for none.
    """
    script = (
        "IFS= read -r PGPASSWORD; export PGPASSWORD; for address in $(hostname -i); do break; done; "
        'exec psql --no-psqlrc -qAt -h "$address" -U "$1" -d "$2" -c "SELECT 1"'
    )
    return _inside(project, script, role, database)
