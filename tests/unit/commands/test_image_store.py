"""What a host says of its images, also when Docker does not answer."""

from __future__ import annotations

from pathlib import Path

from fleet.commands import image_store
from tests.unit.shell import sh, stub

DOCKER = """
case "$1 $2" in
    "image ls") [ "$5" = a ] && printf 'i1\\ni2\\n' || echo i2;;
    "image inspect") shift 4; for id; do echo "image|$id"; done;;
    "ps --all") echo c1;;
    "inspect --format") echo "used|$4"; exit 1;;
esac
"""


def test_images_and_what_uses_them(tmp_path: Path) -> None:
    done = sh(image_store.listed(["a", "b"]), stub(tmp_path / "bin", "docker", DOCKER))
    assert (done.returncode, done.stdout.split()) == (0, ["image|i1", "image|i2", "used|c1"])


def test_a_docker_that_does_not_answer_is_no_empty_list(tmp_path: Path) -> None:
    bin_ = stub(tmp_path / "bin", "docker", "exit 1")
    assert sh(image_store.listed(["a", "b"]), bin_).returncode == 1
    stub(bin_, "docker", DOCKER.replace("echo c1", "exit 1"))
    assert sh(image_store.listed(["a", "b"]), bin_).returncode == 1


def test_a_host_without_images_is_asked_of_none(tmp_path: Path) -> None:
    bin_ = stub(tmp_path / "bin", "docker", '[ "$2" != inspect ] && [ "$1" != inspect ] || echo asked')
    assert sh(image_store.listed(["a"]), bin_).stdout == ""


def test_free_bytes_where_docker_is(tmp_path: Path) -> None:
    done = sh(image_store.free(), stub(tmp_path / "bin", "docker", f"echo {tmp_path}"))
    assert int(done.stdout) > 0
