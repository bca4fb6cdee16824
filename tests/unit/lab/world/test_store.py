from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from typing import cast

from lab.machines.archive import Seed
from lab.world import store
from lab.world.container import World
from lab.world.store import Offer, with_layer

GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CONFIG = {
    "created": "2026-01-01T00:00:00Z",
    "rootfs": {"type": "layers", "diff_ids": ["sha256:one"]},
    "history": [{"created": "2026-01-01T00:00:00Z"}],
    "config": {"User": "node"},
}
MANIFEST = {
    "schemaVersion": 2,
    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": "sha256:old"},
    "layers": [{"mediaType": GZIP, "size": 1, "digest": "sha256:two"}],
}


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_further_layer_is_named_by_manifest_and_configuration() -> None:
    files = with_layer(json.dumps(MANIFEST).encode(), json.dumps(CONFIG).encode(), [Seed("/a/b.crt", b"PEM")])
    manifest = json.loads(files.pop("manifest.json"))
    assert {f"sha256:{name}" for name in files} == {manifest["config"]["digest"], manifest["layers"][1]["digest"]}
    assert all(digest(content) == f"sha256:{name}" for name, content in files.items())
    layer = files[manifest["layers"][1]["digest"].removeprefix("sha256:")]
    assert manifest["layers"][0] == MANIFEST["layers"][0]  # type: ignore[index]
    assert manifest["layers"][1]["size"] == len(layer)
    config = json.loads(files[manifest["config"]["digest"].removeprefix("sha256:")])
    assert config["config"] == CONFIG["config"]
    assert config["rootfs"]["diff_ids"] == ["sha256:one", digest(gzip.decompress(layer))]
    assert len(config["history"]) == 2
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert tar.extractfile("a/b.crt").read() == b"PEM"  # type: ignore[union-attr]


def test_the_same_layer_is_the_same_bytes() -> None:
    def made() -> dict[str, bytes]:
        return with_layer(json.dumps(MANIFEST).encode(), json.dumps(CONFIG).encode(), [Seed("/a", b"x")])

    assert made() == made()


def test_an_offer_changes_with_its_image_and_its_authority() -> None:
    marks = {Offer("r", "i:1").mark, Offer("r", "i:2").mark, Offer("r", "i:1", b"a").mark, Offer("r", "i:1", b"b").mark}
    assert len(marks) == 4


class Asked:
    """A world that answers one command and remembers all."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.commands: list[str] = []

    def run(self, command: str, *_: object, **__: object) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        return subprocess.CompletedProcess(command, 0, self.answer, "")


def test_what_another_lab_kept_is_not_made_again() -> None:
    kept, new = Offer("ghcr.io/a/b:1", "lab/a:1"), Offer("ghcr.io/a/b:2", "lab/a:2")
    world = Asked(f"{kept.folder}\n/var/cache/images/blobs\n")
    assert store.unkept(cast(World, world), [kept, new]) == [new]


def test_an_image_is_kept_under_its_name_only_when_it_is_complete() -> None:
    world = Asked("")
    offer = Offer("ghcr.io/a/b:1", "lab/a:1")
    store.keep(cast(World, world), offer)
    copied, _, moved = world.commands[0].partition('mv -T "$new" ')
    assert 'docker://127.0.0.1:5001/a/b:1 "dir:$new"' in copied
    assert offer.folder not in copied
    assert moved.startswith(offer.folder)


def test_images_of_one_repository_are_pushed_one_after_the_other() -> None:
    offers = [Offer(f"ghcr.io/{name}", name) for name in ("a/b:1", "a/c:1", "a/b:2", "a/c:2")]
    assert store.by_repository(offers) == [[offers[0], offers[2]], [offers[1], offers[3]]]
