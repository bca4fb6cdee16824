"""A host as the tasks reach it: commands as root with a deadline, files put separately and renamed."""

from __future__ import annotations

import shlex
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from aipbx_agent.contract import CI, COMMAND
from fleet.checkout import is_ci
from fleet.errors import FailedError, OperatorError

if TYPE_CHECKING:
    from fabric import Connection

    from fleet.inventory.settings import Settings

# What root's shell says first, on both streams: whatever comes before are words of sudo's, or of a start-up file.
BEGUN = "\x1eaipbx\x1e"
SAYS_BEGUN = r"printf '\036aipbx\036'; printf '\036aipbx\036' >&2"
# Seconds that a command gets to end after its deadline, before it is killed.
GRACE_SECONDS = 10


@dataclass(frozen=True)
class Output:
    """What a finished command said."""

    code: int
    out: str
    err: str

    @property
    def last_words(self) -> str:
        """The end of what it said, in one line, errors first."""
        lines = (self.err.strip() or self.out.strip()).splitlines()
        return " / ".join(line.strip() for line in lines[-3:])[:600] or f"exit code {self.code}, no output"


def as_root(command: str, seconds: float) -> str:
    """The command line that runs `command` in a shell of root's and ends it at its deadline, on the host itself.

    `timeout` runs outside sudo's reach of a terminal, so a laptop that goes away leaves nothing running for longer.
    """
    return f"sudo -n timeout --kill-after={GRACE_SECONDS} {seconds:.0f} sh -c {shlex.quote(command)}"


def put_file(path: str, size: int, mode: str, owner: str = "root:root") -> str:
    """The command of root's that gives its standard input, `size` bytes, to `path` in one step.

    They are counted: a line that breaks ends the input early, and half a file must not take the place of a whole one.
    """
    new = shlex.quote(f"{path}.new")
    return (
        f"set -e; umask 077; trap {shlex.quote(f'rm -f {new}')} EXIT; cat >{new}; [ $(stat -c %s {new}) -eq {size} ]; "
        f"chown {owner} {new}; chmod {mode} {new}; sync {new}; mv -fT {new} {shlex.quote(path)}"
    )


