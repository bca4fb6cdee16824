"""What a deploy or a rollback would do to one host, and which release a rollback goes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from aipbx_agent.contract import SERVICES
from aipbx_agent.release import releases
from aipbx_agent.release.releases import Release
from fleet.errors import OperatorError

if TYPE_CHECKING:
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
    return f"{settings.repositories[service]}:{sha}"


def images(settings: Settings, release: Release) -> dict[str, str]:
    """The images of a release, by service."""
    return {service: reference(settings, service, release.sha(service)) for service in SERVICES}


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
