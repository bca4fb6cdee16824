"""What GitHub has of the application's repositories: environments, who may use them, and how old secrets are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fleet.ci.github import secrets
from fleet.ci.github.address import repository as repository_at
from fleet.ci.github.values import ALERTS, KEY
from fleet.errors import OperatorError
from fleet.release.rollout import targets

if TYPE_CHECKING:
    from fleet.ci.github.api import Api
    from fleet.remote import Remote


@dataclass(frozen=True)
class Environment:
    """An environment of a repository.

    Attributes:
        name: of it.
        host: whose it is; empty: the inventory has none.
        branch: what the host deploys.
        exists: whether GitHub has it.
        branches: patterns of the branches that may use it; None: all may.
        key_set: when its key was set; None: never.
    """

    name: str
    host: str
    branch: str
    exists: bool = False
    branches: tuple[str, ...] | None = None
    key_set: datetime | None = None

    @property
    def open_to_branch(self) -> bool:
        """Whether runs of the branch get the key."""
        return self.branches is None or any(fnmatchcase(self.branch, pattern) for pattern in self.branches)


@dataclass(frozen=True)
class Repository:
    """A repository of the application at GitHub.

    Attributes:
        name: owner/name.
        environments: those of the inventory, and others that have CI's key.
        alerts: when each of its own secrets for alerts was set.
    """

    name: str
    environments: list[Environment]
    alerts: dict[str, datetime]


def read(api: Api, hosts: list[Remote], names: set[str] | None = None) -> list[Repository]:
    """Ask GitHub for what it has.

    Args:
        api: GitHub.
        hosts: those that are meant.
        names: every environment that the inventory has: another one with CI's key is reported; None: none is.

    Raises:
        OperatorError: a repository is not at GitHub, or GitHub cannot be asked.
    """
    wanted: dict[str, dict[str, Environment]] = {}
    for host in hosts:
        for address in (host.settings.backend_repository, host.settings.frontend_repository):
            environment = Environment(targets.environment(host), host.name, host.settings.branch)
            wanted.setdefault(_named(address), {})[environment.name] = environment
    return [_repository(api, name, environments, names) for name, environments in wanted.items()]


def environments_at(repository: str) -> str:
    """Return the path of a repository's environments."""
    return f"/repos/{repository}/environments"


def secrets_of(repository: str, environment: str = "") -> str:
    """Return the path of the secrets of an environment, or of the repository itself."""
    if not environment:
        return f"/repos/{repository}/actions/secrets"
    return f"{environments_at(repository)}/{quote(environment, safe='')}/secrets"


def policies_of(repository: str, environment: str) -> str:
    """Return the path of the branches that may use an environment."""
    return f"{environments_at(repository)}/{quote(environment, safe='')}/deployment-branch-policies"


def _named(address: str) -> str:
    if name := repository_at(address):
        return name
    raise OperatorError(
        f"{address} is not a repository at GitHub.",
        "Environments and their secrets are set there.",
        "Compare backend_repository and frontend_repository in group_data/all.py.",
    )


def _repository(api: Api, name: str, wanted: dict[str, Environment], names: set[str] | None) -> Repository:
    # GitHub takes no account of upper and lower case here.
    existing_by_name = {entry["name"].lower(): entry for entry in api.entries(environments_at(name), "environments")}
    environments = [
        _found(api, name, environment, existing_by_name[environment.name.lower()])
        if environment.name.lower() in existing_by_name
        else environment
        for environment in wanted.values()
    ]
    others = existing_by_name.keys() - {known.lower() for known in names} if names is not None else set[str]()
    for other in sorted(others):
        existing = _found(api, name, Environment(existing_by_name[other]["name"], "", ""), existing_by_name[other])
        environments += [existing] * (existing.key_set is not None)
    ages = secrets.ages(api, secrets_of(name))
    return Repository(name, environments, {alert: ages[alert] for alert in ALERTS if alert in ages})


def _found(api: Api, repository: str, wanted: Environment, existing: dict[str, Any]) -> Environment:
    """Return an environment that GitHub has."""
    policy, branches = existing.get("deployment_branch_policy"), None
    if policy and policy.get("custom_branch_policies"):
        patterns = api.entries(policies_of(repository, wanted.name), "branch_policies")
        branches = tuple(pattern["name"] for pattern in patterns)
    elif policy:  # protected branches: which those are is not ours to say
        branches = (wanted.branch,)
    key_set = secrets.ages(api, secrets_of(repository, wanted.name)).get(KEY)
    return Environment(wanted.name, wanted.host, wanted.branch, True, branches, key_set)
