"""What a deploy or a rollback would do to one host: decided, or refused, before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from aipbx_agent.contract import ENVIRONMENT, SERVICES
from aipbx_agent.release import releases
from aipbx_agent.release.releases import Release
from fleet.errors import OperatorError
from fleet.release.lock import lock_status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleet.inventory.settings import Settings
    from fleet.migrations.plan import Schema
    from fleet.state.survey import Survey


@dataclass(frozen=True)
class Plan:
    """What is about to happen on one host.

    Attributes:
        host: its name.
        action: deploy or rollback.
        before: what runs now; None on a first deploy.
        after: what shall run.
        commits: by service, the commits that come (or go, on a rollback), a line each.
        schema: what comes to the database before the services start; None: nothing.
    """

    host: str
    action: Literal["deploy", "rollback"]
    before: Release | None
    after: Release
    commits: dict[str, list[str]] = field(default_factory=dict)
    schema: Schema | None = None

    @property
    def changed(self) -> list[str]:
        """The services whose release changes; all of them when it stays the same, because then it is restarted."""
        return self.moving or list(SERVICES)

    @property
    def moving(self) -> list[str]:
        """The services that get another commit."""
        return [name for name in SERVICES if self.before is None or self.before.sha(name) != self.after.sha(name)]

    def lines(self) -> list[str]:
        """What the operator reads before answering."""
        text = []
        for service in SERVICES:
            old = self.before.sha(service)[:8] if self.before else "nothing"
            new = self.after.sha(service)[:8]
            text.append(f"  {service:<9}{old} → {new}" if service in self.moving else f"  {service:<9}{new} stays")
            commits = self.commits.get(service, [])
            text += [f"      {commit}" for commit in commits[:10]]
            text += [f"      … and {len(commits) - 10} more"] if len(commits) > 10 else []
        return text + (self.schema.lines if self.schema else [])


def reference(settings: Settings, service: str, sha: str) -> str:
    """The image of a service at a commit."""
    repository = {"backend": settings.backend_image, "frontend": settings.frontend_image}[service]
    return f"{repository}:{sha}"


def images(settings: Settings, release: Release) -> dict[str, str]:
    """The images of a release, by service."""
    return {service: reference(settings, service, release.sha(service)) for service in SERVICES}


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
        f"{name} points to {', '.join(found)}, which is not this host: {cost} only if that leads here. If it does, "
        "say so in public_addresses (or cloudflare); otherwise correct the DNS records."
        for name, found in addresses.items()
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


def earlier(host: str, state: Survey, keep: int, to: str) -> Release:
    """The release that a rollback goes to.

    Args:
        state: how it is.
        keep: how many releases keep their images: one of these is meant sooner than an older one.
        to: a SHA of either service, whole or abbreviated, or of both with a comma; empty: the release before the
            present one.

    Raises:
        OperatorError: there is no such release.
    """
    others = [release for release in releases.ran(state.entries) if release != state.running]
    if not to:
        before = releases.before(state.entries, state.running)
        if not before:
            raise OperatorError(
                f"{host} has no earlier release to go back to.",
                f"Its ledger has {len(others)} others, none deployed before the current one.",
                f"inv releases --host={host} shows them; inv deploy --host={host} --sha=… brings any commit.",
            )
        return before[0]
    shas = [word.strip().lower() for word in to.split(",")]
    recent = {entry.after for entry in releases.kept(state.entries, keep)}
    all_matching = [release for release in others if _has(release, shas)]
    matching = [release for release in all_matching if release in recent] or all_matching
    if not matching:
        same = state.running and _has(state.running, shas)
        raise OperatorError(
            f"{host}: no release to go back to has the SHA {to!r}.",
            "It is what runs now." if same else f"Its ledger has {len(others)} other successful releases.",
            f"inv releases --host={host} shows them; inv deploy --host={host} --sha={shas[0]} brings any commit.",
        )
    if len(matching) > 1:
        raise OperatorError(
            f"{to} is ambiguous: {len(matching)} releases have it.",
            "; ".join(str(release) for release in matching),
            f"Name both SHAs of the one that you mean: --to={matching[0].backend[:8]},{matching[0].frontend[:8]}",
        )
    return matching[0]


def _has(release: Release, shas: list[str]) -> bool:
    return all(len(sha) >= 4 and any(release.sha(each).startswith(sha) for each in SERVICES) for sha in shas)
