"""What the application's CI builds, and when it has to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.app import history
from lab.ci import pipeline
from lab.ci.build import ARGUMENTS, Build
from lab.ci.builder import build_command
from lab.world.store import Offer

ROOT = Path(__file__).resolve().parents[4]
BASES = ("aipbx-lab/node:1", "aipbx-lab/nginx:1")


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return history.make(tmp_path_factory.mktemp("repositories"))


@pytest.fixture
def dockerfiles(tmp_path: Path) -> Path:
    return shutil.copytree(ROOT / "files" / "images", tmp_path / "images")


def kept(builds: list[Build], service: str) -> set[str]:
    return {build.offer.image for build in builds if build.service == service}


def test_every_commit_that_can_be_built_is_built_once(repositories: dict[str, Path], dockerfiles: Path) -> None:
    builds = pipeline.builds(repositories, dockerfiles, BASES, stories=True)
    offered = [build.offer.reference for build in builds]
    assert len(offered) == len(set(offered))
    backend = history.commits(repositories["krasterisk/aiPBX_backend"])
    frontend = history.commits(repositories["krasterisk/aiPBX"])
    for name in ("first", "second", "third", "fourth", "broken/crash", "broken/never-ready", "feature/other"):
        assert f"ghcr.io/krasterisk/aipbx_backend:{backend[name]}" in offered
    for name in ("first", "second", "master", "feature/other"):
        assert f"ghcr.io/krasterisk/aipbx:{frontend[name]}" in offered
    assert not {backend["broken/build"], frontend["broken/build"]} & {build.sha for build in builds}


def test_without_stories_the_head_is_built_and_what_a_demonstration_goes_back_to(
    repositories: dict[str, Path], dockerfiles: Path
) -> None:
    builds = pipeline.builds(repositories, dockerfiles, BASES, stories=False)
    backend, frontend = (history.commits(path) for path in repositories.values())
    assert [build.sha for build in builds] == [backend["third"], backend["master"], frontend["master"]]


def test_an_image_is_built_again_when_its_recipe_changes(
    repositories: dict[str, Path], dockerfiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pipeline.builds(repositories, dockerfiles, BASES, stories=True)
    assert [build.offer for build in pipeline.builds(repositories, dockerfiles, BASES, stories=True)] == [
        build.offer for build in before
    ]
    other_base = pipeline.builds(repositories, dockerfiles, ("aipbx-lab/node:2", BASES[1]), stories=True)
    assert not kept(other_base, "backend") & kept(before, "backend")
    (dockerfiles / "frontend" / "nginx.conf").write_text("# other\n")
    other_files = pipeline.builds(repositories, dockerfiles, BASES, stories=True)
    assert kept(other_files, "backend") == kept(before, "backend")
    assert not kept(other_files, "frontend") & kept(before, "frontend")
    monkeypatch.setitem(ARGUMENTS, "backend", {"RUNTIME_PACKAGES": "file"})
    assert not kept(pipeline.builds(repositories, dockerfiles, BASES, stories=True), "backend") & kept(
        before, "backend"
    )


def test_the_command_that_builds_and_pushes_an_image() -> None:
    offer = Offer("ghcr.io/krasterisk/aipbx:0123abc", "i:1")
    build = Build("frontend", Path("/r.git"), "0123abc", offer, ARGUMENTS["frontend"])
    assert build_command(build) == (
        "rm -rf /root/source/frontend && mkdir -p /root/source/frontend && tar -x -C /root/source/frontend && "
        "docker build --quiet --file /root/images/frontend/Dockerfile --build-context image=/root/images/frontend "
        "--build-arg RELEASE=0123abc --build-arg PRERENDER_PACKAGES= --tag ghcr.io/krasterisk/aipbx:0123abc "
        "/root/source/frontend && docker push --quiet ghcr.io/krasterisk/aipbx:0123abc"
    )


def test_production_data_name_the_images_that_ci_pushes() -> None:
    production: dict[str, object] = {}
    exec((ROOT / "group_data" / "all.py").read_text(), production)  # noqa: S102 # this repository's own data
    assert [image for _, image in pipeline.IMAGES.values()] == [
        production["backend_image"],
        production["frontend_image"],
    ]
