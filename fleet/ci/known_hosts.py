"""Where CI reaches the hosts, and which keys they have: taken from an operator's files, who has compared them once."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.checkout import ROOT
from fleet.errors import OperatorError
from fleet.output import say
from fleet.ssh import known_hosts, ssh_config

if TYPE_CHECKING:
    from fleet.remote import Remote

CONFIG = ".github/ssh_config"
KEYS = ".github/known_hosts"
_BEGIN = "# Written by `inv github.known-hosts`: {} for CI, as an operator knows them.\n"
_KIND = "ssh-ed25519"


def write(hosts: list[Remote], root: Path = ROOT) -> None:
    """Write both files.

    Args:
        hosts: those that CI deploys to.
        root: the checkout.

    Raises:
        OperatorError: a host is reached by another one, or its key is not known here.
    """
    ways = [_way(remote) for remote in hosts]
    config = "".join(
        f"Host {name}\n  HostName {address}\n  Port {port}\n  HostKeyAlias {name}\n" for name, address, port, _ in ways
    )
    keys = "".join(f"{name} {_KIND} {key}\n" for name, _, _, key in ways)
    (root / CONFIG).write_text(_BEGIN.format("addresses") + config, "utf-8")
    (root / KEYS).write_text(_BEGIN.format("host keys") + keys, "utf-8")
    for name, address, port, key in ways:
        fingerprint = base64.b64encode(hashlib.sha256(base64.b64decode(key)).digest()).decode().rstrip("=")
        say(f"{name}: {address}, port {port}, SHA256:{fingerprint}")
    say(f"Wrote {CONFIG} and {KEYS}. Compare the fingerprints, and commit both.", "green")


def _way(remote: Remote) -> tuple[str, str, int, str]:
    name, route = remote.name, ssh_config.route(remote.name, remote.account)
    if route.jump or route.proxy:
        raise OperatorError(
            f"{name} is reached by another host, or by a command.",
            "A runner of CI has neither.",
            "Give it an address that a runner reaches, or leave it out: --host=…",
        )
    known = known_hosts.read(route.known_hosts, route.host_key_names)
    for each in route.host_key_names:
        entry = known.keys.lookup(each)
        if entry and _KIND in entry:
            return name, route.address, route.port, entry[_KIND].get_base64()
    raise OperatorError(
        f"{name}'s host key is not known here.",
        f"Of a converged host it is the {_KIND} one; CI accepts no other than what you have compared.",
        f"inv doctor --host={name} says how it comes into known_hosts.",
    )
