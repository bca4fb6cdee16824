"""How pyinfra reaches a host of the fleet: strict host keys, the right account, a fast socket, clear refusals."""

from __future__ import annotations

import re
import socket
from typing import Any

from paramiko import AuthenticationException, BadHostKeyException, SSHException
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.sshuserclient import SSHClient
from pyinfra.connectors.util import CommandOutput

from fleet import settings
from fleet.access import ssh_config_path
from fleet.converge import explain, system
from fleet.errors import OperatorError

CONNECT_SECONDS = 10
# A pulled cable is noticed after this long: the kernel gives up on data that nobody acknowledged.
DEAD_AFTER_MILLISECONDS = 30_000
KEEPALIVE_SECONDS = 10
# How paramiko tells that the server hung up after too many keys (paramiko#1390): that account is refused, no more.
GAVE_UP = re.compile(r"No existing session|[Tt]oo many authentication failures|Authentication failed")


class FleetConnector(SSHConnector):
    """pyinfra's SSH connector, for hosts that change their way in while they converge.

    A fresh host knows only its cloud's account (root), a converged one only the deploy user. So the accounts are
    tried in that order, and the same command converges both.
    """

    # Whether this run deploys files; config.py knows. A look around (`exec`, `fact`) is for broken hosts too.
    converging = True

    def connect(self) -> None:
        """Log in, ask what the host is, and refuse what must not begin.

        Raises:
            ConnectError: with what, why and what to do; pyinfra then goes on with the other hosts.
        """
        explain.register(self.state)
        try:
            checked = settings.of_host(self.host.name, self.host.data.dict())
            self._log_in(checked)
            answers = self._ask()
            system.refuse_without_root(self.host.name, answers)
            if self.converging:
                system.refuse_unsupported(self.host.name, answers, checked.min_free_disk_mib)
        except OperatorError as error:
            raise ConnectError(str(error)) from error
        self.host.connector_data |= {"settings": checked, "system": answers}
        self.host.data._sudo = answers.uid != 0

    def run_shell_command(self, *args: Any, **kwargs: Any) -> tuple[bool, CommandOutput]:
        """As pyinfra's, and keeps the output of a failure so that it can be explained."""
        succeeded, output = super().run_shell_command(*args, **kwargs)
        if not succeeded:
            self.host.connector_data["failed_output"] = output.output
        return succeeded, output

    def _accounts(self, checked: settings.Settings) -> list[str]:
        if forced := self.data["ssh_user"]:
            return [str(forced)]
        return list(dict.fromkeys([checked.deploy_user, *checked.first_login_users]))

    def _log_in(self, checked: settings.Settings) -> None:
        accounts = self._accounts(checked)
        for account in accounts:
            try:
                self.client = open_client(self.host.name, account, **self.login_arguments())
            except AuthenticationException:
                continue
            transport = self.client.get_transport()
            assert transport is not None  # noqa: S101  a client that just logged in has one
            make_responsive(transport.sock)
            transport.set_keepalive(KEEPALIVE_SECONDS)
            return
        raise OperatorError(
            f"{self.host.name} refused the key for every account tried ({', '.join(accounts)}).",
            "It answers, and its host key is the known one, but none of your keys opens an account.",
            f"Check IdentityFile in {ssh_config_path()} and `ssh-add -l` (with more than five keys in the agent, name "
            "one there); a converged host accepts the keys that stood in operators/ at its last run.",
        )

    def login_arguments(self) -> dict[str, Any]:
        """What every login of this run shares beside the account: key, port, agent."""
        arguments = self.make_paramiko_kwargs()
        return {name: arguments[name] for name in ("pkey", "port", "allow_agent", "look_for_keys") if name in arguments}

    def _ask(self) -> system.System:
        assert self.client is not None  # noqa: S101  _log_in has set it or raised
        _, stdout, _ = self.client.exec_command(system.PROBE, timeout=60)
        return system.parse(stdout.read().decode(errors="replace").splitlines())


def open_client(host: str, account: str, **arguments: Any) -> SSHClient:
    """A new SSH connection, by the operator's ssh_config, to a host whose key is already known.

    Args:
        host: its name in ssh_config.
        account: the user to log in as.
        arguments: more for paramiko's `connect`.

    Raises:
        AuthenticationException: the host answers and refuses the account.
        OperatorError: anything else that keeps us out.
    """
    client = SSHClient()
    try:
        client.connect(
            host,
            _pyinfra_ssh_config_file=str(ssh_config_path()),
            _pyinfra_ssh_strict_host_key_checking="yes",
            username=account,
            timeout=CONNECT_SECONDS,
            banner_timeout=CONNECT_SECONDS,
            auth_timeout=CONNECT_SECONDS,
            **{"allow_agent": True, "look_for_keys": True, **arguments},
        )
    except AuthenticationException:
        client.close()
        raise
    except (SSHException, OSError, EOFError) as error:
        client.close()
        if GAVE_UP.search(str(error)):
            raise AuthenticationException(str(error)) from error
        raise _unreachable(host, error) from error
    return client


def make_responsive(sock: Any) -> None:
    """Send small packets at once (49 ms → 5 ms a command, shared/facts) and notice a dead line.

    A proxied connection (ProxyJump) has no socket of its own, so there is nothing to set.
    """
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MILLISECONDS)


def _unreachable(host: str, error: Exception) -> OperatorError:
    config = ssh_config_path()
    if isinstance(error, BadHostKeyException):
        return OperatorError(
            f"{host} shows another host key than the known one.",
            "Either the server was reinstalled, or somebody stands between you and it. Nothing was sent.",
            f"Compare with the provider's console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); only then "
            f"`ssh-keygen -R {error.hostname}` and add the new key to known_hosts.",
        )
    if isinstance(error, socket.gaierror):
        return OperatorError(
            f"{host} cannot be found.",
            f"Its name does not resolve ({error.strerror}).",
            f"Check the name, DNS, and the HostName for {host} in {config}.",
        )
    if "found in known_hosts" in str(error):
        return OperatorError(
            f"{host}'s host key is not known here.",
            "An unknown key is never accepted: the first connection is when a man in the middle would strike.",
            f"ssh-keyscan {host}, compare with the provider's console, then add the line to known_hosts.",
        )
    if isinstance(error, (TimeoutError, ConnectionError, OSError)):
        return OperatorError(
            f"{host} does not answer on its SSH port.",
            f"{error.strerror or error or 'timed out'} within {CONNECT_SECONDS} s.",
            f"Is it up (provider's console)? Is the HostName in {config} right? Does a firewall drop 22, or has "
            "fail2ban banned this address (on the console: fail2ban-client unban --all)?",
        )
    return OperatorError(
        f"{host}: the SSH connection failed.",
        str(error) or type(error).__name__,
        f"Try `ssh -v -F {config} {host}` and read where it stops.",
    )
