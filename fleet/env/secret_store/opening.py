"""The store that a host's data name."""

from __future__ import annotations

from fleet.env.secret_store.aws import AwsStore
from fleet.env.secret_store.protocol import SecretStore
from fleet.env.secret_store.vault import VaultStore
from fleet.inventory.secret_sources import Source, Vault


def store(host: str, source: Source) -> SecretStore:
    """Return the entry of the host called `host`; nothing is asked yet."""
    return VaultStore(source, host) if isinstance(source, Vault) else AwsStore(source, host)
