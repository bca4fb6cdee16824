"""Docker's commands, also on a host where the container is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from aipbx_agent.core import arriving
from fleet.commands import docker
from tests.unit.shell import sh, stub

FILTERS = (
    "--filter label=com.docker.compose.project=aipbx --filter label=com.docker.compose.service=backend "
    "--filter label=com.docker.compose.oneoff=False"
)
ID = f"$(docker ps --all --quiet --latest {FILTERS})"
# Says what it was asked; `ps` finds the container that the file `id` names.
ASKED = 'here=$(dirname "$0")\nif [ "$1" = ps ]; then cat "$here/id"; else for word; do echo "<$word>"; done; fi'


def hosts_docker(folder: Path, container: str = "c0ffee") -> Path:
    stub(folder / "bin", "docker", ASKED)
    (folder / "bin" / "id").write_text(f"{container}\n" if container else "")
    return folder / "bin"


def test_a_service_is_found_by_its_labels() -> None:
    assert docker.of_service("aipbx", "backend") == ID


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (
            docker.address("aipbx", "backend", "/nowhere"),
            ["inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", "c0ffee"],
        ),
    ],
)
def test_a_container_is_asked_and_its_absence_is_silence(command: str, says: list[str], tmp_path: Path) -> None:
    there = sh(command, hosts_docker(tmp_path))
    assert (there.returncode, there.stdout.splitlines()) == (0, [f"<{word}>" for word in says])
    gone = sh(command, hosts_docker(tmp_path, container=""))
    assert (gone.returncode, gone.stdout, gone.stderr) == (0, "", "")


def test_exact() -> None:
    image = "ghcr.io/krasterisk/aipbx:abc"
    assert docker.absent([image, "nginx:1"]) == (
        f'for image in {image} nginx:1; do docker image inspect "$image" >/dev/null 2>&1 || echo "$image"; done'
    )
    assert docker.tags("ghcr.io/krasterisk/aipbx") == "docker image ls --format '{{.Tag}}' ghcr.io/krasterisk/aipbx"


@pytest.mark.parametrize("code", [0, 3])
def test_what_is_built_is_noted_until_the_disk_has_it(code: int, tmp_path: Path) -> None:
    note = arriving.note(tmp_path, "r:5000/b:abc")
    done = sh(docker.noted(str(tmp_path), "r:5000/b:abc", f"cat {note}; (exit {code})"))
    assert (done.returncode, done.stdout) == (code, f"{arriving.BOOT.read_text().strip()} r:5000/b:abc\n")
    assert not note.exists()


BUILD = docker.build("/b/src", "/i/Dockerfile", "/i", "r:1", {"RELEASE": "1", "SITE": "a b"})


@pytest.mark.parametrize(("driver", "parent"), [("systemd", "aipbxbuild.slice"), ("cgroupfs", "/aipbxbuild.slice")])
def test_a_build_runs_in_its_slice(driver: str, parent: str, tmp_path: Path) -> None:
    bin_ = stub(tmp_path / "bin", "systemctl", f'echo "$*" >{tmp_path}/started')
    stub(bin_, "docker", f'if [ "$1" = info ]; then echo {driver}; else for word; do echo "$word"; done; fi')
    done = sh(BUILD, bin_)
    assert (tmp_path / "started").read_text() == "start aipbxbuild.slice\n"
    assert done.stdout.splitlines() == [
        *["build", "--progress", "plain", "--file", "/i/Dockerfile", "--build-context", "image=/i", "--tag", "r:1"],
        *["--build-arg", "RELEASE=1", "--build-arg", "SITE=a b", "--cgroup-parent", parent, "/b/src"],
    ]


def test_without_its_slice_nothing_is_built(tmp_path: Path) -> None:
    bin_ = stub(tmp_path / "bin", "systemctl", "exit 5")
    stub(bin_, "docker", f"touch {tmp_path}/built")
    assert sh(BUILD, bin_).returncode == 5
    assert not (tmp_path / "built").exists()


def test_a_build_that_fails_fails(tmp_path: Path) -> None:
    bin_ = stub(tmp_path / "bin", "systemctl", "true")
    stub(bin_, "docker", '[ "$1" = info ] && echo systemd || exit 3')
    assert sh(BUILD, bin_).returncode == 3
