"""Whether the certificate authority will find this host under its names; asked the way that the authority asks."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.core.process import attempt, run
from aipbx_agent.tls.declared import Declared

SECONDS = 30
WELL_KNOWN = ".well-known/acme-challenge"


def require(config: Config, declared: Declared) -> None:
    """Refuse names that the authority would not find this host under.

    Raises:
        Refused: nginx does not answer, or a name leads elsewhere.
    """
    token = f"aipbx-{secrets.token_hex(16)}"
    challenge = _folder(config) / token
    challenge.write_text(token, "utf-8")
    challenge.chmod(0o644)
    try:
        _require(declared, token)
    finally:
        challenge.unlink(missing_ok=True)


def unknown(names: list[str]) -> list[str]:
    """Return the names that DNS does not know: no authority finds a host under them, whatever answers there."""
    return [name for name in names if not _resolved(name)]


def elsewhere(declared: Declared) -> dict[str, list[str]]:
    """Return the addresses by name that are neither this host's nor declared for it; nothing behind Cloudflare.

    It may be well: a proxy, or a cloud that translates addresses, may lead here. Only the authority's request shows it,
    and that needs a running nginx (`require`).
    """
    if declared.cloudflare:
        return {}
    ours = {*_own_addresses(), *declared.public_addresses}
    foreign = {name: [address for address in _resolved(name) if address not in ours] for name in declared.names}
    return {name: addresses for name, addresses in foreign.items() if addresses}


def _folder(config: Config) -> Path:
    """Make the folder of challenges, which nginx's container reads."""
    folder = config.app / "acme-challenge" / WELL_KNOWN
    for path in (folder.parent, folder):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
    return folder


def _require(declared: Declared, token: str) -> None:
    first = declared.names[0]
    if not _answers("127.0.0.1", first, token):
        raise Refused(
            "nginx on this host does not answer on port 80.",
            f"It must serve http://{first}/{WELL_KNOWN}/ for the authority to see.",
            "See `sudo docker ps` and the logs of nginx on the host; `inv deploy` starts it.",
        )
    # Cloudflare's addresses are not ours, and it may hold back a machine that asks like a machine.
    if declared.cloudflare:
        return
    own = _own_addresses()
    for name in declared.names:
        _require_name(name, own, declared.public_addresses, token)


def _require_name(name: str, own: list[str], translated: list[str], token: str) -> None:
    here = f"this host is {' '.join([*own, *translated])}"
    addresses = _resolved(name)
    if not addresses:
        raise Refused(
            f"{name} does not point here: DNS does not know it.",
            f"The authority would look it up and find nothing; {here}.",
            "Let it point to this host, or take it out of extra_names.",
        )
    for address in addresses:
        # A cloud that translates addresses may not let us reach ourselves by them.
        if _answers(address, name, token) or address in translated:
            continue
        if address in own:
            raise Refused(
                f"nginx does not answer at {address}.",
                f"DNS gives this address of ours for {name}, so browsers and the authority use it.",
                "Publish nginx's ports there (compose.yml), or take the address out of DNS.",
            )
        raise Refused(
            f"{name} does not point here.",
            f"DNS says {address}, where no one answers as we do; {here}.",
            "Correct its DNS records (or public_addresses in inventory.py), wait until they are known, try again.",
        )


def _answers(address: str, name: str, token: str) -> bool:
    """Whether an address answers for a name with our token; over https too, as the authority follows redirects."""
    authority = f"[{address}]" if ":" in address else address
    argv = ["curl", "--silent", "--location", "--insecure", "--max-time", "10", "--noproxy", "*"]
    url = f"http://{name}/{WELL_KNOWN}/{token}"
    return attempt([*argv, "--resolve", f"{name}:80:{authority}", url], seconds=SECONDS)[1] == token


def _own_addresses() -> list[str]:
    # What is not of that scope is an empty object.
    links = json.loads(run(["ip", "-json", "addr", "show", "scope", "global"], seconds=SECONDS))
    return [address["local"] for link in links for address in link.get("addr_info", []) if "local" in address]


def _resolved(name: str) -> list[str]:
    """Return a name's addresses from DNS alone: /etc/hosts often gives a server's own name a loopback address."""
    _, text = attempt(["getent", "-s", "dns", "ahosts", name], seconds=SECONDS)
    return sorted({line.split()[0] for line in text.splitlines() if line.strip()})
