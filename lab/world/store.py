"""The stand-in images in a lab's registries: compressed once per machine, copied into each lab's world."""

from __future__ import annotations

import gzip
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.machines.archive import Seed, archive
from lab.world.container import REGISTRIES, STORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.world.container import World

_RECORD = "/var/lib/world/stand-ins"
_TIMEOUT = 600
# Where a stand-in that calls the world's names looks for the authority that signed for them.
AUTHORITY = "/usr/local/share/ca-certificates/aipbx-lab.crt"
_COPY = "skopeo --insecure-policy copy --quiet"
# The registry is on the same machine: what gzip would save further costs more than twice the time.
_COMPRESS = "--dest-compress --dest-compress-level=1"
_BLOBS = f"{STORE}/blobs"


@dataclass(frozen=True)
class Offer:
    """An image under the name at which production finds the real one.

    Args:
        reference: Registry, name and tag, such as ``docker.io/library/node:22-slim``.
        image: The image's tag in the engine.
        authority: The certificate, as PEM, that it gets in addition; none for most.
    """

    reference: str
    image: str
    authority: bytes = b""

    @property
    def mark(self) -> str:
        """What differs when the image or the authority is another one."""
        return f"{self.image}+{hashlib.sha256(self.authority).hexdigest()[:12]}"

    @property
    def folder(self) -> str:
        """Where the store keeps the image."""
        return f"{STORE}/{self.image.replace('/', '_').replace(':', '_')}"

    @property
    def address(self) -> str:
        """Where the world's registry has it, as skopeo names it."""
        registry, _, name = self.reference.partition("/")
        return f"docker://{REGISTRIES[registry]}/{name}"


def ensure(world: World, offers: Sequence[Offer]) -> None:
    """Put the images that are not in the registries yet there."""
    missing = lacking(world, offers)
    if not missing:
        return
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda offer: _take(world, offer), unkept(world, missing)))
        list(pool.map(lambda offers: _serve_all(world, offers), by_repository(missing)))
    record = _record(world) | {offer.reference: offer.mark for offer in missing}
    lines = "".join(f"{reference} {mark}\n" for reference, mark in record.items())
    world.run(f"cat >{_RECORD}", stdin=lines.encode())


def by_repository(offers: Sequence[Offer]) -> list[list[Offer]]:
    """Group offers by the repository that they are tags of.

    Two pushes into one repository at the same time do not go together: the registry writes the link to a layer that
    both have in two steps, and anyone who asks for it between them gets the status 500 (seen).
    """
    found: dict[str, list[Offer]] = {}
    for offer in offers:
        found.setdefault(offer.reference.rpartition(":")[0], []).append(offer)
    return list(found.values())


def lacking(world: World, offers: Sequence[Offer]) -> list[Offer]:
    """Return the offers that are not in the registries yet."""
    record = _record(world)
    return [offer for offer in offers if record.get(offer.reference) != offer.mark]


def unkept(world: World, offers: Sequence[Offer]) -> list[Offer]:
    """Return the offers whose image the store does not have."""
    there = set(world.run(f"ls -d {STORE}/*", check=False).stdout.split())
    return [offer for offer in offers if offer.folder not in there]


def keep(world: World, offer: Offer) -> None:
    """Put an image that was pushed into the world's registry into the store as well."""
    # Images that share layers share their files.
    link = (
        f'for blob in "$new"/[0-9a-f]*; do '
        f'ln "$blob" {_BLOBS}/ 2>/dev/null || ln -f "{_BLOBS}/${{blob##*/}}" "$blob"; done'
    )
    copy = f'mkdir -p {_BLOBS} && {_COPY} --src-tls-verify=false {offer.address} "dir:$new"'
    world.run(_stored(offer, f"{copy} && {link}"), _TIMEOUT)


def with_layer(manifest: bytes, config: bytes, files: Sequence[Seed]) -> dict[str, bytes]:
    """Return what makes an image one with a further layer: content by file name, as skopeo's ``dir:`` has it.

    Args:
        manifest: The image's manifest.
        config: Its configuration.
        files: What the layer holds.
    """
    plain = archive(files, 0)
    packed = gzip.compress(plain, mtime=0)
    described: dict[str, Any] = json.loads(config)
    described["rootfs"]["diff_ids"].append(f"sha256:{_digest(plain)}")
    described["history"].append({"created": described["created"], "created_by": "the lab's authority"})
    new_config = json.dumps(described).encode()
    listed: dict[str, Any] = json.loads(manifest)
    kind = listed["layers"][0]["mediaType"]
    listed["layers"].append({"mediaType": kind, "size": len(packed), "digest": f"sha256:{_digest(packed)}"})
    listed["config"] |= {"size": len(new_config), "digest": f"sha256:{_digest(new_config)}"}
    return {
        "manifest.json": json.dumps(listed).encode(),
        _digest(new_config): new_config,
        _digest(packed): packed,
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _record(world: World) -> dict[str, str]:
    listed = world.run(f"cat {_RECORD} 2>/dev/null", check=False).stdout
    return dict(line.split() for line in listed.splitlines())


def _take(world: World, offer: Offer) -> None:
    world.take(offer.image, _stored(offer, f'{_COPY} {_COMPRESS} "docker-archive:$file" "dir:$new"'))


def _serve_all(world: World, offers: Sequence[Offer]) -> None:
    for offer in offers:
        _serve(world, offer)


def _serve(world: World, offer: Offer) -> None:
    source = _trusting(world, offer.folder, offer.authority) if offer.authority else offer.folder
    world.run(f"{_COPY} --dest-tls-verify=false dir:{source} {offer.address}", _TIMEOUT)
    if source != offer.folder:
        world.run(f"rm -r {source}")


def _stored(offer: Offer, fill: str) -> str:
    """Return a script that has another one fill the folder ``$new``, which then becomes the image's."""
    # Another lab may do the same at the same time: the first one wins.
    return (
        f"mkdir -p {STORE} && new=$(mktemp -d {STORE}/new.XXXXXX) && {fill} && "
        f'{{ mv -T "$new" {offer.folder} 2>/dev/null || rm -rf "$new"; }}'
    )


def _trusting(world: World, kept: str, authority: bytes) -> str:
    """Return a folder with the image that is kept in another, and the authority's certificate in a layer on top."""
    manifest = world.run(f"cat {kept}/manifest.json").stdout
    digest = json.loads(manifest)["config"]["digest"].removeprefix("sha256:")
    config = world.run(f"cat {kept}/{digest}").stdout
    folder = world.run(f'd=$(mktemp -d) && ln -s {kept}/* "$d" && rm "$d/manifest.json" && echo "$d"').stdout.strip()
    files = with_layer(manifest.encode(), config.encode(), [Seed(AUTHORITY, authority)])
    world.put([Seed(f"{folder}/{name}", content) for name, content in files.items()])
    return folder
