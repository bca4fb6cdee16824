"""A host's data, checked: every value has a type and bounds, and a malformed one is refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from aipbx_agent.contract import CI, REQUEST_SECONDS
from fleet.errors import OperatorError
from fleet.inventory import image_names
from fleet.inventory.application import Check, Work
from fleet.inventory.secret_sources import SecretSource
from fleet.inventory.stores import OffSite

Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Account = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
Folder = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]+)+$")]
Version = Annotated[str, Field(pattern=r"^(\d+:)?\d[A-Za-z0-9.+~-]*$")]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(ip_network)]
Address = Annotated[IPv4Address | IPv6Address, BeforeValidator(ip_address)]
Domain = Annotated[
    str,
    Field(max_length=253, pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$"),
]
# What stands in nginx's double quotes: nothing there may end them, escape, or name a variable.
CspDirective = Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)*$")]
CspSource = Annotated[str, Field(pattern=r"^[^\"\\$;,\s\x00-\x1f\x7f]+$")]


Image = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9./:_-]*(@sha256:[0-9a-f]{64})?$")]
Memory = Annotated[int, Field(ge=32)]
Cpus = Annotated[float, Field(gt=0, le=256)]
VOLUME_NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9_.-]+$")
VolumeName = Annotated[str, Field(pattern=VOLUME_NAME)]
Service = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
Migration = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}-[^/]+\.sql$")]
# What age encrypts to. Strict, as it is on a command line; whether it is a key at all, age says.
Recipient = Annotated[
    str, Field(pattern=r"^(age1[02-9ac-hj-np-z]{58}|ssh-ed25519 [A-Za-z0-9+/]{68}={0,2}( [A-Za-z0-9@._-]+)?)$")
]
BuildArgument = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
# What templates/docker/daemon.json.j2 says itself.
DAEMON_KEYS = {"live-restore", "log-driver", "log-opts", "no-new-privileges", "firewall-backend"}
# HH:MM, *:MM, *:*/5: as the application's timers run.
_TIMER = r"^(\*|[01]\d|2[0-3]):([0-5]\d|\*/([1-9]|[1-5]\d))$"
SERVICES = {"postgres", "backend", "frontend", "nginx"}
VOLUMES = {"postgres_data", "backend_static", "backend_tts_voices", "frontend_assets"}


class Settings(BaseModel):
    """What group_data/all.py documents, typed. Unknown names are refused: a typing error must not be silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    staging: bool
    soak_minutes: Annotated[int, Field(ge=0, le=43200)]
    deploys_every_push: bool
    scrub_rules: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*\.toml$")]
    role: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\r\n]*$")]
    deploy_user: Account
    first_login_users: list[Account]
    sshd_port: Port
    rtp_ports: Annotated[list[Port], Field(min_length=1)]
    pbx_addresses: list[Network]
    docker_packages: dict[str, Version]
    docker_repository: Annotated[str, Field(pattern=r"^https://[^\s]+[^/\s]$")]
    docker_log_files: Annotated[int, Field(ge=1, le=100)]
    docker_restart_during_calls: bool
    docker_daemon: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], Any]
    extra_names: list[Domain]
    cloudflare: bool
    web_from_cloudflare_only: bool
    web_from: list[Network]
    outgoing: dict[Network, Annotated[list[Port], Field(min_length=1)]]
    cloudflare_ranges: Annotated[list[Network], Field(min_length=1)]
    connections_per_client: Annotated[int, Field(ge=1, le=65535)]
    api_requests_per_second: Annotated[int, Field(ge=1, le=10000)]
    slow_paths: dict[
        Annotated[str, Field(pattern=r"^/api/[A-Za-z0-9._~/-]+$")], Annotated[int, Field(ge=REQUEST_SECONDS, le=3600)]
    ]
    login_requests_per_minute: Annotated[int, Field(ge=1, le=6000)]
    maintenance_retry_seconds: Annotated[int, Field(ge=1, le=86400)]
    hsts_max_age_seconds: Annotated[int, Field(ge=0, le=126144000)]
    hsts_include_subdomains: bool
    hsts_preload: bool
    content_security_policy: Annotated[dict[CspDirective, list[CspSource]], Field(min_length=1)]
    csp_report_only: bool
    tls: Literal["letsencrypt", "supplied"]
    acme_directory: Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~/-]*)?$")]
    acme_contact: Annotated[str, Field(pattern=r"^([A-Za-z0-9._+-]+@[a-z0-9-]+(\.[a-z0-9-]+)+)?$")]
    public_addresses: list[Address]
    app_dir: Folder
    backend_repository: Annotated[str, Field(min_length=1, pattern=r"^[^\s-]\S*$")]
    frontend_repository: Annotated[str, Field(min_length=1, pattern=r"^[^\s-]\S*$")]
    secrets_from: SecretSource
    branch: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/-]*$")]
    images_from: Literal["registry", "build"]
    backend_image: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9./_-]*$")]
    frontend_image: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9./_-]*$")]
    quality_image: Image
    quality_commands: dict[str, list[Annotated[str, Field(pattern=r"^[^\r\n]+$")]]]
    github_environment: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,100}$")]
    build_memory_mib: Memory
    build_cpus: Cpus
    dockerfiles: Literal["fleet", "repository"]
    build_arguments: dict[str, dict[BuildArgument, str]]
    canary: bool
    canary_soak_seconds: Annotated[int, Field(ge=0, le=3600)]
    keep_releases: Annotated[int, Field(ge=2, le=50)]
    compose_project: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    postgres_image: Image
    mysql_image: Image
    nginx_image: Image
    public_network_ipv6: Annotated[IPv6Network, BeforeValidator(ip_network)]
    certbot_image: Image
    volumes: dict[str, VolumeName]
    memory_mib: dict[str, Memory]
    cpus: dict[str, Cpus]
    pids: dict[str, Annotated[int, Field(ge=32, le=4194304)]]
    extra_services: dict[Service, dict[str, Any]]
    compose_profiles: list[Service]
    ready_seconds: Annotated[int, Field(ge=10, le=3600)]
    settle_seconds: Annotated[int, Field(ge=0, le=600)]
    public_checks: Annotated[list[Check], Field(min_length=1)]
    switch_mode: Literal["colours", "recreate"]
    drain_seconds: Annotated[int, Field(ge=0, le=14400)]
    application_timers: dict[Annotated[str, Field(pattern=_TIMER)], Annotated[str, Field(pattern=r"^[^\r\n]+$")]]
    background_work: dict[Annotated[str, Field(pattern=r"^[^\r\n]+$")], Work]
    migration_lock_seconds: Annotated[float, Field(gt=0, le=60)]
    migration_statement_seconds: Annotated[float, Field(ge=1, le=43200)]
    migrations_before_first_start: list[Migration]
    migrations_skipped_on_new_database: dict[Migration, Annotated[str, Field(min_length=1)]]
    backup_time_utc: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    backup_keep: dict[Literal["days", "weeks", "months"], Annotated[int, Field(ge=0, le=1000)]]
    restore_jobs: Annotated[int, Field(ge=1, le=64)]
    verify_time_utc: Annotated[str, Field(pattern=r"^((Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?([01]\d|2[0-3]):[0-5]\d$")]
    verify_memory_mib: Annotated[int, Field(ge=256)]
    verify_cpus: Cpus
    wal_backlog_mib: Annotated[int, Field(ge=64, le=1048576)]
    base_time_utc: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    base_days: Annotated[int, Field(ge=1, le=31)]
    wal_keep_days: Annotated[int, Field(ge=1, le=366)]
    wal_max_mib: Annotated[int, Field(ge=256)]
    offsite: OffSite
    backup_recipients: list[Recipient]
    offsite_keep: dict[Literal["days", "weeks", "months"], Annotated[int, Field(ge=0, le=1000)]]
    monitoring: bool
    prometheus_image: Image
    alertmanager_image: Image
    blackbox_image: Image
    postgres_exporter_image: Image
    grafana_image: Image
    monitoring_network: Annotated[IPv4Network, BeforeValidator(IPv4Network)]
    monitoring_keep_days: Annotated[int, Field(ge=1, le=366)]
    monitoring_max_mib: Annotated[int, Field(ge=128, le=65536)]
    deadman_url: Annotated[str, Field(pattern=r"^(https://[^\s\"\\]+)?$")]
    min_free_disk_mib: Annotated[int, Field(ge=100)]
    swap_below_memory_mib: Annotated[int, Field(ge=0)]
    swap_mib: Annotated[int, Field(ge=128, le=65536)]
    security_updates_hour_utc: Annotated[int, Field(ge=0, le=23)]
    apt_lock_timeout_seconds: Annotated[int, Field(ge=1, le=3600)]
    guard_seconds: Annotated[int, Field(ge=15, le=600)]
    fail2ban_never_ban: list[Network]

    @property
    def extra_running(self) -> dict[str, dict[str, Any]]:
        """The extra services that run on this host: those with one of its profiles."""
        wanted = set(self.compose_profiles)
        return {name: service for name, service in self.extra_services.items() if wanted & set(service["profiles"])}

    @property
    def repositories(self) -> dict[str, str]:
        """Where the images of each service of ours are, the registry's name included."""
        return {"backend": self.backend_image, "frontend": self.frontend_image}

    @property
    def base_images(self) -> dict[str, str]:
        """The images that every release stands on, by service."""
        extra = {name: str(service["image"]) for name, service in self.extra_running.items()}
        return {"postgres": self.postgres_image, "nginx": self.nginx_image, "certbot": self.certbot_image, **extra}

    @property
    def running_volumes(self) -> list[str]:
        """The volumes that must exist where a release runs."""
        return [*self.volumes.values(), *volumes_of(self.extra_running, set(self.volumes))]

    @property
    def extra_volumes(self) -> list[str]:
        """The volumes that extra services mount beside the stack's own."""
        return volumes_of(self.extra_services, set(self.volumes))

    @field_validator("deploy_user")
    @classmethod
    def _not_ci(cls, value: str) -> str:
        if value == CI:
            raise ValueError("is the account whose keys can deploy and nothing else (operators/ci)")
        return value

    @field_validator("docker_packages")
    @classmethod
    def _engine_and_plugins(cls, value: dict[str, str]) -> dict[str, str]:
        needed = {"docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin", "docker-compose-plugin"}
        if set(value) != needed:
            raise ValueError(f"must pin exactly {', '.join(sorted(needed))}")
        return value

    @field_validator("docker_daemon")
    @classmethod
    def _none_of_ours(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(DAEMON_KEYS & set(value)):
            raise ValueError(f"{', '.join(taken)}: templates/docker/daemon.json.j2 says that")
        return value

    @field_validator("volumes", "memory_mib", "cpus", "pids")
    @classmethod
    def _exactly_ours(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        needed = VOLUMES if info.field_name == "volumes" else SERVICES
        if set(value) != needed:
            raise ValueError(f"must name exactly {', '.join(sorted(needed))}")
        return value

    @field_validator("switch_mode")
    @classmethod
    def _a_port_for_each_colour(cls, value: str, info: ValidationInfo) -> str:
        if value == "colours" and len(set(info.data.get("rtp_ports", [1, 2]))) != 2:
            raise ValueError("two colours need two rtp_ports, one each")
        return value

    @field_validator("backup_recipients")
    @classmethod
    def _somebody_can_read(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if info.data.get("offsite") and not value:
            raise ValueError("off-site copies need a public key to be encrypted to: `inv offsite.key` makes a pair")
        return value

    @field_validator("backup_keep", "offsite_keep")
    @classmethod
    def _keeps_something(cls, value: dict[str, int]) -> dict[str, int]:
        if set(value) != {"days", "weeks", "months"} or not value["days"]:
            raise ValueError("must say days (1 or more), weeks and months")
        return value

    @field_validator("extra_services")
    @classmethod
    def _extra_has_profile(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, service in value.items():
            if name in SERVICES | {"certbot"}:
                raise ValueError(f"{name} is a service of the stack itself")
            if not service.get("profiles"):
                raise ValueError(f"{name} has no `profiles`: it would start everywhere")
            if not isinstance(service.get("image"), str):
                raise ValueError(f"{name} has no `image`: nothing but the application is built here")
            mounts = service.get("volumes", [])
            if not isinstance(mounts, list) or not all(isinstance(mount, (str, dict)) for mount in mounts):
                raise ValueError(f"{name}.volumes is not a list of what Compose mounts")
        return value

    @field_validator("monitoring_network")
    @classmethod
    def _room_for_its_containers(cls, value: IPv4Network) -> IPv4Network:
        if not value.is_private or value.prefixlen > 28:
            raise ValueError("must be a private network of 16 addresses or more")
        return value

    @field_validator("web_from_cloudflare_only")
    @classmethod
    def _behind_cloudflare(cls, value: bool, info: ValidationInfo) -> bool:
        if value and not info.data.get("cloudflare"):
            raise ValueError("needs cloudflare = True: no one else would reach the host")
        return value

    @field_validator("web_from")
    @classmethod
    def _staging_is_not_for_everyone(cls, value: list[Any], info: ValidationInfo) -> list[Any]:
        if info.data.get("staging") and not value:
            raise ValueError("a staging host is not for everyone: say whose networks may open it")
        if value and info.data.get("web_from_cloudflare_only"):
            raise ValueError("web_from_cloudflare_only says already who may come; only one of them can hold")
        return value

    @field_validator("deploys_every_push")
    @classmethod
    def _customers_get_what_is_named(cls, value: bool, info: ValidationInfo) -> bool:
        if value and not info.data.get("staging"):
            raise ValueError("is for staging hosts: production gets a commit whose message names it")
        return value

    @field_validator("outgoing")
    @classmethod
    def _only_staging_is_limited(cls, value: dict[Any, Any], info: ValidationInfo) -> dict[Any, Any]:
        if value and not info.data.get("staging"):
            raise ValueError("only a staging host's containers are limited in where they may connect")
        if any(network.prefixlen == 0 for network in value):
            raise ValueError("a network of /0 is the whole internet, customers included")
        return value

    @field_validator("compose_profiles")
    @classmethod
    def _no_way_around_the_firewall(cls, value: list[str], info: ValidationInfo) -> list[str]:
        running = {
            name: one for name, one in info.data.get("extra_services", {}).items() if {*value} & {*one["profiles"]}
        }
        for name, service in running.items() if info.data.get("staging") else ():
            if service.get("network_mode") == "host":
                raise ValueError(f"{name} has network_mode: host, so a staging host's `outgoing` would not hold for it")
        return value

    @field_validator("hsts_preload")
    @classmethod
    def _preload_means_all(cls, value: bool, info: ValidationInfo) -> bool:
        if value and not (info.data.get("hsts_include_subdomains") and info.data["hsts_max_age_seconds"] >= 31536000):
            raise ValueError("browsers' lists demand hsts_include_subdomains and hsts_max_age_seconds >= 31536000")
        return value

    @field_validator("pbx_addresses", "cloudflare_ranges", "web_from", "fail2ban_never_ban", mode="after")
    @classmethod
    def _no_network_is_everything(cls, value: list[IPv4Network | IPv6Network]) -> list[IPv4Network | IPv6Network]:
        if any(network.prefixlen == 0 for network in value):
            raise ValueError("a network of /0 is the whole internet; for `any`, leave the list empty")
        return value


def volumes_of(services: Mapping[str, dict[str, Any]], known: AbstractSet[str] = frozenset()) -> list[str]:
    """The volumes that extra services mount, by Docker's own names.

    Args:
        services: as Compose writes them: `volume:/path`, or `type: volume` with a `source`. Folders are no volumes.
        known: what is left out.
    """
    names = set()
    for service in services.values():
        for mount in service.get("volumes", []):
            if isinstance(mount, str):
                names.add(mount.split(":")[0])
            elif mount.get("type") == "volume":
                names.add(str(mount.get("source")))
    return sorted({source for source in names if VOLUME_NAME.match(source)} - known)


def of_host(name: str, data: Mapping[str, Any]) -> Settings:
    """Check the data of the host called `name`.

    Args:
        name: the host, for the message.
        data: its data after precedence; names that begin with `_` or `ssh_` belong to pyinfra and are left out.

    Raises:
        OperatorError: names every missing, unknown or malformed value at once.
    """
    declared = {key: value for key, value in data.items() if not key.startswith(("_", "ssh_"))}
    ours = image_names.with_own(name, declared)
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
