"""Secrets of a repository or of an environment: their ages can be read, their values only written."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet.ci.github.api import Api


def ages(api: Api, place: str) -> dict[str, datetime]:
    """Return when each secret was last set, by name.

    Args:
        place: the path of the secrets.
    """
    return {entry["name"]: datetime.fromisoformat(entry["updated_at"]) for entry in api.entries(place, "secrets")}


def put(api: Api, place: str, values: dict[str, str]) -> None:
    """Set secrets: each encrypted for the key of its place, which GitHub alone can decrypt.

    Args:
        place: the path of the secrets.
        values: by name.
    """
    key = api.get(f"{place}/public-key", "key", "key_id")
    for name, value in values.items():
        content = {"encrypted_value": _encrypted(value, key["key"]), "key_id": key["key_id"]}
        api.send("PUT", f"{place}/{name}", content)


def _encrypted(value: str, key: str) -> str:
    from nacl.public import PublicKey, SealedBox

    return base64.b64encode(SealedBox(PublicKey(base64.b64decode(key))).encrypt(value.encode())).decode()
