"""`inv promote`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import hosts_to_change, named_hosts, remotes, report_errors
from fleet.command_line.verb import task


@task(
    iterable=["allow_destructive"],
    help={
        "host": "a production host, several with commas, a group, or all: one first, then the rest at once",
        "from_": "the staging host; default: the only one",
        "drain-timeout": "seconds that live calls may continue; default: drain_seconds",
        "now": "wait for no call and no timer: cut what is live",
        "atomic": "when one host fails, those that have the release already go back",
        "allow-destructive": "a migration that may delete rows; may be given several times",
        "wait": "wait for a lock on the host, and while its timers run, instead of being refused",
        "yes": "do not ask",
    },
)
@report_errors
def promote(
    _: Context,
    host: str = "",
    from_: str = "",
    drain_timeout: int = -1,
    now: bool = False,
    atomic: bool = False,
    allow_destructive: list[str] | None = None,
    wait: bool = False,
    yes: bool = False,
) -> None:
    """Bring to production what a staging host has run, healthy, for soak_minutes: that pair of commits."""
    from fleet.inventory.hosts import load
    from fleet.output import say
    from fleet.promotion import promotion
    from fleet.release import decide
    from fleet.release.rollout import each_host, waves
    from fleet.state import survey

    promotion.refuse_staging(named_hosts(host))
    (staging,) = remotes([promotion.source(from_, load())])
    release = promotion.proved(staging.name, survey.take(staging), staging.settings.soak_minutes)
    say(f"{staging.name} has run {release}, healthy, for {staging.settings.soak_minutes} minutes or more.")
    options = decide.Options(0, allow_destructive or [], waits=wait, accepts_overlap=now)
    prepared = each_host.deploys(hosts_to_change(host), [release.backend, release.frontend], "", drain_timeout, options)
    waves.carry_out(prepared, canary=True, atomic=atomic, yes=yes)
