"""What every release needs of a host: converged, configured, unlocked; disk, a database, names that DNS knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aipbx_agent.contract import ENVIRONMENT
from fleet.errors import OperatorError
from fleet.release.lock import lock_status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleet.inventory.settings import Settings
    from fleet.state.survey import Survey


def refuse_unready(host: str, state: Survey, settings: Settings) -> None:
    """Refuse a host that has not got what every release needs, or that someone has locked.

    Args:
        state: how it is.
        settings: its data.

    Raises:
        OperatorError: why not, and what to do.
    """
    if not state.converged:
        raise OperatorError(
            f"{host} is not converged: there is no {settings.app_dir}/compose.yml.",
            "A release needs the stack's files, its network rules and its Docker.",
            f"pyinfra inventory.py deploys/bootstrap.py --limit {host}",
        )
    if ENVIRONMENT not in state.files:
        raise OperatorError(
            f"{host} has no configuration of the application yet.",
            "Without it the backend crashes, or runs with keys that anyone can guess.",
            f"inv env.init --host={host}, fill in the file, then inv env.push --host={host}",
        )
    if state.lock:
        raise lock_status.refusal(host, state.lock, state.lock_seconds, state.lock_standing)


def refuse(host: str, state: Survey, settings: Settings, *, first_allowed: bool) -> None:
    """Refuse a host that a release must not be brought to.

    Args:
        state: how it is.
        settings: its data.
        first_allowed: whether it may be a host that has no release yet.

    Raises:
        OperatorError: why not, and what to do.
    """
    refuse_unready(host, state, settings)
    if state.disk_free_mib < settings.min_free_disk_mib:
        raise OperatorError(
            f"{host} has {state.disk_free_mib} MiB of disk left.",
            f"min_free_disk_mib asks for {settings.min_free_disk_mib}: an image that fills the disk stops PostgreSQL.",
            f"Check with `inv status --host={host}`, make room, then run this again.",
        )
    if not first_allowed and state.running is None:
        raise OperatorError(
            f"{host} has no release yet.", "Its ledger and images.env are empty.", f"inv deploy --host={host}"
        )
    postgres = state.containers.get("postgres")
    if postgres is not None and not postgres.good:
        raise OperatorError(
            f"{host}: the database is {postgres}.",
            "A backend whose database is not ready starts without its roles, and does not create them later.",
            f"inv logs postgres --host={host}",
        )


def refuse_taken(host: str, taken: Sequence[str]) -> None:
    """Refuse a host on which other programs listen where nginx would.

    Args:
        taken: the programs and their ports.

    Raises:
        OperatorError: which.
    """
    if taken:
        raise OperatorError(
            f"{host}: other programs listen where nginx would: {', '.join(taken)}.",
            "No release could be reached, and its nginx would not start.",
            f"On {host}, as root: `ss -tlnp` shows them; stop and disable them (systemctl disable --now …).",
        )


def refuse_unknown_names(host: str, names: Sequence[str]) -> None:
    """Refuse a first release whose certificate no authority would issue.

    Args:
        names: those of the host that DNS does not know.

    Raises:
        OperatorError: which.
    """
    if names:
        raise OperatorError(
            f"{host}: DNS does not know {', '.join(names)}.",
            "The first deploy obtains the certificate, and the authority looks its names up.",
            "Create DNS records that point to this host, also for www. An extra name can leave extra_names instead.",
        )


def elsewhere(addresses: Mapping[str, Sequence[str]], *, certified: bool) -> list[str]:
    """Return a line for each name that leads elsewhere. That may be right, behind a proxy: then it is to be declared.

    Args:
        addresses: those of a name that are not the host's.
        certified: whether the host has a certificate.
    """
    cost = "its certificate is renewed" if certified else "it gets a certificate"
    return [
        f"{name} points to {', '.join(foreign)}, which is not this host: {cost} only if that leads here. If it does, "
        "say so in public_addresses (or cloudflare); otherwise correct the DNS records."
        for name, foreign in addresses.items()
    ]


def refuse_uncertified(host: str, state: Survey, settings: Settings) -> None:
    """Refuse a host whose certificate is to be supplied by hand, and was not.

    Args:
        state: how it is.
        settings: its data.

    Raises:
        OperatorError: there is none.
    """
    if settings.tls == "supplied" and state.certificate_until is None:
        raise OperatorError(
            f"{host} has no certificate yet.",
            'Its data say tls = "supplied", so it asks for none itself, and no browser would reach the release.',
            f"inv tls.supply --host={host} --cert=… --key=…",
        )
