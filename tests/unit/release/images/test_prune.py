"""Which images releases need, and what an operator is shown and asked before the others go."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import asdict, replace
from typing import Any

import pytest

from aipbx_agent.release import releases
from aipbx_agent.release.prune import Image
from aipbx_agent.release.releases import Entry, Release
from fleet import agent
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings
from fleet.release import plan
from fleet.release.images import prune
from fleet.state import survey

DATA = settings.of_host("aipbx.ru", hosts.load()[0].data).model_copy(update={"keep_releases": 2})
BUILT = "2026-11-01T10:00:00+00:00"
A, B, C, D = (Release(digit * 40, other * 40) for digit, other in ("1a", "2b", "3c", "4d"))


def entry(after: Release, result: Any = "ok", action: Any = "deploy") -> Entry:
    return Entry("2026-11-23T10:00:00Z", "anna@desk", action, result, 41, None, after, {})


def backend(sha: str) -> str:
    return f"{DATA.backend_image}:{sha}"


def test_what_runs_where_a_rollback_goes_and_the_last_ones_stay() -> None:
    ledger = [entry(A), entry(B), entry(C), entry(D, "failed"), entry(B, action="rollback")]
    stay = releases.needed(ledger, B, 2)
    assert {sha[0]: told for (service, sha), told in stay.items() if service == "backend"} == {
        "1": "a rollback goes there",
        "2": "runs now",
        "3": "of the last 2 releases",
    }
    assert stay["frontend", "b" * 40] == "runs now"
    assert releases.needed([], None, 2) == {}


def test_a_service_that_two_releases_share_stays_with_either() -> None:
    half = Release(A.backend, "e" * 40)
    stay = releases.needed([entry(A), entry(B), entry(half)], half, 2)
    assert stay["backend", A.backend] == "runs now"


class Host:
    """A host with images of the backend; one that is asked to go is gone, but for what `kept` names."""

    name = "aipbx.ru"
    settings = DATA

    def __init__(self, *shas: str, kept: str = "", excess: int = 0) -> None:
        self.images = [backend(sha) for sha in shas]
        self.kept = kept
        self.excess = excess
        self.requests: list[dict[str, Any]] = []

    def ask(self, verb: list[str], stdin: bytes) -> dict[str, Any]:
        assert verb == ["prune"]
        request = json.loads(stdin)
        self.requests.append(request)
        needed = request["needed"].get("backend", {})
        stays = {one: needed.get(one.rpartition(":")[2], "") for one in self.images}
        images = [asdict(Image("backend", one, 100 << 20, BUILT, why)) for one, why in stays.items()]
        meant = self.images if request["remove"] is None else request["remove"]
        removed = [one for one in meant if not stays[one] and one != self.kept]
        self.images = [one for one in self.images if one not in removed]
        return {"images": images, "removed": removed, "freed": 10**8 * len(removed), "excess": self.excess}


def found(**changes: Any) -> survey.Survey:
    images = {service: f"x:{A.sha(service)}" for service in ("backend", "frontend")}
    return replace(survey.parse({}), images=images, entries=[entry(A)], **changes)


@pytest.fixture(autouse=True)
def at(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    how = {"found": found()}
    monkeypatch.setattr(survey, "take", lambda _: how["found"])
    monkeypatch.setattr(prune, "held", lambda *_: nullcontext("anna"))
    monkeypatch.setattr(agent, "query", lambda host, verb, stdin, **_: host.ask(verb, stdin))
    return how


def run(host: Any, *, dry: bool = False, yes: bool = True) -> None:
    prune.prune([host], dry=dry, yes=yes)


def test_it_shows_deletes_and_says_what_that_gained(capsys: pytest.CaptureFixture[str]) -> None:
    host = Host("1" * 40, "9" * 40)
    run(host)
    told = capsys.readouterr()
    assert "stays: runs now" in told.out
    assert "goes" in told.out
    assert "1 of 2 images go: 100.0 MiB at most" in told.err
    assert "1 images deleted, 95.4 MiB more are free" in told.err
    assert host.images == [backend("1" * 40)]
    assert [request["remove"] for request in host.requests] == [[], [backend("9" * 40)]]


def test_what_something_began_to_use_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    run(Host("9" * 40, kept=backend("9" * 40)))
    assert f"Still there, because something began to use them: {backend('9' * 40)}" in capsys.readouterr().err


@pytest.mark.parametrize(("shas", "dry"), [(("1" * 40,), False), ((), False), (("9" * 40,), True)])
def test_nothing_is_deleted_when_nothing_is_to_go_or_it_only_shows(
    shas: tuple[str, ...], dry: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    host = Host(*shas)
    run(host, dry=dry)
    assert [request["remove"] for request in host.requests] == [[]]
    assert ("nothing to prune" in capsys.readouterr().err) != dry


def test_a_build_cache_that_is_too_large_goes_without_an_image(capsys: pytest.CaptureFixture[str]) -> None:
    host = Host("1" * 40, excess=5 << 30)
    run(host, dry=True)
    assert "5.0 GiB of build cache go; 4.0 GiB stay for the next build." in capsys.readouterr().err
    run(host)
    assert [(request["remove"], request.get("cache")) for request in host.requests[1:]] == [([], None), ([], True)]


def test_without_a_yes_nothing_is_deleted() -> None:
    host = Host("9" * 40)
    with pytest.raises(OperatorError, match="no terminal"):
        run(host, yes=False)
    assert host.images == [backend("9" * 40)]


def test_a_host_in_doubt_is_refused(at: dict[str, Any]) -> None:
    at["found"] = found(lock="boris@desk, deploy, since then")
    with pytest.raises(OperatorError, match="is locked: boris"):
        run(Host("9" * 40))
    run(Host("9" * 40), dry=True)
    at["found"] = survey.parse({})
    with pytest.raises(OperatorError, match="has no release yet"):
        run(Host("9" * 40), dry=True)


def test_a_deploy_deletes_by_the_same_rule() -> None:
    host: Any = Host("1" * 40, "2" * 40, "3" * 40, "9" * 40)
    prune.after_release(host, [entry(A), entry(B), entry(C)], C)
    assert host.images == [backend("2" * 40), backend("3" * 40)]
    image, minutes = host.requests[0]["assets"]
    assert image == plan.reference(DATA, "frontend", C.frontend)
    assert minutes > 0
