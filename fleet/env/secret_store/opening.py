"""The store that a host's data name."""

from __future__ import annotations

from fleet.env.secret_store.aws import AwsStore
from fleet.env.secret_store.protocol import SecretStore
from fleet.env.secret_store.sops import SopsStore
from fleet.env.secret_store.vault import VaultStore
from fleet.inventory.secret_sources import Aws, Source, Vault


def store(host: str, source: Source) -> SecretStore:
    """Return the entry of the host called `host`; nothing is asked yet."""
    if isinstance(source, Vault):
        return VaultStore(source, host)
    return AwsStore(source, host) if isinstance(source, Aws) else SopsStore(host)