class Remote:
    """One host, over one SSH connection that is opened when it is first needed.

    Args:
        name: the host's name in the inventory and in ssh_config.
        settings: its checked data.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings

    @cached_property
    def restricted(self) -> bool:
        """Whether it is reached by CI's account, which gives a few verbs of the agent only."""
        return is_ci()

    @property
    def account(self) -> str:
        """Who logs in."""
        return CI if self.restricted else self.settings.deploy_user

    def command_line(self, command: str, seconds: float) -> str:
        """The command line for sshd by which a command is run as root.

        Args:
            command: for sh; for CI's account: a verb of the agent's, which the host compares word for word.
            seconds: its deadline; CI's the host sets itself.

        Raises:
            OperatorError: CI's account may not run it.
        """
        if not self.restricted:
            return as_root(command, seconds)
        if not command.startswith(f"{COMMAND} "):
            raise OperatorError(
                f"{self.name}: CI's account cannot do this.",
                "It has no shell there: a few verbs of the agent, which deploy a release, are all that it may ask.",
                "Leave it to an operator, who has a key of their own.",
            )
        return command

    @cached_property
    def _connection(self) -> Connection:
        return _open(self.name, self.account)

    def run(self, command: str, *, seconds: float = 60, stdin: bytes = b"", hangs_up: bool = False) -> Output:
        """Run a command as root and return what it said, whatever its exit code.

        Args:
            command: for sh; it appears in the host's journal, so never with a secret in it.
            seconds: its deadline.
            stdin: its standard input: the way for secrets.
            hangs_up: whether it ends when this end goes away (Ctrl-C, a laptop's lid), as at a terminal; its errors
                then come with its output.

        Raises:
            OperatorError: the host cannot be reached, or sudo is refused.
            FailedError: the connection was lost, or the deadline passed.
        """
        from paramiko import SSHException

        transport = self._connection.transport
        try:
            channel = transport.open_session(timeout=seconds)
        except (SSHException, OSError, EOFError) as error:
            raise self._lost(error) from None
        try:
            if hangs_up:
                channel.get_pty(term="dumb", width=500)
            channel.exec_command(self._announced(command, seconds))
            errors: list[bytes] = []
            reader = threading.Thread(target=lambda: errors.append(channel.makefile_stderr("rb").read()), daemon=True)
            reader.start()
            # A command that ends before it has read everything closes the channel under the writer.
            writer = threading.Thread(target=_send, args=(channel, stdin), daemon=True)
            writer.start()
            end = time.monotonic() + seconds + 2 * GRACE_SECONDS
            channel.settimeout(seconds + 2 * GRACE_SECONDS)
            out = channel.makefile("rb").read()
            reader.join(max(0.1, end - time.monotonic()))
            if not channel.status_event.wait(max(0.1, end - time.monotonic())):
                raise TimeoutError
            code = channel.recv_exit_status()
        except TimeoutError:
            raise self._too_slow(seconds) from None
        except (SSHException, OSError, EOFError) as error:
            raise self._lost(error) from None
        finally:
            channel.close()
        if code == -1 and not transport.is_active():
            raise self._lost(None)
        return self._finished(code, out, b"".join(errors), seconds)

    def _announced(self, command: str, seconds: float) -> str:
        return self.command_line(command if self.restricted else f"{SAYS_BEGUN}; {command}", seconds)

    def _finished(self, code: int, out: bytes, err: bytes, seconds: float) -> Output:
        if self.restricted:
            return Output(code, out.decode(errors="replace"), err.decode(errors="replace"))
        before, begun, text = out.decode(errors="replace").replace("\r\n", "\n").partition(BEGUN)
        warning, _, errors = err.decode(errors="replace").rpartition(BEGUN)
        done = Output(code, text.replace(BEGUN, ""), errors)
        if code in {124, 137} and not done.out and not done.err:
            raise self._too_slow(seconds)
        if not begun and code >= 0:
            raise OperatorError(
                f"{self.name}: sudo does not let {self.settings.deploy_user} in.",
                Output(code, before, errors or warning).last_words,
                f"Converge it: pyinfra inventory.py deploys/bootstrap.py --limit {self.name}",
            )
        return done

    def sudo_output(self, command: str, timeout: float = 60, stdin: bytes | None = None) -> str:
        """Run a command as root that must succeed, and return its standard output.

        Args:
            command: for sh; never with a secret in it.
            timeout: seconds.
            stdin: its standard input.

        Raises:
            OperatorError: it failed; `why` is the end of what it said.
        """
        result = self.run(command, seconds=timeout, stdin=stdin or b"")
        if result.code != 0:
            shown = command if len(command) < 300 else f"{command[:300]}…"
            raise OperatorError(
                f"{self.name}: a command failed with exit code {result.code}.",
                result.last_words,
                f"The command was: {shown}",
            )
        return result.out

    def put_root_file(self, path: str, content: bytes, mode: str = "600") -> None:
        """Give a file of root's this content in one step; what was there stays until all of it has arrived.

        Args:
            path: where, on the host.
            content: travels over standard input, so it may be secret.
            mode: its access, as `600`.
        """
        self.sudo_output(put_file(path, len(content), mode), stdin=content)

    @cached_property
    def seen_from(self) -> str:
        """The address by which the host knows this machine; empty: it does not say. Its account asks: sudo forgets.

        CI's account may not ask: the host notes its address by itself (aipbx_agent/ci/rebuild.py).
        """
        from paramiko import SSHException

        if self.restricted:
            return ""
        try:
            channel = self._connection.transport.open_session(timeout=GRACE_SECONDS)
            channel.settimeout(GRACE_SECONDS)
            channel.exec_command(f'printf "{BEGUN}%s" "${{SSH_CONNECTION%% *}}"')
            output = channel.makefile("rb").read(1000).decode(errors="replace")
            return str(ip_address(output.rpartition(BEGUN)[2].partition("%")[0]))
        except (OSError, EOFError, SSHException, ValueError):
            return ""

    @property
    def connected(self) -> bool:
        """Whether its connection has been opened."""
        return "_connection" in self.__dict__

    def close(self) -> None:
        """Close the connection if it is open."""
        if self.connected:
            self._connection.close()

    # A command whose answer is missing may have been carried out, and so may those before it: neither is a refusal.
    def _lost(self, error: Exception | None) -> FailedError:
        return FailedError(
            f"{self.name}: the connection was lost.",
            str(error or "") or "The host went down, or the line to it did.",
            f"Is it up? inv status --host={self.name}; then run this again.",
        )

    def _too_slow(self, seconds: float) -> FailedError:
        return FailedError(
            f"{self.name}: a command did not answer within {seconds:.0f} s.",
            "The host is busy or stuck, or the connection is dead; the command was ended on the host.",
            f"Check the host: inv status --host={self.name}, or `uptime` over ssh.",
        )


def _send(channel: Any, data: bytes) -> None:
    try:
        channel.sendall(data)
        channel.shutdown_write()
    except OSError:
        return


def _open(name: str, account: str) -> Connection:
    """A connection of the deploy account. A host that does not know it is not asked: that would count as a guess."""
    from fabric import Config, Connection

    from fleet.ssh import login, ssh

    door = login.knock(name, account)
    try:
        if not door.converged:
            raise ssh.not_converged(name)
        ssh.OPENED[name, account] = door.enter(account)
    except ssh.RefusedError as error:
        door.client.close()
        raise ssh.refused(door.route, [error], converged=True) from None
    except OperatorError:
        door.client.close()
        raise
    door.keep()
    login.remember(door)
    # It is open already: Fabric must not read ssh_config in a way of its own.
    connection = Connection(name, user=account, config=Config(overrides={"load_ssh_configs": False}))
    connection.client, connection.transport = door.client, door.transport
    return connection
