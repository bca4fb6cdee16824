"""The verbs of certificates for Invoke: ``inv tls.status`` and so on. Heavy imports happen when a verb runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fleet.cli import finish, hosts_to_change, hosts_to_read, only, remotes, report_errors
from fleet.command_line.verb import task
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from invoke.context import Context

    from fleet.remote import Remote


@task(help={"host": "a name, several with commas, a group, or all", "json": "print JSON"})
@report_errors
def status(_: Context, host: str = "all", json: bool = False) -> None:
    """Show each host's certificate: names, issuer, days left, source, and whether nginx serves it."""
    from fleet.tls import report

    if not report.show(remotes(hosts_to_read(host)), as_json=json):
        finish(1)


@task(help={"host": "the host's name"})
@report_errors
def issue(_: Context, host: str = "") -> None:
    """Obtain a host's certificate from the authority, unless it has one for its names; and have nginx serve it."""
    from fleet.tls import operations

    remote = _of("letsencrypt", host)
    _print_line(remote, operations.ensure(remote))


@task(help={"host": "the host's name", "force": "renew although it is not due"})
@report_errors
def renew(_: Context, host: str = "", force: bool = False) -> None:
    """Renew a host's certificate if it is due, as its timer does twice a day."""
    from fleet.tls import operations

    remote = _of("letsencrypt", host)
    _print_line(remote, operations.ensure(remote, force=force))


@task(
    help={
        "host": "the host's name",
        "cert": "PEM file: the server's certificate, then each one's issuer",
        "key": "PEM file: its private key, without a passphrase",
        "authority": "PEM file: a private authority that vouches for it; browsers only believe those that they know",
    }
)
@report_errors
def supply(_: Context, cert: str, key: str, host: str = "", authority: str = "") -> None:
    """Give a host a certificate by hand, checked here and there before it is served: a browser must believe it."""
    from fleet.nginx import settings as nginx_settings
    from fleet.tls import operations

    remote = _of("supplied", host)
    chain, secret, trusted = _read(cert), _read(key), _read(authority) if authority else b""
    _print_line(
        remote, operations.supply(remote, chain, secret, nginx_settings.names(remote.name, remote.settings), trusted)
    )


def _of(source: str, pattern: str) -> Remote:
    """Return the one host that is meant, whose certificate must come from `source`."""
    remote = only(hosts_to_change(pattern))
    if remote.settings.tls != source:
        raise OperatorError(
            f"The certificate of {remote.name} is not {source}.",
            f'Its data say tls = "{remote.settings.tls}".',
            f'Set tls = "{source}" for it in inventory.py and converge it, if that is meant.',
        )
    return remote


def _print_line(remote: Remote, line: str) -> None:
    print(f"{remote.name}: {line}")


def _read(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise OperatorError(f"{path} cannot be read.", f"{error.strerror}.", "Give the path of a PEM file.") from None
