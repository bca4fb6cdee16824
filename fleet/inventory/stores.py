"""Where a host's off-site copies go, checked; and which hosts keep copies for which."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from aipbx_agent.contract import OFFSITE
from fleet.errors import OperatorError
from fleet.inventory import hosts

if TYPE_CHECKING:
    from fleet.inventory.hosts import Host

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253)]
PREFIX = "aipbxoffsite-"
# Linux takes no longer account names.
LONGEST = 32
# All that an origin's account may ask of SFTP. Neither remove nor setstat is among it, nor anything else that could
# undo what has arrived; `rename` never replaces a file (sftp-server links, and unlinks).
REQUESTS = (
    "open", "close", "read", "write", "lstat", "fstat", "stat", "realpath", "opendir", "readdir", "rename",
    "fsync", "statvfs", "limits",
)  # fmt: skip


class Peer(BaseModel):
    """Another host of the inventory, over SFTP.

    Args:
        address: where its SSH answers, when its name does not lead there (Cloudflare); empty: its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sftp"]
    host: Name
    address: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9.:-]*)?$")] = ""


class Bucket(BaseModel):
    """Object storage that speaks S3; its keys are OFFSITE_S3_ACCESS_KEY_ID and OFFSITE_S3_SECRET_ACCESS_KEY."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["s3"]
    endpoint: Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.-]+(:\d+)?$")]
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]


OffSite = Annotated[
    Annotated[Peer | Bucket, Field(discriminator="kind")] | None, BeforeValidator(lambda value: value or None)
]


def account(origin: str) -> str:
    """Return the account on a peer that copies of the host called `origin` come by: its own, so that it sees no others.

    A dot becomes a hyphen and a hyphen two, so that no two domains share an account.
    """
    name = PREFIX + origin.replace("-", "--").replace(".", "-")
    if len(name) <= LONGEST:
        return name
    return PREFIX + hashlib.sha256(origin.encode()).hexdigest()[: LONGEST - len(PREFIX)]


def folder(app_dir: str, origin: str) -> str:
    """Return where a peer keeps what comes from the host called `origin`."""
    return f"{app_dir}/offsite/{origin}"


def confined(app_dir: str, origin: str) -> dict[str, str]:
    """Return how sshd treats the account of an origin, keyword by value as `sshd -T` prints them.

    Args:
        app_dir: where aiPBX lives on the peer.
        origin: the host.
    """
    return {
        "authorizedkeysfile": f"{OFFSITE}/authorized/{account(origin)}",
        "chrootdirectory": folder(app_dir, origin),
        # Files arrive readable for their account, and writable for no one.
        "forcecommand": f"internal-sftp -d / -u 0277 -l INFO -p {','.join(REQUESTS)}",
        "allowtcpforwarding": "no",
        "disableforwarding": "yes",
        "permittty": "no",
        "maxsessions": "1",
    }


def agent_settings(origin: str, store: Peer | Bucket | None) -> dict[str, Any]:
    """Return the agent's configuration of its store.

    Args:
        origin: the host.
        store: from its data.
    """
    if store is None:
        return {}
    values = store.model_dump()
    if isinstance(store, Peer):
        values |= {"address": store.address or store.host, "account": account(origin)}
    return values


def origins(name: str) -> list[Host]:
    """Return the hosts of the inventory whose copies the host called `name` keeps, in the inventory's order."""
    return [host for host in hosts.load() if _peer(host) == name]


def check(name: str) -> None:
    """Whether the store of the host called `name` can be what it says.

    Raises:
        OperatorError: it names itself, an unknown host, or one that cannot be reached by its name; or a staging host
            and one of production would share a store.
    """
    fleet = {host.name: host for host in hosts.load()}
    if name in fleet:
        _refuse_mixed(fleet[name], list(fleet.values()))
    peer = _peer(fleet[name]) if name in fleet else None
    if peer is None:
        return
    if peer == name or peer not in fleet:
        others = ", ".join(other for other in fleet if other != name) or "none"
        raise OperatorError(
            f"{name}: its off-site copies cannot go to {peer}.",
            "That is the host itself." if peer == name else "The inventory has no such host.",
            f"Name another host of the inventory in its `offsite`: {others}.",
        )
    if fleet[peer].data.get("cloudflare") and not fleet[name].data["offsite"].get("address"):
        raise OperatorError(
            f"{name}: its off-site copies cannot reach {peer} by its name.",
            f"{peer} is behind Cloudflare, which does not forward SSH.",
            f'Say where its SSH answers: offsite = {{"kind": "sftp", "host": "{peer}", "address": "203.0.113.20"}}',
        )


def _refuse_mixed(host: Host, fleet: list[Host]) -> None:
    """Refuse copies of production on a staging host, or the reverse, and a bucket of both."""
    bucket = _bucket(host)
    for other in (other for other in fleet if other.staging != host.staging):
        if _peer(host) == other.name or (bucket and bucket == _bucket(other)):
            kinds = ("production", "staging") if other.staging else ("staging", "production")
            raise OperatorError(
                f"{host.name}: its off-site copies would be in the same place as those of {other.name}.",
                f"{host.name} is {kinds[0]}, {other.name} is {kinds[1]}: neither may read or fill the other's.",
                "Name another host, or another bucket, in its `offsite`.",
            )


def _bucket(host: Host) -> tuple[Any, Any] | None:
    declared = host.data.get("offsite") or {}
    return (declared.get("endpoint"), declared.get("bucket")) if declared.get("kind") == "s3" else None


def _peer(host: Host) -> str | None:
    declared = host.data.get("offsite") or {}
    return str(declared.get("host")) if declared.get("kind") == "sftp" else None
