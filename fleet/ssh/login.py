"""Logging in over SSH: by OpenSSH's own route, to known hosts only, with few keys, by accounts that exist."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from paramiko import (
    AuthenticationException,
    BadAuthenticationType,
    PKey,
    RejectPolicy,
    SSHClient,
    SSHConfig,
    SSHException,
    Transport,
)
from paramiko.auth_strategy import AuthSource, AuthStrategy

from fleet import checkout
from fleet.errors import OperatorError
from fleet.ssh import identities, known_hosts, ssh, ssh_config
from fleet.ssh.identities import Identity
from fleet.ssh.ssh import CONNECT_SECONDS, KEEPALIVE_SECONDS, RefusedError
from fleet.ssh.ssh_config import Route
from fleet.ssh.transport import CheckedTransport, connected


class _Later(AuthStrategy):
    """No authentication while connecting: which account is asked for depends on the host's answer."""

    def __init__(self) -> None:
        super().__init__(ssh_config=SSHConfig())

    def authenticate(self, transport: Transport) -> None:  # type: ignore[override]
        """Nothing yet."""

    def get_sources(self) -> Iterator[AuthSource]:
        """None."""
        yield from ()


@dataclass
class Door:
    """A connection to a host whose key is the known one, before a login.

    Attributes:
        client: the connection.
        transport: the same, one layer below.
        route: how it was reached.
        converged: whether this host knows the deploy account: by its sshd, or because it has let us in before.
    """

    client: SSHClient
    transport: CheckedTransport
    route: Route
    converged: bool

    def enter(self, account: str, only: Identity | None = None) -> Identity:
        """Log in, and return the key that opened.

        Args:
            account: who logs in. Another one needs another connection.
            only: the one key to offer.

        Raises:
            RefusedError: no key opens the account.
            OperatorError: logging in fails for another reason.
        """
        most = identities.MOST_AT_CONVERGED if self.converged else identities.MOST_ELSEWHERE
        keys = [only] if only else identities.offered(ssh_config.route(self.route.name, account))
        tried: list[Identity] = []
        locked: list[Identity] = []
        for identity in keys:
            if len(tried) == most:
                break
            key = _loaded(identity, self.route)
            if key is None:
                locked.append(identity)
                continue
            tried.append(identity)
            if self._opens(account, key, identity, tried):
                return identity
        raise RefusedError(account, tried, _not_offered(len(keys) - len(tried) - len(locked), locked))

    def _opens(self, account: str, key: PKey, identity: Identity, tried: list[Identity]) -> bool:
        try:
            more = self.transport.auth_publickey(account, key)
        except BadAuthenticationType as error:
            why = f"Its sshd lets {account} in by {', '.join(error.allowed_types)} only, not by key."
            raise RefusedError(account, tried, why) from None
        except AuthenticationException:
            if self.transport.is_active():
                return False
            raise RefusedError(account, tried, f"It hung up at key {len(tried)}.") from None
        except (SSHException, OSError, EOFError) as error:
            if "cannot be used for signing" in str(error):
                raise OperatorError(
                    f"{self.route.name}: your agent does not sign with {identity}.",
                    "It is locked, or the key waits for a touch or a confirmation that did not arrive.",
                    "Unlock the agent (`ssh-add -l`), then run the same command again.",
                ) from None
            raise ssh.unreachable(self.route, error) from error
        if more:
            raise RefusedError(account, tried, f"It asks {account} for {', '.join(more)} beside a key.")
        return True

    def keep(self) -> None:
        """Settings of a connection that stays."""
        ssh.make_responsive(self.transport.sock)
        self.transport.set_keepalive(KEEPALIVE_SECONDS)


def _not_offered(left: int, locked: list[Identity]) -> str:
    argv = [f"{left} more of your keys were not offered."] if left else []
    return " ".join([*argv, *(f"{key.name} needs its passphrase: `ssh-add {key.name}`." for key in locked)])


def _loaded(identity: Identity, route: Route) -> PKey | None:
    """Return the key itself, or None when its file is encrypted and the agent does not have it."""
    if identity.agent_key is not None:
        return identity.agent_key  # type: ignore[no-any-return]
    try:
        key = PKey.from_path(str(identity.path))
    except (SSHException, ValueError, TypeError, OSError):
        return None
    for certificate in route.certificates:
        with suppress(SSHException, ValueError, OSError):  # it belongs to another key
            key.load_certificate(str(certificate))
    return key


def knock(host: str, account: str) -> Door:
    """Connect, and verify the host's key; without a login, so nothing counts as a failed attempt.

    Args:
        host: its name in ssh_config.
        account: who is going to log in; ssh_config may depend on it.

    Raises:
        OperatorError: whatever keeps us out.
    """
    route = ssh_config.route(host, account)
    client = SSHClient()
    client.set_missing_host_key_policy(RejectPolicy())
    known = known_hosts.read(route.known_hosts, route.host_key_names)
    client.get_host_keys().update(known.keys)
    # OpenSSH, too, knows a host on another port by its bare name.
    known_as = next((name for name in route.host_key_names if known.keys.lookup(name)), "")
    try:
        client.connect(
            known_as or route.host_key_names[0],
            sock=connected(route),
            timeout=CONNECT_SECONDS,
            banner_timeout=CONNECT_SECONDS,
            auth_timeout=identities.AGENT_SECONDS,
            transport_factory=functools.partial(CheckedTransport, revoked=known.revoked),
            auth_strategy=_Later(),
        )
    except (SSHException, OSError, EOFError) as error:
        client.close()
        raise ssh.unreachable(route, error, authority=known.authority) from error
    transport = client.get_transport()
    assert isinstance(transport, CheckedTransport)  # noqa: S101  the factory above made it
    return Door(client, transport, route, transport.declared or _seen(transport))


def _seen(transport: Transport) -> bool:
    record = checkout.state_directory() / "converged"
    return record.is_file() and _fingerprint(transport) in record.read_text().split()


def remember(door: Door) -> None:
    """Note that a host knows the deploy account, by its host key: one whose sshd was changed by hand is known then."""
    fingerprint = _fingerprint(door.transport)
    if not _seen(door.transport):
        with (checkout.state_directory() / "converged").open("a") as record:
            record.write(f"{fingerprint}\n")


def _fingerprint(transport: Transport) -> str:
    return str(transport.get_remote_server_key().fingerprint)


def enter(
    host: str, accounts: Callable[[bool], Sequence[str]], only: Identity | None = None
) -> tuple[Door, str, Identity]:
    """Log in by the first of these accounts that a key opens.

    Args:
        host: its name in ssh_config.
        accounts: which, in order, when the host is a converged one, and when not.
        only: the one key to offer.

    Raises:
        OperatorError: none of them, or whatever else keeps us out.
    """
    refused: list[RefusedError] = []
    door = knock(host, accounts(True)[0])
    chosen = accounts(door.converged)
    for account in chosen:
        if refused:
            door = knock(host, account)
        try:
            identity = door.enter(account, only)
        except RefusedError as error:
            door.client.close()
            refused.append(error)
            continue
        except OperatorError:
            door.client.close()
            raise
        door.keep()
        return door, account, identity
    raise ssh.refused(door.route, refused, converged=door.converged)
