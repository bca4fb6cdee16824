"""How pyinfra reaches a host of the fleet: strict host keys, the right account, a fast socket, clear refusals."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from paramiko import SSHClient, SSHException
from pyinfra.api import StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import CommandOutput, OutputLine, make_unix_command_for_host

from fleet.checkout import ssh_config_path
from fleet.converge.connect import existing_docker, explain, former_agent, host_system, shell
from fleet.errors import OperatorError
from fleet.inventory import settings, stores
from fleet.ssh import login

# What makes a command more than a question that one shell can be asked among others.
UNUSUAL = (
    *("_stdin", "_get_pty", "_env", "_chdir", "_sudo_user", "_sudo_password", "_use_sudo_login"),
    *("_preserve_sudo_env", "_su_user", "_doas", "_dzdo"),
)
# What pyinfra's own connector takes from data or options, and ssh_config says here.
ELSEWHERE = ("ssh_hostname", "ssh_port", "ssh_key", "ssh_password", "ssh_config_file", "ssh_known_hosts_file")


class FleetConnector(SSHConnector):
    """pyinfra's SSH connector, for hosts that change their way in while they converge.

    A fresh host knows only its cloud's account (root), a converged one only the deploy user. The host shows which it
    is before a login (fleet/ssh/login.py), so the same command converges both, and guesses at neither.
    """

    # Whether this run deploys files; config.py knows. A look around (`exec`, `fact`) is for broken hosts too.
    converging = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shells: dict[tuple[int, bool], shell.Shell] = {}
        self.asking = False
        self.host.get_fact = self._noticed(self.host.get_fact)  # type: ignore[method-assign]  # pyinfra has no hook

    def connect(self) -> None:
        """Log in, ask what the host is, and refuse what must not begin.

        Raises:
            ConnectError: with what, why and what to do; pyinfra then continues with the other hosts.
        """
        explain.register(self.state)
        try:
            checked = settings.of_host(self.host.name, self.host.data.dict())
            stores.check(self.host.name)
            for origin in stores.origins(self.host.name):
                settings.of_host(origin.name, origin.data)
            self._log_in(checked)
            answers = self._ask()
            host_system.refuse_without_root(self.host.name, answers)
            if self.converging:
                host_system.refuse_another_port(self.host.name, answers, checked.sshd_port)
                host_system.refuse_unsupported(self.host.name, answers, checked.min_free_disk_mib)
                self._refuse_loss(checked, as_root=answers.uid == 0)
        except OperatorError as error:
            raise ConnectError(str(error)) from error
        self.host.connector_data |= {"settings": checked, "system": answers}
        self.host.data._sudo = answers.uid != 0

    def run_shell_command(self, command: StringCommand, *args: Any, **kwargs: Any) -> tuple[bool, CommandOutput]:
        """As pyinfra's, and keeps the output of a failure so that it can be explained."""
        answer = self._fact(command, kwargs)
        succeeded, output = answer or super().run_shell_command(command, *args, **kwargs)
        if not succeeded:
            self.host.connector_data["failed_output"] = output.output
        return succeeded, output

    def _fact(self, command: StringCommand, arguments: dict[str, Any]) -> tuple[bool, CommandOutput] | None:
        """Ask for a fact in the one shell for all of them; None: pyinfra asks, as for anything that is no mere fact.

        A fact changes nothing, so one whose answer was lost is asked once more.
        """
        if not self.asking or any(arguments.get(name) for name in UNUSUAL):
            return None
        plain = make_unix_command_for_host(self.state, self.host, command, _sudo=False)
        try:
            facts_shell = self._shell(as_root=bool(arguments.get("_sudo")))
            code, lines, errors = facts_shell.run(plain.get_raw_value(), arguments.get("_timeout"))
        except (shell.EndedError, SSHException):
            self.shells.clear()
            return None
        except TimeoutError:
            self.shells.clear()
            raise
        output = [*(OutputLine("stdout", line) for line in lines), *(OutputLine("stderr", line) for line in errors)]
        return code == 0, CommandOutput(output)

    def _noticed(self, get_fact: Callable[..., Any]) -> Callable[..., Any]:
        """The same, so that a command of a fact is known as one."""

        def noticed(*args: Any, **kwargs: Any) -> Any:
            self.asking = True
            try:
                return get_fact(*args, **kwargs)
            finally:
                self.asking = False

        return noticed

    def _shell(self, *, as_root: bool) -> shell.Shell:
        """Return the shell for facts of the account that logged in, or of root."""
        assert self.client is not None  # noqa: S101  pyinfra has connected
        transport = self.client.get_transport()
        assert transport is not None  # noqa: S101  likewise
        key = (id(transport), as_root)
        if key not in self.shells:
            channel = transport.open_session()
            channel.exec_command("sudo -H -n sh" if as_root else "sh")
            self.shells[key] = shell.Shell(channel)
        return self.shells[key]

    def _log_in(self, checked: settings.Settings) -> None:
        for name in ELSEWHERE:
            if self.host.data.get(name):
                raise OperatorError(
                    f"{self.host.name}: {name} is not supported.",
                    "All programs here reach a host by what ssh_config says.",
                    f"Set it in {ssh_config_path()}: HostName, Port, IdentityFile, UserKnownHostsFile.",
                )
        self.deploy_user = checked.deploy_user
        self._enter(self._accounts(checked))

    def _accounts(self, checked: settings.Settings) -> Callable[[bool], list[str]]:
        """On a host that knows the deploy account no other is tried, and on a fresh one none that may not exist: each
        such attempt is a guess to the host's fail2ban."""
        if forced := self.data["ssh_user"]:
            return lambda _: [str(forced)]
        return lambda converged: [checked.deploy_user] if converged else checked.first_login_users

    def _enter(self, accounts: Callable[[bool], list[str]]) -> None:
        door, account, identity = login.enter(self.host.name, accounts)
        self.opened_by = {account: identity}
        self.client, self.account = door.client, account  # type: ignore[assignment]  # what pyinfra's adds is reading ssh_config
        if account == self.deploy_user:
            login.remember(door)

    def _ask(self) -> host_system.System:
        """Return what the host says of itself. A cloud's image lets root in only to say who should log in instead."""
        try:
            return host_system.read(self.host.name, self.account, *self._probe(host_system.PROBE))
        except host_system.RedirectedError as error:
            assert self.client is not None  # noqa: S101  _log_in has set it or raised
            self.client.close()
            named = error.account
            self._enter(lambda _: [named])
            return host_system.read(self.host.name, self.account, *self._probe(host_system.PROBE))

    def _refuse_loss(self, checked: settings.Settings, *, as_root: bool) -> None:
        """Refuse to remove what runs there; one round trip, by root, who alone may ask Docker."""
        probe = existing_docker.PROBE + former_agent.PROBE
        answer, _ = self._probe(probe if as_root else f"sudo -n sh -c {shlex.quote(probe)}")
        lines = answer.splitlines()
        existing_docker.refuse(self.host.name, existing_docker.parse(lines), checked.docker_daemon)
        former_agent.refuse_busy(self.host.name, lines)

    def _probe(self, probe: str) -> tuple[str, str]:
        assert self.client is not None  # noqa: S101  _log_in has set it or raised
        _, stdout, stderr = self.client.exec_command(probe, timeout=60)
        return stdout.read().decode(errors="replace"), stderr.read().decode(errors="replace")

    def open_again(self, account: str) -> SSHClient:
        """Return a new SSH connection of one account, by the key that has opened it in this run if one has.

        Raises:
            OperatorError: whatever keeps us out.
        """
        door, _, self.opened_by[account] = login.enter(self.host.name, lambda _: [account], self.opened_by.get(account))
        return door.client
