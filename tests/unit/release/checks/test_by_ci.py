"""A deploy by CI: what it must name, and what only an operator may choose."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent.release import registry
from aipbx_agent.release.releases import Release
from fleet import agent
from fleet.errors import OperatorError
from fleet.release.checks import by_ci
from fleet.release.images import pull_or_build
from fleet.state import survey

SHA, PAGES = "a" * 40, "b" * 40
DIGEST = f"sha256:{'0' * 64}"
OWNER = "ci@runner, deploy, since 2026-11-29 06:00:00 UTC"


def host(*, restricted: bool = True, images_from: str = "registry") -> Any:
    settings = SimpleNamespace(images_from=images_from, repositories={"backend": "b", "frontend": "f"}, base_images={})
    return SimpleNamespace(name="x", restricted=restricted, settings=settings)


def test_it_names_one_service_and_its_commit() -> None:
    by_ci.refuse([host()], "backend", [SHA], [])
    for service, shas in (("", [SHA]), ("backend", []), ("backend", [SHA, PAGES])):
        with pytest.raises(OperatorError, match="names one service and its commit"):
            by_ci.refuse([host()], service, shas, [])


def test_it_chooses_nothing_that_an_operator_answers_for() -> None:
    with pytest.raises(OperatorError, match="CI's account has no --now"):
        by_ci.refuse([host()], "backend", [SHA], ["--now"])
    with pytest.raises(OperatorError, match="builds its images itself"):
        by_ci.refuse([host(images_from="build")], "backend", [SHA], [])
    by_ci.refuse([host(restricted=False, images_from="build")], "", [], ["--now"])


def test_a_digest_is_of_one_service() -> None:
    assert by_ci.digests("backend", DIGEST) == {"backend": DIGEST}
    assert by_ci.digests("", "") == {}
    for service, digest in (("", DIGEST), ("backend", "latest"), ("backend", DIGEST[:-1])):
        with pytest.raises(OperatorError, match="is not the digest"):
            by_ci.digests(service, digest)


@pytest.mark.parametrize(
    ("restricted", "standing", "owner", "stays"),
    [
        (True, "ended", OWNER, False),
        (True, "open", OWNER, True),
        (True, "ended", OWNER.replace("ci@", "anna@"), True),
        (False, "ended", OWNER, True),
    ],
)
def test_only_what_a_run_of_its_own_left_is_no_lock_to_it(
    restricted: bool, standing: str, owner: str, stays: bool
) -> None:
    state = replace(survey.parse({}), lock=owner, lock_standing=standing)
    assert bool(by_ci.without_own_lock(host(restricted=restricted), state).lock) is stays


def test_the_host_pulls_by_itself_with_the_run_s_own_password(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setenv(registry.TOKEN, "ghs_x")
    monkeypatch.setattr(agent, "query", lambda _, verb, body, **__: asked.append((verb, json.loads(body))))
    repositories: Any = {"backend": None, "frontend": None}
    pull_or_build.ensure(host(), Release(SHA, PAGES), repositories, {"backend": DIGEST})
    images = {"backend": {"sha": SHA, "digest": DIGEST}, "frontend": {"sha": PAGES, "digest": ""}}
    assert asked == [(["pull"], {"images": images, "token": "ghs_x"})]
