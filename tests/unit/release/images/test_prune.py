"""Which images stay and why, which go, and that nothing else of a host is ever named."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from fleet.commands import docker, image_store
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings
from fleet.release import plan
from fleet.release.images import prune
from fleet.state import survey
from fleet.state.releases import Entry, Release

DATA = settings.of_host("aipbx.ru", hosts.load()[0].data).model_copy(update={"keep_releases": 2})
A, B, C, D = (Release(digit * 40, other * 40) for digit, other in ("1a", "2b", "3c", "4d"))


def entry(after: Release, result: Any = "ok", action: Any = "deploy") -> Entry:
    return Entry("2026-11-23T10:00:00Z", "anna@desk", action, result, 41, None, after, {})


def image(reference: str, identity: str = "", *more: str) -> str:
    name = identity or f"sha256:{reference}"
    return f"image|{name}|104857600|2026-11-01T10:00:00.123456789Z|{json.dumps([reference, *more])}"


def backend(sha: str) -> str:
    return f"{DATA.backend_image}:{sha}"


def why(told: list[str], stay: dict[tuple[str, str], str] | None = None) -> dict[str, str]:
    return {one.reference: one.stays for one in prune.judged("\n".join(told), DATA, stay or {})}


def test_what_runs_where_a_rollback_goes_and_the_last_ones_stay() -> None:
    ledger = [entry(A), entry(B), entry(C), entry(D, "failed"), entry(B, action="rollback")]
    stay = prune.needed(ledger, B, 2)
    assert {sha[0]: told for (service, sha), told in stay.items() if service == "backend"} == {
        "1": "a rollback goes there",
        "2": "runs now",
        "3": "of the last 2 releases",
    }
    assert stay["frontend", "b" * 40] == "runs now"
    assert prune.needed([], None, 2) == {}


def test_a_service_that_two_releases_share_stays_with_either() -> None:
    half = Release(A.backend, "e" * 40)
    stay = prune.needed([entry(A), entry(B), entry(half)], half, 2)
    assert stay["backend", A.backend] == "runs now"


def test_what_no_release_needs_goes() -> None:
    assert why([image(backend("9" * 40))]) == {backend("9" * 40): ""}
    assert why([image(backend("1" * 40))], {("backend", "1" * 40): "runs now"}) == {backend("1" * 40): "runs now"}
    assert why([image(backend("1" * 40))], {("frontend", "1" * 40): "runs now"}) == {backend("1" * 40): ""}


@pytest.mark.parametrize("used", ["used|sha256:x|other:latest|/app-backend-1", "used|sha256:y|{}|/app-backend-1"])
def test_what_a_container_has_stays_by_its_id_and_by_its_name(used: str) -> None:
    reference = backend("9" * 40)
    told = why([used.format(reference), image(reference, "sha256:x")])
    assert told == {reference: "container app-backend-1 has it"}


def test_what_is_not_ours_is_not_even_named() -> None:
    told = ["image|sha256:1|5|2026-11-01T10:00:00Z|null", image("postgres:16"), image(f"other/app:{'1' * 40}")]
    assert why(told) == {}
    assert why([image(backend("latest"))]) == {backend("latest"): "its tag is not a commit"}
    shared = image(backend("9" * 40), "", f"other/app:{'9' * 40}")
    assert list(why([shared])) == [backend("9" * 40)]


def test_an_image_of_dockers_own_registry_is_found() -> None:
    data = DATA.model_copy(update={"backend_image": "docker.io/team/backend"})
    assert prune.judged(image(f"team/backend:{'9' * 40}"), data, {})[0].service == "backend"


class Host:
    """A host with two images of which one is needed; what is removed is gone, but for what `kept` names."""

    name = "aipbx.ru"
    settings = DATA

    def __init__(self, *shas: str, kept: str = "") -> None:
        self.images = [backend(sha) for sha in shas]
        self.kept = kept
        self.commands: list[str] = []

    def sudo_output(self, command: str, _: float = 60) -> str:
        self.commands.append(command)
        if command == image_store.free():
            return f"{10**9 - 10**8 * len(self.images)}\n"
        if image_store.listed([DATA.backend_image, DATA.frontend_image]) in command:
            return "\n".join(image(one) for one in self.images)
        self.images = [one for one in self.images if one not in command or one == self.kept]
        return ""


def found(**changes: Any) -> survey.Survey:
    images = {service: f"x:{A.sha(service)}" for service in ("backend", "frontend")}
    return replace(survey.parse({}), images=images, entries=[entry(A)], **changes)


@pytest.fixture(autouse=True)
def at(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    how = {"found": found()}
    monkeypatch.setattr(survey, "take", lambda _: how["found"])
    monkeypatch.setattr(prune, "held", lambda *_: nullcontext("anna"))
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
    assert docker.remove([backend("9" * 40)]) in host.commands


def test_what_something_began_to_use_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    run(Host("9" * 40, kept=backend("9" * 40)))
    assert f"Still there, because something began to use them: {backend('9' * 40)}" in capsys.readouterr().err


@pytest.mark.parametrize(("shas", "dry"), [(("1" * 40,), False), ((), False), (("9" * 40,), True)])
def test_nothing_is_deleted_when_nothing_is_to_go_or_it_only_shows(
    shas: tuple[str, ...], dry: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    host = Host(*shas)
    run(host, dry=dry)
    assert host.commands == [image_store.listed([DATA.backend_image, DATA.frontend_image])]
    assert ("nothing to prune" in capsys.readouterr().err) != dry


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
    assert plan.reference(DATA, "frontend", C.frontend) in host.commands[0]
