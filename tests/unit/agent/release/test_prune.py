"""Which images go, which stay and why, and that nothing else of a host is ever named."""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.release import build_cache, prune
from tests.unit.shell import stub

BACKEND, FRONTEND = "ghcr.io/team/backend", "ghcr.io/team/frontend"
# Images and containers are files; `image ls REPOSITORY` tells those that have its name.
DOCKER = """cd {folder} && echo "$@" >>words
inspect() {{ separator="["; for one; do printf %s "$separator"; cat "$in/$one"; separator=,; done; echo "]"; }}
case "$1 $2" in
"image ls") for one in images/*; do if grep -q "$5:" "$one"; then basename "$one"; fi; done ;;
"image inspect") shift 2; in=images; inspect "$@" ;;
"image rm") if grep -q "$3" kept; then exit 1; fi; rm $(grep -l "$3" images/*) ;;
"ps --all") ls containers ;;
"inspect "*) shift; in=containers; inspect "$@" ;;
"info "*) echo {folder} ;;
esac"""


def image(identity: str, *references: str) -> dict[str, Any]:
    return {"Id": identity, "RepoTags": list(references), "Size": 5, "Created": "2026-11-01T10:00:00.123456789Z"}


def container(identity: str, reference: str) -> dict[str, Any]:
    return {"Name": "/app-backend-1", "Image": identity, "Config": {"Image": reference}}


def request(**changes: Any) -> prune.Request:
    asked = {"repositories": {"backend": BACKEND, "frontend": FRONTEND}, "needed": {}, "remove": None}
    return prune.Request(**{**asked, **changes})


def why(images: list[dict[str, Any]], *containers: dict[str, Any], **changes: Any) -> dict[str, str]:
    return {one.reference: one.stays for one in prune.judged(images, list(containers), request(**changes))}


NINE, ONE = f"{BACKEND}:{'9' * 40}", f"{BACKEND}:{'1' * 40}"


def test_what_no_release_needs_goes() -> None:
    assert why([image("i", NINE)]) == {NINE: ""}
    assert why([image("i", ONE)], needed={"backend": {"1" * 40: "runs now"}}) == {ONE: "runs now"}
    assert why([image("i", ONE)], needed={"frontend": {"1" * 40: "runs now"}}) == {ONE: ""}


@pytest.mark.parametrize("used", [("sha256:x", "other:latest"), ("sha256:y", NINE)])
def test_what_a_container_has_stays_by_its_id_and_by_its_name(used: tuple[str, str]) -> None:
    assert why([image("sha256:x", NINE)], container(*used)) == {NINE: "container app-backend-1 has it"}


def test_what_is_not_ours_is_not_even_named() -> None:
    strangers = [image("a"), image("b", "postgres:16"), image("c", f"other/app:{'1' * 40}")]
    assert why([*strangers, {**image("d"), "RepoTags": None}]) == {}
    assert why([image("e", f"{BACKEND}:latest")]) == {f"{BACKEND}:latest": "its tag is not a commit"}
    assert list(why([image("f", NINE, f"other/app:{'9' * 40}")])) == [NINE]


def test_an_image_of_dockers_own_registry_is_found() -> None:
    found = prune.judged(
        [image("i", f"team/backend:{'9' * 40}")],
        [],
        request(repositories={"backend": "docker.io/team/backend", "frontend": FRONTEND}),
    )
    assert found[0].service == "backend"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("images", "containers"):
        (tmp_path / name).mkdir()
    (tmp_path / "kept").touch()
    for reference in (NINE, ONE, f"{BACKEND}:{'2' * 40}"):
        (tmp_path / "images" / reference[-1]).write_text(json.dumps(image(f"i{reference[-1]}", reference)))
    (tmp_path / "containers" / "c").write_text(json.dumps(container("i1", ONE)))
    stub(tmp_path / "bin", "docker", DOCKER.format(folder=tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setattr(build_cache, "size", lambda: build_cache.KEPT + 1)
    monkeypatch.setattr(build_cache, "prune", (tmp_path / "cache_pruned").touch)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **changes: Any) -> dict[str, Any]:
    config = Config({"app_dir": "/none", "volumes": {"frontend_assets": "assets"}}, {}, {})
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(asdict(request(**changes)))))
    prune.main(config, argparse.Namespace())
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_what_nothing_needs_is_removed_and_reported(
    docker: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, capsys, remove=[])["removed"] == []
    assert run(monkeypatch, capsys, remove=[NINE, ONE])["removed"] == [NINE]
    (docker / "kept").write_text(f"{BACKEND}:{'2' * 40}")
    result = run(monkeypatch, capsys)
    assert result["removed"] == [], "a container has got it meanwhile"
    assert {one["reference"][-1]: one["stays"] for one in result["images"]} == {
        "1": "container app-backend-1 has it",
        "2": "",
    }


def test_the_build_cache_goes_when_asked_to(
    docker: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, capsys, remove=[])["excess"] == 1
    assert not (docker / "cache_pruned").exists()
    run(monkeypatch, capsys, remove=[], cache=True)
    assert (docker / "cache_pruned").exists()


def test_assets_go_by_their_age(
    docker: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, capsys, assets=("f:1", 90))
    assert (
        "--volume=assets:/srv/assets f:1 -c find /srv/assets -type f -mmin +90 -delete"
        in (docker / "words").read_text()
    )


def test_a_docker_that_does_not_answer_is_no_empty_list(
    docker: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for script in ("exit 1", f'[ "$1" != ps ] || exit 1\n{DOCKER.format(folder=docker)}'):
        stub(docker / "bin", "docker", script)
        with pytest.raises(Failed):
            run(monkeypatch, capsys)
