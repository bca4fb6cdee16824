"""The object storage that the world offers, as a host or a story finds it: endpoint, keys, buckets."""

from __future__ import annotations

import json

from lab.topology import HOSTS

ENDPOINT = "https://storage.yandexcloud.net"
REGION = "ru-central1"
ACCESS_KEY = "aipbx-lab-backups"
# With the characters that providers' secrets have and that quoting gets wrong.
SECRET_KEY = "lab/only+opens=nothing/Elsewhere"  # noqa: S105 # it opens the lab's own buckets, and nothing else


def bucket(host: str) -> str:
    """Return the name of the bucket that a host's backups go to.

    Args:
        host: The host's name, such as ``aipbx.org``.
    """
    return f"{host.replace('.', '-')}-backups"


def settings() -> bytes:
    """Return what the server in the world is told, as JSON: region, secret key by access key, buckets."""
    values = {
        "region": REGION,
        "keys": {ACCESS_KEY: SECRET_KEY},
        "buckets": [bucket(spec.name) for spec in HOSTS],
    }
    return json.dumps(values).encode()
