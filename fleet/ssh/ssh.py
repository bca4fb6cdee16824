"""What pyinfra's and Fabric's SSH connections share: a fast socket, known hosts only, and clear refusals."""

from __future__ import annotations

import errno
import shlex
import socket
from typing import Any

from paramiko import BadHostKeyException, SSHException

from fleet.checkout import ssh_config_path
from fleet.errors import OperatorError
from fleet.ssh import identities, ssh_config
from fleet.ssh.identities import Identity
from fleet.ssh.ssh_config import Route

CONNECT_SECONDS = 10
# A pulled cable is noticed after this long: the kernel gives up on data that no one acknowledged.
DEAD_AFTER_MILLISECONDS = 30_000
KEEPALIVE_SECONDS = 10
# What people set for their own sessions would take the place of our command, or print into its output.
OUR_COMMAND = ("-o", "RemoteCommand=none", "-o", "PermitLocalCommand=no")
SAYS_TERMINAL = {"-t", "-tt", "-T", "-N"}
# A master would continue after our own end, with our tunnels.
NO_MASTER = ("-o", "ControlMaster=no", "-o", "ControlPath=none")
# The exit code of the system's ssh when it could not connect, or the connection broke.
FAILED = 255
# The key that has opened an account in this run, by host and account.
OPENED: dict[tuple[str, str], Identity] = {}


def make_responsive(sock: Any) -> None:
    """Send small packets at once (49 ms → 5 ms a command) and notice a dead line.

    A proxied connection (ProxyJump) is a pipe to another ssh: there is nothing to set.
    """
    if isinstance(sock, socket.socket) and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MILLISECONDS)


class NoGreetingError(SSHException):
    """A port that answers, and does not begin to speak SSH; its words, if any, are the message."""


class RevokedError(SSHException):
    """A host shows a key that a line `@revoked` in known_hosts forbids it."""


class RefusedError(Exception):
    """The host refuses every key for an account.

    Args:
        account: who it was.
        keys: what was offered.
        why: the host's words, where they say more.
    """

    def __init__(self, account: str, keys: list[Identity], why: str = "") -> None:
        super().__init__(account)
        self.account, self.keys, self.why = account, keys, why


def refused(route: Route, attempts: list[RefusedError], *, converged: bool) -> OperatorError:
    """Return the refusal of an operator whose keys open none of these accounts.

    Args:
        route: the way to the host.
        attempts: the accounts that were tried, and what with.
        converged: whether the host is known to be a converged one.
    """
    host = route.name
    accounts = " and ".join(attempt.account for attempt in attempts)
    keys = list(dict.fromkeys(str(key) for attempt in attempts for key in attempt.keys))
    more = " ".join(dict.fromkeys(attempt.why for attempt in attempts if attempt.why))
    why = (
        f"It answers, and its host key is the known one. Offered: {', '.join(keys) or 'no key at all'}. {more}".strip()
    )
    name_it = f"Name the right key by IdentityFile in {ssh_config_path()}; `ssh-add -l` shows the agent's."
    if converged:
        do = f"{name_it} A converged host accepts the keys that were in operators/ at its last run: a colleague whose "
        do += "key it accepts can add yours, and converge."
    else:
        do = f"{name_it} Another first account: `--data ssh_user=debian`, as the provider names it; a run that a "
        do += "colleague has begun: `--data ssh_user=deploy`."
    return OperatorError(f"{host} refused the key for {accounts}.", why, do)


class NotConvergedError(OperatorError):
    """The host is not as this project makes it."""


def not_converged(host: str) -> NotConvergedError:
    """Return the refusal of a verb that needs a converged host; no login was tried, so nothing counts as a guess."""
    return NotConvergedError(
        f"{host} is not converged yet.",
        "Its sshd is not as this project declares it, and the deploy account has not opened it from here before.",
        f"pyinfra inventory.py deploys/bootstrap.py --limit {host}",
    )


def unreachable(route: Route, error: Exception, *, authority: bool = False) -> OperatorError:
    """Return why a connection by `route` failed, and what to do, from paramiko's or the system's error.

    Args:
        route: the way to the host.
        error: the error.
        authority: whether known_hosts leaves the host's key to an authority.
    """
    config, host = ssh_config_path(), route.name
    port = "" if route.port == 22 else f"-p {route.port} "
    if isinstance(error, BadHostKeyException):
        return OperatorError(
            f"{host} shows another host key than the known one.",
            "Either the server was reinstalled, or someone intercepts the connection. Nothing was sent.",
            f"Compare with the provider's console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); only then "
            f"`ssh-keygen -R '{error.hostname}'` and add the new key to known_hosts.",
        )
    if isinstance(error, RevokedError):
        return OperatorError(
            f"{host} shows a host key that is revoked.",
            "A line `@revoked` in known_hosts names it: others may have it. Nothing was sent.",
            "Make a new host key on the provider's console, and add it to known_hosts.",
        )
    if isinstance(error, socket.gaierror):
        return OperatorError(
            f"{host} cannot be found.",
            f"Its name does not resolve: {route.address} ({error.strerror}).",
            f"Check the name, DNS, and the HostName for {host} in {config}.",
        )
    if isinstance(error, NoGreetingError):
        return _no_greeting(route, str(error))
    if "found in known_hosts" in str(error):
        return OperatorError(
            f"{host}'s host key is not known here.",
            "An unknown key is never accepted: the first connection is when a man in the middle would strike."
            + (" Lines `@cert-authority` are not followed: our SSH library cannot." if authority else ""),
            f"ssh-keyscan {port}{route.address}, compare with the provider's console, add the line to known_hosts.",
        )
    if isinstance(error, OSError):
        return _no_connection(route, error)
    return OperatorError(
        f"{host}: the SSH connection failed.",
        str(error) or type(error).__name__,
        f"Try `ssh -v -F {config} {host}` and see where it stops.",
    )


