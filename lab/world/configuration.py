"""What the world is told about one lab: the files that its services read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.machines.archive import Seed
from lab.topology import HOSTS, WORLD_NUMBER, Subnet
from lab.world import mail_server, object_storage

if TYPE_CHECKING:
    from lab.images.mirror import Mirror, Sources

# The names that the world answers for, with its own address and a certificate of the lab's authority.
NAMES = (
    "registry-1.docker.io",
    "auth.docker.io",
    "ghcr.io",
    "acme-v02.api.letsencrypt.org",
    "download.docker.com",
    "deb.debian.org",
    "security.debian.org",
    "registry.npmjs.org",
    "github.com",
    "storage.yandexcloud.net",
    "hooks.slack.com",
    "api.telegram.org",
    "hc-ping.com",
    mail_server.NAME,
)


def dnsmasq(subnet: Subnet) -> str:
    """Return the configuration of the lab's DNS server.

    A ``local`` line makes the server the only authority for a domain: it never asks anyone else about it.
    """
    world = f"{subnet.address4(WORLD_NUMBER)},{subnet.address6(WORLD_NUMBER)}"
    lines = ["user=root", "no-hosts", "no-resolv", "server=127.0.0.11", "bind-interfaces"]
    lines += [f"listen-address=127.0.0.1,{world}"]
    for spec in HOSTS:
        addresses = f"{subnet.address4(spec.number)},{subnet.address6(spec.number)}"
        lines += [f"local=/{spec.name}/", f"host-record={spec.name},www.{spec.name},{addresses}"]
    for name in NAMES:
        lines += [f"local=/{name}/", f"host-record={name},{world}"]
    return "\n".join(lines) + "\n"


def nginx_mirror(mirror: Mirror) -> str:
    """Return the part of nginx's configuration that names the mirrors behind Debian's archives."""
    return f"map $archive $mirror {{\n    debian {mirror.main};\n    debian-security {mirror.security};\n}}\n"


def nginx_npm(registry: str) -> str:
    """Return the part of nginx's configuration that names the registry behind npm's."""
    return f"map $uri $npm {{\n    default {registry};\n}}\n"


def seeds(subnet: Subnet, sources: Sources, certificate: bytes, key: bytes, operator_key: str) -> list[Seed]:
    """Return the files of one lab's world.

    Args:
        sources: Where packages come from.
        certificate: The chain for NAMES, as PEM.
        key: Its private key, as PEM.
        operator_key: The public SSH key that may read and write the git repositories.
    """
    return [
        Seed("/etc/world/dnsmasq.conf", dnsmasq(subnet).encode()),
        Seed("/etc/world/mirror.conf", nginx_mirror(sources.mirror).encode()),
        Seed("/etc/world/npm.conf", nginx_npm(sources.npm).encode()),
        Seed("/etc/world/authorities.crt", sources.authorities),
        Seed("/etc/world/server.crt", certificate),
        Seed("/etc/world/server.key", key, mode=0o600),
        Seed("/etc/world/authorized_keys", operator_key.encode()),
        Seed("/etc/world/object-storage.json", object_storage.settings(), mode=0o600),
    ]
