"""Which steps of `inv setup` remain, by how far a host is; read as the operator reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fleet.setup.steps import State, remaining, steps

HOST = "aipbx.org"
CONVERGE = "pyinfra inventory.py deploys/bootstrap.py --limit aipbx.org"
PUSH, DEPLOY = "inv env.push --host=aipbx.org", "inv deploy --host=aipbx.org"
FRESH = State(file="env/aipbx.org.env")
CONVERGED = replace(FRESH, converged=True)
PUSHED = replace(CONVERGED, pushed=True)
DEPLOYED = replace(PUSHED, release="backend 1a, frontend 2b", certificate_until=datetime(2027, 2, 27, tzinfo=UTC))


def left(state: State, tls: str = "letsencrypt") -> list[str]:
    """The commands that remain, as they are typed."""
    return [" ".join(step.command) for step in remaining(HOST, tls, state)]


def shown(state: State, tls: str = "letsencrypt") -> list[str]:
    """What the operator reads."""
    return [step.line for step in steps(HOST, tls, state)]


def test_a_fresh_host_has_them_all_before_it() -> None:
    assert shown(FRESH) == [
        "  converge     to do",
        "  variables    to push: env/aipbx.org.env",
        "  certificate  comes with the first deploy",
        "  deploy       to do",
    ]
    assert left(FRESH) == [CONVERGE, PUSH, DEPLOY]


def test_a_deployed_host_has_none() -> None:
    assert shown(DEPLOYED) == [
        "  converge     done: as declared",
        "  variables    done: the host has env/aipbx.org.env",
        "  certificate  done: until 2027-02-27",
        "  deploy       done: backend 1a, frontend 2b",
    ]
    assert left(DEPLOYED) == []


@pytest.mark.parametrize(
    ("state", "commands"),
    [
        (CONVERGED, [PUSH, DEPLOY]),
        (PUSHED, [DEPLOY]),
        (replace(PUSHED, differs=2), [PUSH, DEPLOY]),
        (replace(DEPLOYED, drift=["Install tree"]), [CONVERGE]),
        (replace(DEPLOYED, certificate_until=None), ["inv tls.issue --host=aipbx.org"]),
        (replace(DEPLOYED, file=""), []),
    ],
)
def test_it_continues_where_it_ended(state: State, commands: list[str]) -> None:
    assert left(state) == commands


def test_what_is_found_is_said() -> None:
    drifted = replace(PUSHED, drift=["Install tree", "Enable ssh", "Write hosts", "Start cron"], differs=2)
    assert shown(drifted)[:2] == [
        "  converge     4 operations would change it: Install tree; Enable ssh; Write hosts",
        "  variables    2 of env/aipbx.org.env to push",
    ]
    assert shown(State())[1] == "  variables    no env file yet: it is made first, for you to fill in"
    assert shown(replace(DEPLOYED, file=""))[1] == "  variables    done: pushed before; no env file here"


def test_a_certificate_that_operators_bring_is_asked_of_them() -> None:
    assert shown(FRESH, "supplied")[2] == (
        "  certificate  yours to give before the deploy: inv tls.supply --host=aipbx.org --cert=… --key=…"
    )
    assert left(replace(DEPLOYED, certificate_until=None), "supplied") == []
