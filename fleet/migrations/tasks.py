"""`inv migrate`."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from fleet.cli import hosts_to_change, remotes, told


@task(
    iterable=["allow_destructive"],
    optional=["baseline"],
    help={
        "host": "a host, several with commas, a group, or all; one after the other",
        "sha": "a commit of the backend, 4 digits or more; default: the one that runs",
        "dry": "only show what would run",
        "baseline": "run nothing: mark this file as applied, or all that the database has not seen",
        "allow-destructive": "a file that may take away rows; may be given several times",
        "yes": "do not ask",
    },
)
@told
def migrate(
    _: Context,
    host: str = "",
    sha: str = "",
    dry: bool = False,
    baseline: str | None = None,
    allow_destructive: list[str] | None = None,
    yes: bool = False,
) -> None:
    """Run the migrations of the release that the database has not seen; a deploy does so by itself."""
    from fleet.migrations import run

    marked = None if baseline is None else [baseline] if isinstance(baseline, str) else []
    for remote in remotes(hosts_to_change(host)):
        run.migrate(remote, sha, allow_destructive or [], marked, dry=dry, yes=yes)
