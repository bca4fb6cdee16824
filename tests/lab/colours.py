"""The colour that serves on a host, for stories that inspect its container."""

from __future__ import annotations

from fleet.commands import colours
from lab.machines.host import Host


def serving(host: Host, service: str) -> str:
    """The Compose service that serves as `service`."""
    return host.run(f"echo {colours.serving('/app/aipbx', service)}").stdout.strip()


def container(host: Host, service: str) -> str:
    """The name of its container."""
    return f"aipbx-{serving(host, service)}-1"
