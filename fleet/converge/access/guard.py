"""Changes that could lock everyone out, made so that they cannot: armed, applied, proved by a fresh login."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from typing import Literal

from pyinfra import logger
from pyinfra.api import FunctionCommand, StringCommand
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State

from fleet.converge.connect.connection import FleetConnector
from fleet.errors import OperatorError

GUARD = "/bin/sh /usr/local/lib/aipbx/guard.sh"
LOGIN_DEADLINE_SECONDS = 30
Subject = Literal["ssh", "firewall"]


def armed(subject: Subject) -> str:
    """Return the shell condition that is true while an unconfirmed change of `subject` waits on the host."""
    return f"systemctl --quiet is-active aipbx-guard@{subject}.timer"


def guarded(
    subject: Subject, account: str, apply: Iterable[PyinfraCommand | str]
) -> Generator[PyinfraCommand | str, None, None]:
    """Yield commands that make a change which undoes itself unless a new connection succeeds.

    Args:
        subject: what changes; the host keeps and restores it.
        account: who must be able to log in afterwards, and become root.
        apply: the commands of the change itself.
    """
    yield StringCommand(GUARD, "arm", subject)
    yield from apply
    yield FunctionCommand(confirm, (subject, account), {})


def prove_login(state: State, host: Host, account: str) -> bool:
    """Return whether `account` logs in by a fresh connection and becomes root; says so when not.

    Returns: False stops the run on this host before anything is removed.
    """
    return _fresh_login(host, account, "true", f"{account} cannot log in to {host.name}, so root stays open.")


def confirm(state: State, host: Host, subject: Subject, account: str) -> bool:
    """Disarm the revert through a fresh connection; when there is none, undo the change at once.

    Returns: False stops the run on this host. Should even the undoing fail, the host's own timer does it.
    """
    if _fresh_login(
        host, account, f"{GUARD} disarm {subject}", f"After the change of {subject} no one could log in to {host.name}."
    ):
        return True
    undone, _ = host.run_shell_command(StringCommand(GUARD, "revert", subject), _sudo=host.data._sudo, _timeout=60)
    if undone:
        logger.error(f"{host.print_prefix}    The change of {subject} is undone; {host.name} is as it was before.")
    else:
        logger.error(f"{host.print_prefix}    {host.name} undoes it by itself within guard_seconds.")
    return False


def _fresh_login(host: Host, account: str, command: str, failed: str) -> bool:
    why = _login_failure(host, account, command)
    if why is None:
        return True
    for line in (
        failed,
        f"    why: {why}",
        f"    do:  read `journalctl -u ssh -n 50` on {host.name}, correct what this run declares, run it again.",
    ):
        logger.error(f"{host.print_prefix}{line}")
    return False


def _login_failure(host: Host, account: str, command: str) -> str | None:
    deadline = time.monotonic() + LOGIN_DEADLINE_SECONDS
    while True:
        try:
            _run_as_root(host, account, command)
        except OperatorError as error:
            # While sshd takes its new configuration it may refuse or drop a connection: only the deadline is final.
            if error.__cause__ is None or time.monotonic() > deadline:
                return f"{error.what} {error.why}"
            time.sleep(0.5)
        else:
            return None


def _run_as_root(host: Host, account: str, command: str) -> None:
    connector = host.connector
    assert isinstance(connector, FleetConnector)  # noqa: S101  config.py made it so
    client = connector.open_again(account)
    try:
        _, stdout, stderr = client.exec_command(f"sudo -n {command}", timeout=60)
        if stdout.channel.recv_exit_status() != 0:
            output = stderr.read().decode(errors="replace").strip()
            raise OperatorError(f"{account} logs in, but `sudo {command}` fails.", output, "See /etc/sudoers.d.")
    finally:
        client.close()
