"""The workflow that an application's repository has: it says when, and calls ours for the rest."""

from __future__ import annotations

import re
import subprocess

from aipbx_agent.contract import SERVICES
from fleet import templates
from fleet.checkout import ROOT
from fleet.ci.github.address import repository
from fleet.cli import remotes
from fleet.errors import OperatorError
from fleet.inventory.hosts import load

_REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")


def text(service: str, fleet: str = "") -> str:
    """Return it.

    Args:
        service: backend or frontend.
        fleet: this repository on GitHub, as owner/name; empty: where this checkout comes from.

    Raises:
        OperatorError: there is no such service, or the repository is not known.
    """
    if service not in SERVICES:
        raise OperatorError(
            f"There is no service {service!r}.",
            "Each of the application's repositories has a workflow of its own.",
            f"--service={' or --service='.join(SERVICES)}",
        )
    hosts = load()
    return templates.render(
        "ci/workflow.yml.j2",
        service=service,
        branch=remotes(hosts)[0].settings.branch,
        hosts=[host.name for host in hosts],
        fleet=fleet if _REPOSITORY.fullmatch(fleet) else _origin(fleet),
        sha=_git("rev-parse", "HEAD"),
    )


def _origin(typed: str) -> str:
    name = "" if typed else repository(_git("remote", "get-url", "origin"))
    if not name:
        raise OperatorError(
            f"Where this repository is on GitHub is not known{f': {typed!r}' * bool(typed)}.",
            "The workflow calls it by owner and name.",
            "--fleet=owner/name",
        )
    return name


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False, timeout=30)
    return done.stdout.strip()
