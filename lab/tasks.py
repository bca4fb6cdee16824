"""The lab's verbs for Invoke: ``inv lab.up`` and so on."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from invoke.exceptions import Exit
from invoke.tasks import task
from rich.console import Console
from rich.table import Table

from lab import lifecycle, removal, running
from lab.errors import LabError
from lab.guard import require_lab_addresses
from lab.progress import Steps
from lab.topology import HOSTS, SYSTEMS, Lab, host_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke.context import Context

BOOTSTRAP = ("pyinfra", "inventory.py", "deploys/bootstrap.py")
NEXT_STEPS = """
Three hosts are converged: aipbx.net and aipbx.org (Debian 13), aipbx.ru (Debian 12). What to type next:

    . .venv/bin/activate
    export AIPBX_SSH_CONFIG=$PWD/.lab/ssh_config      leads pyinfra and ssh into the lab, not to the real servers
    inv lab.status                                    the machines and their addresses
    inv lab.ssh aipbx.org                             look around: sudo ufw status, sudo docker info
    pyinfra inventory.py deploys/bootstrap.py --dry   the same command again: nothing to change
    inv lab.reset --host=aipbx.ru                     a fresh server again, to converge anew
    inv lab.down                                      take the lab away; `make clean` removes all of it
"""

P = ParamSpec("P")
R = TypeVar("R")


def _told(function: Callable[P, R]) -> Callable[P, R]:
    """Turn a LabError into its message and exit code 1."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except LabError as error:
            raise Exit(str(error), code=1) from None

    return wrapped


@task
@_told
def up(_: Context) -> None:
    """Bring the lab up: three fresh hosts and a small internet; what runs already stays as it is."""
    lab = Lab.here()
    with Steps().shown() as steps:
        for host in lifecycle.up(lab, steps).hosts:
            steps.say(f"{host.name}  {host.address4}  {host.address6}  {SYSTEMS[host.spec.suite]}")
        steps.say(f"look at one: ssh -F {os.path.relpath(lab.directory / 'ssh_config')} root@{HOSTS[0].name}")


@task
@_told
def down(_: Context) -> None:
    """Remove the lab's hosts, world and network; images stay, so the next start is fast."""
    with Steps().shown() as steps:
        removal.down(Lab.here(), steps)


@task
@_told
def demo(_: Context) -> None:
    """Show what this project does: three fresh hosts, converged by the documented command."""
    lab = Lab.here()
    ssh_config = lab.directory / "ssh_config"
    with Steps().shown() as steps:
        hosts = lifecycle.up(lab, steps).hosts
    require_lab_addresses(ssh_config, [host.name for host in hosts])
    print(f"\n$ {' '.join(BOOTSTRAP)} -y", flush=True)
    pyinfra = Path(sys.executable).with_name(BOOTSTRAP[0])
    done = subprocess.run(
        [pyinfra, *BOOTSTRAP[1:], "-y"],
        cwd=lab.root,
        env={**os.environ, "AIPBX_SSH_CONFIG": str(ssh_config)},
        check=False,
    )
    if done.returncode != 0:
        raise Exit("The hosts did not converge; the lines above say why.", code=done.returncode)
    print(NEXT_STEPS)


@task(help={"host": "a host's name, or all"})
@_told
def reset(_: Context, host: str) -> None:
    """Make a host anew, as a cloud delivers it."""
    with Steps().shown() as steps:
        lifecycle.reset(Lab.here(), host, steps)


@task(
    positional=["host"],
    help={"host": "a host's name", "user": "an account; default: deploy, or root before it exists"},
)
@_told
def ssh(_: Context, host: str, user: str = "") -> None:
    """Log in to a host."""
    lab = Lab.here()
    spec = host_spec(host)
    account = user or running.required(lab).host(spec.name).login_account()
    sys.stdout.flush()
    os.execvp("ssh", ["ssh", "-F", str(lab.directory / "ssh_config"), f"{account}@{spec.name}"])  # noqa: S606


@task(name="status", help={"as-json": "print JSON"})
@_told
def status(_: Context, as_json: bool = False) -> None:
    """Show the lab's machines: name, addresses, system, state."""
    rows = running.status(Lab.here())
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("name", "IPv4", "IPv6", "system", "state")
    for row in rows:
        table.add_row(*row.values())
    Console().print(table)


@task
@_told
def clean(_: Context) -> None:
    """Remove all that the lab made on this machine: also images, its own Docker engine, and .lab/."""
    with Steps().shown() as steps:
        removal.clean(Lab.here(), steps)
