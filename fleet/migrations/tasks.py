"""`inv migrate`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import hosts_to_change, remotes, report_errors
from fleet.command_line.verb import HOSTS, task


@task(
    iterable=["allow_destructive"],
    optional=["baseline", "run_marked"],
    help={
        "host": f"{HOSTS}; one after the other",
        "sha": "a commit of the backend, 4 digits or more; default: the one that runs",
        "dry": "only show what would run",
        "baseline": "run nothing: mark this file as applied, or all that the database has not seen",
        "run-marked": "run what was only marked as applied: this file, or all (on a host whose first deploy ran none)",
        "allow-destructive": "a file that may delete rows; may be given several times",
        "yes": "do not ask",
    },
)
@report_errors
def migrate(
    _: Context,
    host: str = "",
    sha: str = "",
    dry: bool = False,
    baseline: str | None = None,
    run_marked: str | None = None,
    allow_destructive: list[str] | None = None,
    yes: bool = False,
) -> None:
    """Run the migrations of the release that the database has not seen; a deploy does so by itself."""
    from fleet.errors import OperatorError
    from fleet.migrations import run

    if run_marked is not None and baseline is not None:
        raise OperatorError(
            "--baseline and --run-marked exclude each other.",
            "One marks files, the other runs them.",
            "Choose one.",
        )
    marked, again = _files(baseline), _files(run_marked)
    for remote in remotes(hosts_to_change(host)):
        run.migrate(remote, sha, allow_destructive or [], marked, run_marked=again, dry=dry, yes=yes)


def _files(typed: str | bool | None) -> list[str] | None:
    """Return the file that an option names; without one, all: an empty list."""
    return None if typed is None else [typed] if isinstance(typed, str) else []
