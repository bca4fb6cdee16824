"""The files in .lab/ with which OpenSSH, git, pyinfra and the tasks find the lab's hosts and its GitHub."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lab.access.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lab.running import Running

GIT_HOST = "github.com"
# The lab's own authority, and the one that answers as Let's Encrypt: they vouch for the hosts' certificates.
AUTHORITIES = "authorities.pem"


def ssh_config(directory: Path, addresses: Mapping[str, str]) -> str:
    """Return an SSH client configuration.

    It names no user: pyinfra and the tasks choose between root and the deploy user.

    Args:
        directory: The lab's folder, an absolute path.
        addresses: IPv4 address by host name.
    """
    head = "# Written by inv lab.up: these names lead to the lab, never to the internet.\n"
    return head + "".join(
        f"""
Host {name}
    HostName {address}
    Port 22
    IdentityFile "{directory}/id_ed25519"
    IdentitiesOnly yes
    UserKnownHostsFile "{directory}/known_hosts"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
"""
        for name, address in addresses.items()
    )


def known_hosts(keys: Mapping[str, Sequence[str]], addresses: Mapping[str, str]) -> str:
    """Return the lines of a known_hosts file: each key under the host's name and address.

    Args:
        keys: Public host keys (type and key) by host name.
        addresses: IPv4 address by host name.
    """
    lines = (f"{name},{addresses[name]} {key}\n" for name, own in keys.items() for key in own)
    return "".join(lines)


def write(running: Running, facts: Mapping[str, object]) -> None:
    """Write ssh_config, known_hosts, authorities.pem and state.json, and make room for the lab's own env files.

    Every host's name leads into the lab, also while it does not run: it must never lead to the real server.

    Args:
        running: The lab; its small internet runs: it is github.com as well.
        facts: What else state.json tells.
    """
    world, directory = running.world, running.lab.directory
    addresses = {host.name: host.address4 for host in running.hosts} | {GIT_HOST: world.address4}
    keys = {host.name: host.host_keys() for host in running.running_hosts} | {GIT_HOST: [world.git_host_key()]}
    directory.mkdir(exist_ok=True)
    (directory / "ssh_config").write_text(ssh_config(directory, addresses))
    (directory / "known_hosts").write_text(known_hosts(keys, addresses))
    own = Authority(directory / "ca").certificate.read_bytes()
    (directory / AUTHORITIES).write_bytes(own + world.acme_root())
    (directory / "env").mkdir(exist_ok=True)
    state = {
        "lab": running.lab.id,
        "engine": running.docker.address,
        "hosts": {host.name: {"ipv4": host.address4, "ipv6": host.address6} for host in running.running_hosts},
        **facts,
    }
    (directory / "state.json").write_text(json.dumps(state, indent=2) + "\n")
