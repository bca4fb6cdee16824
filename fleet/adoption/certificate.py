"""The certificate that a proxy installed by hand serves: where its configuration says it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fleet import agent
from fleet.commands import adoption as commands
from fleet.output import step
from fleet.tls import operations

if TYPE_CHECKING:
    from fleet.adoption.hand_made import HandMade
    from fleet.remote import Remote

LETSENCRYPT = "/etc/letsencrypt/"
SECONDS = 240


@dataclass(frozen=True)
class Served:
    """Paths of a chain and its key, inside the proxy's container."""

    chain: str
    key: str

    @property
    def source(self) -> Literal["letsencrypt", "supplied"]:
        """Where it comes from, as the host's data call it."""
        return "letsencrypt" if self.chain.startswith(LETSENCRYPT) else "supplied"


def read(remote: Remote, old: HandMade) -> Served | None:
    """Return the certificate that the old proxy serves for the host's name; None when it serves none."""
    if "nginx" not in old.containers:
        return None
    return parse(remote.sudo_output(commands.proxy_configuration(old.containers["nginx"].identity)), remote.name)


def parse(configuration: str, host: str) -> Served | None:
    """Return the certificate in nginx's configuration: that of the server with this name, else the first."""
    text = re.sub(r"(?m)#.*$", "", configuration)
    served: list[Served] = []
    for server in re.split(r"\bserver\s*\{", text)[1:]:
        chain, key = (re.search(rf"\b{name}\s+([^;\s]+)\s*;", server) for name in ("ssl_certificate", f"{_KEY}"))
        if chain and key:
            names = re.search(r"\bserver_name\s+([^;]+);", server)
            mine = bool(names) and host in str(names[1] if names else "").split()
            served.insert(0 if mine else len(served), Served(chain[1].strip("\"'"), key[1].strip("\"'")))
    return served[0] if served else None


_KEY = "ssl_certificate_key"


def take_over(remote: Remote, old: HandMade) -> None:
    """Copy the old proxy's certificate, and certbot's accounts, to where ours are read; what runs is not touched.

    Raises:
        OperatorError: it cannot be served, as it has expired or lacks a name.
    """
    served = read(remote, old)
    if served is None or operations.status(remote).file:
        return
    nginx = old.containers["nginx"].identity
    with step(f"certificate {served.chain}"):
        if served.source == "letsencrypt":
            remote.sudo_output(commands.copy_letsencrypt(nginx, remote.settings.app_dir))
        installed = commands.pem(nginx, served.chain, served.key)
        agent.query(remote, ["certificate-supply"], fed_by=installed, seconds=SECONDS)
