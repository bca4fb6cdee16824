"""The lab's verbs for Invoke: ``inv lab.up`` and so on. Heavy imports happen when a verb runs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from fleet.cli import hosts_to_read, report_errors
from fleet.command_line.verb import task

if TYPE_CHECKING:
    from invoke.context import Context


@task(help={"hosts": "how many, or their names with commas; default: all"})
@report_errors
def up(_: Context, hosts: str = "all") -> None:
    """Bring the lab up: fresh hosts and a small internet; what runs already stays as it is."""
    from lab import lifecycle
    from lab.progress import Steps
    from lab.topology import SYSTEMS, Lab, wanted_specs

    lab, specs = Lab.here(), wanted_specs(hosts)
    with Steps().shown() as steps:
        for host in lifecycle.up(lab, steps, specs).running_hosts:
            steps.say(f"{host.name}  {host.address4}  {host.address6}  {SYSTEMS[host.spec.suite]}")
        steps.say(f"look at one: ssh -F {os.path.relpath(lab.directory / 'ssh_config')} root@{specs[0].name}")


@task
@report_errors
def down(_: Context) -> None:
    """Remove the lab's hosts, world and network; images stay, so the next start is fast."""
    from lab import removal
    from lab.progress import Steps
    from lab.topology import Lab

    with Steps().shown() as steps:
        removal.down(Lab.here(), steps)


@task
@report_errors
def demo(_: Context) -> None:
    """Show what this project does: three fresh hosts become three that run aiPBX."""
    from lab import demo as play
    from lab.progress import Steps
    from lab.topology import Lab

    play.show(Lab.here(), Steps())


@task(
    help={
        "backend": "a git repository on this machine; #branch, #tag or #SHA may follow",
        "frontend": "the same for the frontend",
        "host": "a host, several with commas, or all; default: AIPBX_HOST, or the inventory's first",
    }
)
@report_errors
def application(_: Context, backend: str | None = None, frontend: str | None = None, host: str = "") -> None:
    """Put your own commits in the stand-in's place, build and deploy them; lab.up puts the stand-in back."""
    from lab.ci import application as own
    from lab.topology import Lab

    given = {"backend": backend, "frontend": frontend}
    own.deploy(Lab.here(), {service: text for service, text in given.items() if text is not None}, hosts_to_read(host))


@task(help={"host": "a host's name, several with commas, or all"})
@report_errors
def reset(_: Context, host: str) -> None:
    """Make a fresh server of a host again, as a cloud delivers it."""
    from lab import lifecycle
    from lab.progress import Steps
    from lab.topology import Lab

    with Steps().shown() as steps:
        lifecycle.reset(Lab.here(), host, steps)


@task(
    positional=["host"],
    help={"host": "a host's name", "user": "an account; default: deploy, or root before it exists"},
)
@report_errors
def ssh(_: Context, host: str, user: str = "") -> None:
    """Log in to a host of the lab."""
    from lab import running
    from lab.topology import Lab, host_spec

    lab = Lab.here()
    spec = host_spec(host)
    account = user or running.required(lab).host(spec.name).login_account()
    sys.stdout.flush()
    os.execvp("ssh", ["ssh", "-F", str(lab.directory / "ssh_config"), f"{account}@{spec.name}"])  # noqa: S606


@task(name="status", help={"json": "print JSON"})
@report_errors
def status(_: Context, json: bool = False) -> None:
    """Show the lab's machines: name, addresses, system, state."""
    import json as notation

    from lab import running
    from lab.topology import Lab

    rows = running.status(Lab.here())
    if json:
        print(notation.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "IPv4", "IPv6", "system", "state")
    for row in rows:
        table.add_row(*row.values())
    Console().print(table)


@task
@report_errors
def clean(_: Context) -> None:
    """Remove all that the lab made on this machine: also images, its own Docker engine, and .lab/."""
    from lab import removal
    from lab.progress import Steps
    from lab.topology import Lab

    with Steps().shown() as steps:
        removal.clean(Lab.here(), steps)
