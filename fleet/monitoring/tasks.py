"""`inv alerts`, `inv silence`, `inv dashboard`."""

from __future__ import annotations

from invoke.context import Context

from fleet.cli import finish, hosts_to_change, hosts_to_read, only, remotes, report_errors
from fleet.command_line.verb import HOSTS, task


@task(help={"host": f"{HOSTS}; default: all", "json": "print JSON"})
@report_errors
def alerts(_: Context, host: str = "all", json: bool = False) -> None:
    """Show the alerts that fire on hosts, what to do, and the page of each; exit code 1: one does."""
    from fleet.monitoring import alerts as look

    if code := look.show(remotes(hosts_to_read(host)), as_json=json):
        finish(code)


@task(
    help={
        "host": HOSTS,
        "for": "for how long: 30m, 2h, 1d",
        "reason": "why, for the others",
        "alert": "only this one, as inv alerts calls it; default: every one",
        "lift": "end what operators silenced",
    }
)
@report_errors
def silence(
    _: Context, host: str = "", for_: str = "2h", reason: str = "", alert: str = "", lift: bool = False
) -> None:
    """Notify no one of a host's alerts for a while: `inv silence --host=aipbx.ru --for=2h --reason=…`."""
    from fleet.monitoring import silences

    hosts = remotes(hosts_to_change(host))
    if lift:
        silences.lift(hosts)
    else:
        silences.begin(hosts, for_, reason, alert)


@task(help={"host": "a host", "local": "the port on this machine; default: 3000"})
@report_errors
def dashboard(_: Context, host: str = "", local: int = 0) -> None:
    """Show a host's figures in Grafana, which runs there until Ctrl-C: `inv dashboard --host=aipbx.org`."""
    from fleet.monitoring import dashboard as grafana

    grafana.show(only(hosts_to_read(host)), local)
