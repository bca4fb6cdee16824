"""A rollback to a release whose images are gone: nothing is asked of a network unless one is, and all is told first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent.release.releases import Release
from fleet.commands import docker
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings
from fleet.release import plan
from fleet.release.images import offers, restore_images
from fleet.release.images.offers import Offer

DATA = settings.of_host("aipbx.ru", hosts.load()[0].data)
WANTED = Release("1" * 40, "2" * 40)
BACKEND, FRONTEND = plan.images(DATA, WANTED).values()
DIGEST = f"sha256:{'3' * 64}"
PAGES = Offer("frontend", FRONTEND, here=True, digest="", why="")


@dataclass
class Source:
    """The team's repository."""

    service: str
    commits: tuple[str, ...] = ()
    url: str = "git@github.com:team/app.git"
    refreshed: bool = False

    def refresh(self) -> None:
        self.refreshed = True

    def find(self, sha: str) -> str | None:
        return sha if self.refreshed and sha in self.commits else None


def host(*images: str, **data: str) -> Any:
    """A host that has some images."""

    def sudo_output(command: str) -> str:
        assert command == docker.absent([BACKEND, FRONTEND])
        return "".join(f"{image}\n" for image in (BACKEND, FRONTEND) if image not in images)

    return SimpleNamespace(name="aipbx.ru", settings=DATA.model_copy(update=data), sudo_output=sudo_output)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Callable[[Offer], None]:
    """Says what a host answers about the backend's image."""
    return lambda one: monkeypatch.setattr(offers, "of", lambda *_: [one, PAGES])


def needed(remote: Any, **sources: Any) -> restore_images.Coming:
    return restore_images.needed(
        remote, WANTED, sources or {"backend": Source("backend"), "frontend": Source("frontend")}
    )


def test_what_is_there_need_not_come(registry: Callable[[Offer], None]) -> None:
    registry(Offer("backend", BACKEND, here=True, digest="", why=""))
    assert needed(host()) == restore_images.Coming()


def test_what_is_gone_is_pulled_and_that_is_told(registry: Callable[[Offer], None]) -> None:
    registry(Offer("backend", BACKEND, here=False, digest=DIGEST, why=""))
    coming = needed(host())
    assert list(coming.repositories) == ["backend"]
    assert coming.digests == {"backend": DIGEST}
    assert coming.lines == [
        f"  The backend's image is gone from aipbx.ru: {BACKEND} is pulled from its registry, as {DIGEST}."
    ]


@pytest.mark.parametrize(
    ("says", "do"),
    [
        ("manifest unknown", "Has CI built and pushed this commit"),
        ("Get https://ghcr.io/v2/: dial tcp: i/o timeout", "Is the registry up"),
        ("unauthorized", "AIPBX_REGISTRY_TOKEN"),
    ],
)
def test_what_the_registry_does_not_give_is_refused(registry: Callable[[Offer], None], says: str, do: str) -> None:
    registry(Offer("backend", BACKEND, here=False, digest="", why=says))
    with pytest.raises(OperatorError) as refused:
        needed(host())
    assert refused.value.what == f"aipbx.ru no longer has the backend's image {BACKEND}, and cannot pull it."
    assert refused.value.why == says
    assert do in refused.value.do
    assert "inv releases --host=aipbx.ru" in refused.value.do


def test_what_was_built_there_is_built_again_if_its_commit_is_known() -> None:
    backend = Source("backend", (WANTED.backend,))
    coming = needed(host(FRONTEND, images_from="build"), backend=backend)
    assert [*coming.repositories] == ["backend"]
    assert coming.lines == [f"  The backend's image is gone from aipbx.ru: {BACKEND} is rebuilt there from its commit."]
    assert needed(host(BACKEND, FRONTEND, images_from="build")) == restore_images.Coming()


def test_a_commit_that_is_gone_cannot_be_built() -> None:
    with pytest.raises(OperatorError, match="no longer has the backend's image of 111111111111, and it cannot be"):
        needed(host(FRONTEND, images_from="build"), backend=Source("backend"))
