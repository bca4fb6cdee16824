"""A rollback to a release whose images are gone: nothing is asked of a network unless one is, and all is told first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from aipbx_agent.release.releases import Release
from fleet.commands import docker
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings
from fleet.release import plan
from fleet.release.images import restore_images
from fleet.remote import Output

DATA = settings.of_host("aipbx.ru", hosts.load()[0].data)
WANTED = Release("1" * 40, "2" * 40)
BACKEND, FRONTEND = plan.images(DATA, WANTED).values()


@dataclass
class Host:
    """A host with some images, whose registry offers some; it runs nothing else."""

    images: list[str]
    offers: list[str] = field(default_factory=list)
    says: str = "no such manifest: it"
    settings: Any = DATA
    name: str = "aipbx.ru"

    def sudo_output(self, command: str) -> str:
        assert command == docker.absent([BACKEND, FRONTEND])
        return "".join(f"{image}\n" for image in (BACKEND, FRONTEND) if image not in self.images)

    def run(self, command: str) -> Output:
        asked = next(image for image in (BACKEND, FRONTEND) if command == docker.offered(image))
        return Output(0, "", "") if asked in self.offers else Output(1, "", self.says)


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


def needed(host: Any, **sources: Any) -> tuple[dict[str, Any], list[str]]:
    return restore_images.needed(
        host, WANTED, sources or {"backend": Source("backend"), "frontend": Source("frontend")}
    )


def builds() -> Any:
    return DATA.model_copy(update={"images_from": "build"})


def test_what_is_there_needs_no_network() -> None:
    assert needed(Host([BACKEND, FRONTEND])) == ({}, [])


def test_what_is_gone_is_pulled_and_that_is_reported() -> None:
    known, told = needed(Host([FRONTEND], offers=[BACKEND]))
    assert list(known) == ["backend"]
    assert told == [f"  The backend's image is gone from aipbx.ru: {BACKEND} is pulled from its registry."]


@pytest.mark.parametrize(
    ("says", "do"),
    [
        ("no such manifest: it", "have CI build and push that commit again"),
        ("Get https://ghcr.io/v2/: dial tcp: i/o timeout", "Is the registry up"),
        ("unauthorized", "docker login"),
    ],
)
def test_what_the_registry_does_not_give_is_refused(says: str, do: str) -> None:
    with pytest.raises(OperatorError) as refused:
        needed(Host([BACKEND], says=says))
    assert refused.value.what == f"aipbx.ru no longer has the frontend's image {FRONTEND}, and cannot pull it."
    assert refused.value.why == says
    assert do in refused.value.do
    assert "inv releases --host=aipbx.ru" in refused.value.do


def test_what_was_built_there_is_built_again_if_its_commit_is_known() -> None:
    backend = Source("backend", (WANTED.backend,))
    known, told = needed(Host([FRONTEND], settings=builds()), backend=backend)
    assert known == {"backend": backend}
    assert told == [f"  The backend's image is gone from aipbx.ru: {BACKEND} is rebuilt there from its commit."]


def test_a_commit_that_is_gone_cannot_be_built() -> None:
    with pytest.raises(OperatorError, match="no longer has the backend's image of 111111111111, and it cannot be"):
        needed(Host([FRONTEND], settings=builds()), backend=Source("backend"))
