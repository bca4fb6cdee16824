"""A host's data, checked: every value has a type and bounds, and a malformed one is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from fleet.errors import OperatorError

Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Account = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
Version = Annotated[str, Field(pattern=r"^(\d+:)?\d[A-Za-z0-9.+~-]*$")]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(ip_network)]


class Settings(BaseModel):
    """What group_data/all.py documents, typed. Unknown names are refused: a typing error must not be silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\r\n]*$")]
    deploy_user: Account
    first_login_users: list[Account]
    web_ports: Annotated[list[Port], Field(min_length=1)]
    rtp_ports: Annotated[list[Port], Field(min_length=1)]
    pbx_addresses: list[Network]
    docker_packages: dict[str, Version]
    docker_repository: Annotated[str, Field(pattern=r"^https://[^\s]+[^/\s]$")]
    docker_log_max_mib: Annotated[int, Field(ge=1, le=1024)]
    docker_log_files: Annotated[int, Field(ge=1, le=100)]
    docker_restart_during_calls: bool
    app_dir: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]+)+$")]
    min_free_disk_mib: Annotated[int, Field(ge=100)]
    journal_max_mib: Annotated[int, Field(ge=50)]
    swap_below_memory_mib: Annotated[int, Field(ge=0)]
    swap_mib: Annotated[int, Field(ge=128, le=65536)]
    udp_buffer_bytes: Annotated[int, Field(ge=212992, le=2**30)]
    security_updates_hour_utc: Annotated[int, Field(ge=0, le=23)]
    apt_lock_timeout_seconds: Annotated[int, Field(ge=1, le=3600)]
    guard_seconds: Annotated[int, Field(ge=15, le=600)]
    fail2ban_max_failures: Annotated[int, Field(ge=2, le=100)]
    fail2ban_ban_seconds: Annotated[int, Field(ge=60)]
    fail2ban_never_ban: list[Network]

    @field_validator("docker_packages")
    @classmethod
    def _engine_and_plugins(cls, value: dict[str, str]) -> dict[str, str]:
        needed = {"docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin", "docker-compose-plugin"}
        if set(value) != needed:
            raise ValueError(f"must pin exactly {', '.join(sorted(needed))}")
        return value

    @field_validator("pbx_addresses", "fail2ban_never_ban", mode="after")
    @classmethod
    def _no_network_is_everything(cls, value: list[IPv4Network | IPv6Network]) -> list[IPv4Network | IPv6Network]:
        if any(network.prefixlen == 0 for network in value):
            raise ValueError("a network of /0 is the whole internet; for `any`, leave the list empty")
        return value


def of_host(name: str, data: Mapping[str, Any]) -> Settings:
    """Check the data of the host called `name`.

    Args:
        name: the host, for the message.
        data: its data after precedence; names that begin with `_` or `ssh_` belong to pyinfra and are left out.

    Raises:
        OperatorError: names every missing, unknown or malformed value at once.
    """
    ours = {key: value for key, value in data.items() if not key.startswith(("_", "ssh_"))}
    try:
        return Settings.model_validate(ours)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])} = {_shown(problem)}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise OperatorError(
            f"{name}: {len(problems)} value{'s' * (len(problems) > 1)} of its data cannot be used.",
            "; ".join(dict.fromkeys(problems)),
            "Correct it in inventory.py (this host) or group_data/ (all hosts); nothing was touched.",
        ) from None


def _shown(problem: Any) -> str:
    if problem["type"] == "missing":
        return "(missing)"
    return repr(problem["input"])[:80]
