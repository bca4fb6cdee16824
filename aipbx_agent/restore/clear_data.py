"""Customers' data do not come to a staging host, and made-up ones do not replace them: held by the host itself."""

from __future__ import annotations

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused


def refuse(config: Config, title: str, origin: str, *, scrubbed: bool) -> None:
    """Refuse data that do not belong on this host.

    Args:
        title: what people call them.
        origin: the host where they were taken; empty: no one knows.
        scrubbed: whether customers in them are made up (aipbx_agent/staging).

    Raises:
        Refused: they are customers' on a staging host, or made up in production.
    """
    staging = config.raw["staging"]
    if config.host not in staging and scrubbed:
        raise Refused(
            f"{title} has no real customers, and {config.host} is not a staging host.",
            "It was scrubbed: names, mail addresses and keys in it are made up.",
            f"inv backups --host={config.host} shows the sets of this host.",
        )
    if config.host in staging and not scrubbed and origin not in staging:
        where = f"on {origin}, which is not staging" if origin else "no one knows where"
        raise Refused(
            f"{config.host} is a staging host: {title} is not brought there.",
            f"It was taken {where}: names, mail addresses, calls and keys of customers would be on it in clear.",
            f"inv staging.refresh --host={config.host} --from=<a production host> brings scrubbed data.",
        )
