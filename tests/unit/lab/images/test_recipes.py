from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab import wait
from lab.errors import LabError
from lab.images import recipes, rootfs
from lab.images.recipes import Recipe

BASES = {"trixie": "aipbx-lab/base-trixie:1", "bookworm": "aipbx-lab/base-bookworm:1"}


def test_an_image_s_tag_follows_everything_it_is_made_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "CONTEXTS", tmp_path)
    (tmp_path / "host").mkdir()
    script = tmp_path / "host" / "finish"
    script.write_text("one")
    recipe = recipes.host_recipe("trixie")
    tags = {recipes.image_tag(recipe, BASES)}
    script.chmod(0o755)
    tags.add(recipes.image_tag(recipe, BASES))
    script.write_text("two")
    tags.add(recipes.image_tag(recipe, BASES))
    tags.add(recipes.image_tag(recipe, BASES | {"trixie": "aipbx-lab/base-trixie:2"}))
    tags.add(recipes.image_tag(Recipe("host-trixie", "host", "trixie", {"SUITE": "sid"}), BASES))
    tags.add(recipes.image_tag(Recipe("host-trixie", "host", "trixie", {"SUITE": "trixie"}, python="3.12"), BASES))
    assert len(tags) == 6
    assert all(tag.startswith("aipbx-lab/host-trixie:") for tag in tags)


def test_the_command_that_builds_an_image() -> None:
    command = recipes.build_command(
        recipes.host_recipe("bookworm"), "aipbx-lab/host-bookworm:abc", BASES, Path("/context")
    )
    assert command == [
        "build",
        "--quiet",
        "--network",
        "host",
        "--label",
        "net.aipbx.lab.image=host-bookworm",
        "--build-arg",
        "BASE=aipbx-lab/base-bookworm:1",
        "--build-arg",
        "SUITE=bookworm",
        "--tag",
        "aipbx-lab/host-bookworm:abc",
        "/context",
    ]


def test_the_command_that_makes_a_root_file_system() -> None:
    assert rootfs.mmdebstrap_command("trixie", "amd64", Path("/t/debian.sources"), Path("/t/root.tar")) == [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        "--include=ca-certificates",
        "--architectures=amd64",
        "trixie",
        "/t/root.tar",
        "/t/debian.sources",
    ]


def test_waiting_ends_at_the_deadline() -> None:
    with pytest.raises(LabError, match="the moon is full: not within 0 s"):
        wait.until(lambda: False, 0, "the moon is full", "wait longer")


@pytest.mark.parametrize(
    "script",
    [
        "host/lab-init",
        "host/finish",
        "world/docker-packages",
        "world/world",
        "node/docker-entrypoint.sh",
        "postgres/docker-entrypoint.sh",
    ],
)
def test_scripts_are_executable_and_their_syntax_is_right(script: str) -> None:
    path = recipes.CONTEXTS / script
    assert path.stat().st_mode & 0o111
    shell = path.read_text().splitlines()[0].removeprefix("#!").strip()
    subprocess.run([shell, "-n", str(path)], check=True)
