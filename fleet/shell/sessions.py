"""Sessions on a host, with the system's ssh: a real terminal, or plain pipes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, NoReturn

from aipbx_agent import contract
from fleet.command_line import record
from fleet.commands import compose, docker, postgres
from fleet.errors import FailedError, OperatorError
from fleet.inventory import monitoring as network
from fleet.output import say
from fleet.shell import ports
from fleet.ssh import ssh

if TYPE_CHECKING:
    from fleet.remote import Remote

QUERY_SECONDS = 600
# The port of each service that someone may want to reach from here.
PORTS = {"postgres": 5432, "backend": 5005, "frontend": 8080}


def become(host: Remote, command: str, verb: str, *, terminal: bool) -> NoReturn:
    """Become an ssh that runs a command as root on a host; its exit code is this process's.

    Args:
        command: for sh; appears in the host's journal.
        verb: what is done, for `inv audit`.
        terminal: whether it gets a terminal there.
    """
    options = ["-t"] if terminal else ["-T"]
    # This also has us say in our words what keeps us out, and the key that opens is known then.
    record.append(host, verb, "begun")
    argv = ssh.command(host.name, host.settings.deploy_user, f"sudo -n sh -c {shlex.quote(command)}", *options)
    sys.stdout.flush()
    os.execvp(argv[0], argv)  # noqa: S606


def interactive() -> bool:
    """Return whether someone sits at a terminal, at both ends of the pipe."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def database(host: Remote, query: str, name: str = "", *, read_only: bool) -> None:
    """psql on a database: interactive, or one query, or SQL from standard input.

    Args:
        query: SQL, which travels over standard input and is in no list of processes; empty: a session.
        name: of the database; empty: the application's.
        read_only: whether it may only read.

    Raises:
        FailedError: the query failed.
    """
    project = host.settings.compose_project
    if not query:
        terminal = interactive()
        become(host, postgres.psql(project, name, terminal=terminal, read_only=read_only), "db", terminal=terminal)
    command = postgres.psql(project, name, terminal=False, read_only=read_only)
    if not read_only:
        record.append(host, "db", "begun")
    result = host.run(command, seconds=QUERY_SECONDS, stdin=query.encode())
    print(result.out, end="")
    if result.code != 0:
        # All of psql's words: the line ERROR is the first of up to six.
        say(result.err.strip(), "red")
        raise FailedError(
            f"{host.name}: the query failed.",
            next(
                (line for line in result.err.splitlines() if "ERROR: " in line or "FATAL: " in line), result.last_words
            ),
            "Correct it. Statements before the failing one were executed, unless you wrote BEGIN first.",
        )


def execute(host: Remote, service: str, command: list[str]) -> NoReturn:
    """Run a command inside a running service; its exit code is this process's."""
    terminal, data = interactive(), host.settings
    argv = compose.execute(data.compose_project, service, command, terminal=terminal, app_dir=data.app_dir)
    become(host, argv, f"exec {service}", terminal=terminal)


def _address(host: Remote, service: str) -> str:
    """Return the address of a service's container, as the host reaches it.

    Raises:
        OperatorError: it does not run.
    """
    data, monitoring = host.settings, service in network.CONTAINERS
    project, app_dir = (contract.MONITORING_PROJECT, "") if monitoring else (data.compose_project, data.app_dir)
    # One that has ended has no address.
    address = host.run(docker.address(project, service, app_dir)).out.split()
    if not address:
        raise OperatorError(
            f"{host.name}: {service} does not run.",
            "There is no container to connect to.",
            f"inv status --host={host.name}",
        )
    return network.address(data, service) if monitoring else address[0]


def tunnel(host: Remote, service: str, port: int, local: int) -> None:
    """Bring a service's port to this machine, on 127.0.0.1, until Ctrl-C.

    Args:
        host: where the service runs.
        port: its port inside the network; 0: the usual one.
        local: the port here; 0: the same number as there, when it is free.

    Raises:
        OperatorError: the service does not run, or the local port is taken.
        FailedError: ssh could not keep it open.
    """
    usual = PORTS | {name: places[1] for name, places in network.CONTAINERS.items()}
    port = port or usual.get(service, 0)
    if not port:
        raise OperatorError(
            f"Which port of {service}?", f"Only {', '.join(usual)} have a usual one.", "Add --port=9090."
        )
    again = f"inv tunnel {service} --host={host.name}"
    for number in (port, local):
        ports.refuse_invalid(number, again)
    address = _address(host, service)
    here = ports.free(local or port, again)
    forward = f"127.0.0.1:{here}:{address}:{port}"
    options = ["-N", "-o", "ExitOnForwardFailure=yes", "-L", forward]
    say(f"{service} on {host.name} is 127.0.0.1:{here} here, until Ctrl-C.", "green")
    result = subprocess.run(ssh.command(host.name, host.settings.deploy_user, "", *options), check=False)
    if result.returncode != 0:
        raise FailedError(
            f"The tunnel to {host.name} ended.",
            f"The reason is above, from ssh (exit code {result.returncode}).",
            "Open it again.",
        )