def _no_connection(route: Route, error: OSError) -> OperatorError:
    """Return what the network says: refused, no route, cut off, or nothing at all. Each has causes of its own."""
    at, right = (
        f"{route.address}, port {route.port}",
        f"Are HostName and Port for {route.name} in {ssh_config_path()} right?",
    )
    if isinstance(error, ConnectionRefusedError):
        return OperatorError(
            f"{route.name} refuses connections on its SSH port.",
            f"{at}: {error.strerror}, at once. The machine is up, and no sshd listens there.",
            f"{right} On the provider's console: systemctl status ssh",
        )
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL):
        return OperatorError(
            f"There is no route to {route.name}.",
            f"{at}: {error.strerror}.",
            f"Is this machine online (VPN, IPv6)? Is the server up (provider's console)? {right}",
        )
    if isinstance(error, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)):
        return OperatorError(
            f"{route.name} cuts the connection to its SSH port off.",
            f"{at}: {error.strerror}.",
            f"Something between, or sshd's own limits. Run it again. {right} On the console: journalctl -u ssh -n 20",
        )
    return OperatorError(
        f"{route.name} does not answer on its SSH port.",
        f"{at}: {error.strerror or error or 'timed out'}, for {CONNECT_SECONDS} s.",
        f"Is it up (provider's console)? {right} Does a firewall drop this port, "
        "or has fail2ban banned this address (on the console: fail2ban-client unban --all)?",
    )


def _no_greeting(route: Route, reply: str) -> OperatorError:
    """sshd's own words when it drops a connection at once, and what other programs say on that port."""
    host = route.name
    if "Not allowed at this time" in reply:
        return OperatorError(
            f"{host} refuses SSH from this address for a while.",
            f"Its sshd says {reply!r}: OpenSSH's own penalty (PerSourcePenalties) for failed logins from this address.",
            "It passes by itself, within seconds to ten minutes. Then run the same command again, with the right key.",
        )
    if "MaxStartups" in reply:
        return OperatorError(
            f"{host} has too many SSH logins in progress.",
            f"Its sshd says {reply!r}: password guessing keeps it busy.",
            "Run the same command again.",
        )
    if route.jump or route.proxy:
        way = f"its jump host, {route.jump.host}" if route.jump else f"its ProxyCommand, `{route.proxy}`"
        return OperatorError(
            f"{host} cannot be reached by {way}.",
            "It ended before the host answered; its output is above.",
            f"Try `ssh -v -F {ssh_config_path()} {host}` and see where it stops.",
        )
    return OperatorError(
        f"{host}: what answers on port {route.port} does not speak SSH.",
        f"It says {reply[:200]!r}." if reply else "It closes the connection at once.",
        f"Check HostName and Port for {host} in {ssh_config_path()}; on the host: `journalctl -u ssh -n 20`.",
    )


def command(host: str, account: str, remote: str, *options: str) -> list[str]:
    """Return the command line of the system's ssh, which does terminals, long streams and tunnels better than paramiko.

    Args:
        host: its name in ssh_config.
        account: the user to log in as.
        remote: what runs there; empty: nothing.
        options: more of ssh's, before the host.
    """
    argv = ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}"]
    argv += ["-o", f"ServerAliveInterval={KEEPALIVE_SECONDS}", "-o", "ServerAliveCountMax=3"]
    # Few keys are offered, the right one first.
    argv += [*NO_MASTER, *OUR_COMMAND, *_few_keys(host, account)]
    more = [] if "-L" in options else ["-o", "ClearAllForwardings=yes"]
    more += [] if SAYS_TERMINAL & set(options) else ["-T"]
    return [*argv, *more, *ssh_config.options(), "-l", account, *options, host, *([remote] if remote else [])]


def jump(route: Route) -> str:
    """The command whose standard input and output are a connection by a jump host: what OpenSSH's ProxyJump runs."""
    assert route.jump is not None  # noqa: S101  asked for only where there is one
    host, account = route.jump.host, route.jump.account
    argv = ["ssh", *ssh_config.options(), "-o", "BatchMode=yes", *NO_MASTER, *OUR_COMMAND, *_few_keys(host, account)]
    argv += ["-l", account] if account else []
    return shlex.join([*argv, *route.jump.options, "-W", f"[{route.address}]:{route.port}", host])


def _few_keys(host: str, account: str) -> list[str]:
    """The options that make the system's ssh offer what we offer ourselves; the agent's order it keeps all the same."""
    known = OPENED.get((host, account))
    keys = [known] if known else identities.offered(ssh_config.route(host, account))[: identities.MOST_AT_CONVERGED]
    return ["-o", "IdentitiesOnly=yes", *(word for key in keys for word in ("-o", f'IdentityFile="{key.file()}"'))]
