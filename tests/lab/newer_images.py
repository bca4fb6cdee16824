"""Another image under a name that the world's registry has already, as when a publisher builds a tag again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.machines.archive import Seed
from lab.world.container import World

FOLDER = "/tmp/newer-image"  # noqa: S108  in the world
REGISTRY = "docker://127.0.0.1:5000"
_COPY = "skopeo --insecure-policy copy --quiet --src-tls-verify=false --dest-tls-verify=false"


@contextmanager
def kept(world: World, name: str) -> Iterator[None]:
    """Whatever is published under a name within this block, afterwards it has what it had."""
    world.run(f"{_COPY} {REGISTRY}/{name} dir:{FOLDER}-before", 120)
    try:
        yield
    finally:
        world.run(f"{_COPY} dir:{FOLDER}-before {REGISTRY}/{name}; rm -r {FOLDER}*", 120)


def publish(world: World, name: str, **configuration: Any) -> str:
    """Publish an image that differs from the one before in these parts of its configuration.

    Args:
        name: as `library/nginx:1.30-alpine`.
        configuration: as `Entrypoint`.

    Returns: its digest.
    """
    world.run(f"{_COPY} dir:{FOLDER}-before dir:{FOLDER}", 120)
    manifest = json.loads(world.run(f"cat {FOLDER}/manifest.json").stdout)
    described = json.loads(world.run(f"cat {FOLDER}/{_file(manifest)}").stdout)
    described["config"] |= configuration
    content = json.dumps(described).encode()
    manifest["config"] |= {"size": len(content), "digest": f"sha256:{hashlib.sha256(content).hexdigest()}"}
    listed = json.dumps(manifest).encode()
    world.put([Seed(f"{FOLDER}/{_file(manifest)}", content), Seed(f"{FOLDER}/manifest.json", listed)])
    world.run(f"{_COPY} --preserve-digests dir:{FOLDER} {REGISTRY}/{name}", 120)
    return f"sha256:{hashlib.sha256(listed).hexdigest()}"


def _file(manifest: dict[str, Any]) -> str:
    return str(manifest["config"]["digest"]).partition(":")[2]
