"""What differs between the inventory and GitHub."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aipbx_agent.contract import CI
from fleet.checkout import operators_directory
from fleet.ci.github.values import ALERTS, KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fleet.ci.github.survey import Environment, Repository


def keys_changed(folder: Path | None = None) -> datetime | None:
    """Return when CI's public keys last changed, a removal included; None: there are none.

    Args:
        folder: where they are; None: as everywhere.
    """
    folder = folder or operators_directory() / CI
    files = list(folder.glob("*.pub"))
    if not files:
        return None
    committed = _git(folder, "log", "-1", "--format=%ct", "--", "*.pub")
    if committed and not _git(folder, "status", "--porcelain", "--", "*.pub"):
        return datetime.fromtimestamp(int(committed), UTC)
    return datetime.fromtimestamp(max(path.stat().st_mtime for path in files), UTC)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False, timeout=30
    )
    return done.stdout.strip()


def of(environment: Environment, changed: datetime | None) -> list[str]:
    """Return what is not as it should be with an environment.

    Args:
        environment: as GitHub has it.
        changed: when CI's public keys last changed; None: there are none.
    """
    return list(_of(environment, changed))


def _of(environment: Environment, changed: datetime | None) -> Iterator[str]:
    if not environment.host:
        yield f"has {KEY}, and the inventory has no host for it: delete it"
        return
    if not environment.exists:
        yield "missing"
        return
    if environment.branches is None:
        yield f"every branch gets {KEY}: limit it to {environment.branch} in its settings"
    elif not environment.open_to_branch:
        yield f"closed to branch {environment.branch}"
    if environment.key_set is None:
        yield f"{KEY} is missing"
    elif changed is None or environment.key_set < changed:
        yield f"{KEY} is older than the last change of operators/{CI}"


def show(repositories: list[Repository], changed: datetime | None, *, as_json: bool) -> bool:
    """Print what differs; return whether nothing does."""
    rows = {repository.name: _row(repository, changed) for repository in repositories}
    if as_json:
        print(json.dumps(rows, indent=2))
    for name, row in rows.items() if not as_json else ():
        print(name)
        for environment in row["environments"]:
            differences = "; ".join(environment["differences"]) or "ok"
            print(f"  {environment['name']} ({environment['host'] or 'no host'}): {differences}")
        for alert, since in row["alerts"].items():
            print(f"  {alert} (optional): {f'set {since}' if since else 'not set'}")
    return not any(environment["differences"] for row in rows.values() for environment in row["environments"])


def _row(repository: Repository, changed: datetime | None) -> dict[str, Any]:
    environments = [
        {
            "name": environment.name,
            "host": environment.host,
            "exists": environment.exists,
            "key_set": environment.key_set and environment.key_set.isoformat(),
            "differences": of(environment, changed),
        }
        for environment in repository.environments
    ]
    ages = {name: repository.alerts.get(name) for name in ALERTS}
    return {"environments": environments, "alerts": {name: age and age.isoformat() for name, age in ages.items()}}
