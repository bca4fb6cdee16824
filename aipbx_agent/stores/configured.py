"""The store that this host's configuration names."""

from __future__ import annotations

from aipbx_agent.core.config import Config
from aipbx_agent.stores.base import Store


def where(config: Config) -> str:
    """Return how this host's store is called, for an operator and in offsite.json; empty when there is none."""
    declared = config.raw["offsite"]
    if not declared:
        return ""
    if declared["kind"] == "sftp":
        return f"sftp://{declared['host']}"
    return f"s3://{declared['bucket']}@{declared['endpoint'].partition('://')[2]}"


def of(config: Config) -> Store | None:
    """This host's store; None when none is declared.

    Raises:
        Refused: it is declared, and cannot be used with what this host has.
    """
    declared = config.raw["offsite"]
    if not declared:
        return None
    if declared["kind"] == "sftp":
        from aipbx_agent.stores.sftp import SftpStore

        return SftpStore(where(config), config.host, declared)
    from aipbx_agent.stores.s3 import S3Store

    return S3Store(where(config), config, declared)
