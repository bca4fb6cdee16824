"""How pyinfra reaches a host of the fleet: strict host keys, the right account, a fast socket, clear refusals."""

from __future__ import annotations

import re
from typing import Any

from paramiko import AuthenticationException, SSHException
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.sshuserclient import SSHClient
from pyinfra.connectors.util import CommandOutput

from fleet import settings, stores
from fleet.access import ssh_config_path
from fleet.converge import explain, system
from fleet.errors import OperatorError
from fleet.ssh import CONNECT_SECONDS, KEEPALIVE_SECONDS, make_responsive, refused_key, unreachable

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
            stores.check(self.host.name)
            for origin in stores.origins(self.host.name):
                settings.of_host(origin.name, origin.data)
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
        raise refused_key(self.host.name, accounts)

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
        raise unreachable(host, error) from error
    return client
