"""Environments are created, and secrets set, after the operator has seen their names and ages."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from fleet.ci.github import secrets, survey
from fleet.ci.github.values import KEY
from fleet.errors import FailedError, OperatorError
from fleet.output import step

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet.ci.github.api import Api
    from fleet.ci.github.survey import Environment, Repository

# An existing environment is not written: GitHub would take its reviewers away.
LIMITED = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}


def show(repositories: list[Repository], key: str, alerts: dict[str, str]) -> None:
    """Print what would be written.

    Args:
        repositories: as GitHub has them.
        key: CI's private key; empty: it stays as it is.
        alerts: the secrets of each repository, by name; none: they stay as they are.
    """
    for repository in repositories:
        print(repository.name)
        for environment in repository.environments:
            state = "exists" if environment.exists else f"create, for branch {environment.branch} only"
            if not environment.open_to_branch:
                state += f", open to branch {environment.branch}"
            age = f"{_age(environment.key_set)}{', set it' * bool(key)}"
            print(f"  {environment.name} ({environment.host}): {state}; {KEY} {age}")
        for name in alerts:
            print(f"  {name}: {_age(repository.alerts.get(name))}, set it")


def push(api: Api, repositories: list[Repository], key: str, alerts: dict[str, str]) -> None:
    """Write it.

    Raises:
        FailedError: GitHub refused a write, or its answer did not come; says what was written before.
    """
    done: list[str] = []
    for repository in repositories:
        for environment in repository.environments:
            name = f"{repository.name}: environment {environment.name}"
            _write(name, done, partial(_environment, api, repository.name, environment, key))
        if alerts:
            name = f"{repository.name}: {', '.join(alerts)}"
            _write(name, done, partial(secrets.put, api, survey.secrets_of(repository.name), alerts))


def _write(name: str, done: list[str], write: Callable[[], None]) -> None:
    try:
        with step(name):
            write()
    except OperatorError as error:
        before = f"Written before: {'; '.join(done)}." if done else "Nothing was written before."
        raise FailedError(f"{name} was not written. {before}", f"{error.what} {error.why}", error.do) from None
    done.append(name)


def _environment(api: Api, repository: str, environment: Environment, key: str) -> None:
    if not environment.exists:
        api.send("PUT", f"{survey.environments_at(repository)}/{quote(environment.name, safe='')}", LIMITED)
    if not environment.exists or not environment.open_to_branch:
        api.send("POST", survey.policies_of(repository, environment.name), {"name": environment.branch})
    if key:
        secrets.put(api, survey.secrets_of(repository, environment.name), {KEY: key})


def _age(since: datetime | None) -> str:
    if not since:
        return "is not set"
    days = (datetime.now(UTC) - since).days
    return f"was set {days} day{'s' * (days != 1)} ago"
