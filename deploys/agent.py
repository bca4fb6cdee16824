"""The agent: the program on the host, its configuration, and its recovery at boot."""

import json

from aipbx_agent import contract
from fleet.agent import GOES_BY
from fleet.converge.context import host_name, settings
from fleet.converge.files import configuration, services
from fleet.converge.system import packages
from fleet.inventory import hosts, stores
from fleet.inventory import monitoring as network
from fleet.nginx import settings as nginx_settings

RECOVERY = "/etc/systemd/system/aipbx-recover.service"

packages.installed(name="Agent: install packages", names=["python3", "zstd"])
configuration.folders(name="Agent: create directories", modes={"/etc/aipbx": "755", contract.METRICS: "755"})
# Before the program: what a newer one reads is there whenever it starts.
configuration.file(
    name="Agent: write configuration",
    path=contract.CONFIGURATION,
    text=json.dumps(
        {
            "host": host_name(),
            # Where no customers' data may come; the host refuses them itself, whoever asks.
            "staging": [host.name for host in hosts.load() if host.staging],
            "app_dir": settings().app_dir,
            "compose_project": settings().compose_project,
            "certificate": {
                "names": nginx_settings.names(host_name(), settings()),
                "source": settings().tls,
                "acme_directory": settings().acme_directory,
                "acme_contact": settings().acme_contact,
                "cloudflare": settings().cloudflare,
                "public_addresses": settings().public_addresses,
            },
            # What CI's releases go by, whatever their caller says.
            "release": {
                "settings": settings().model_dump(mode="json", include=GOES_BY),
                "drain_seconds": settings().drain_seconds,
                "keep": settings().keep_releases,
                "repositories": settings().repositories,
                "base_images": list(settings().base_images.values()),
                "volumes": settings().running_volumes,
                "extra": list(settings().extra_running),
                "migrations": {
                    "early": settings().migrations_before_first_start,
                    "skipped": settings().migrations_skipped_on_new_database,
                    "lock_seconds": settings().migration_lock_seconds,
                    "statement_seconds": settings().migration_statement_seconds,
                },
            },
            "postgres_image": settings().postgres_image,
            "mysql_image": settings().mysql_image,
            "postgres_cpus": settings().cpus["postgres"],
            "volumes": settings().volumes,
            "backup_keep": settings().backup_keep,
            "restore_jobs": settings().restore_jobs,
            "ready_seconds": settings().ready_seconds,
            "public_checks": [check.model_dump() for check in settings().public_checks],
            "rtp_ports": settings().rtp_ports,
            "pbx_addresses": [str(network) for network in settings().pbx_addresses],
            # Outside a switch, which brings its own values: for inv deploy before it asks, and the hourly watch.
            "switch_mode": settings().switch_mode,
            "verify_memory_mib": settings().verify_memory_mib,
            "verify_cpus": settings().verify_cpus,
            "min_free_disk_mib": settings().min_free_disk_mib,
            "base_time_utc": settings().base_time_utc,
            "base_days": settings().base_days,
            "wal_keep_days": settings().wal_keep_days,
            "wal_max_mib": settings().wal_max_mib,
            "offsite": stores.agent_settings(host_name(), settings().offsite),
            "offsite_keep": settings().offsite_keep,
            "backup_recipients": settings().backup_recipients,
            # For the counts of nginx's answers; a switch brings its own.
            "slow_paths": settings().slow_paths,
            "monitoring": network.agent_settings(settings()),
            "keeps_for": {origin.name: origin.data["offsite_keep"] for origin in stores.origins(host_name())},
            "keeps_wal_for": {origin.name: origin.data["wal_keep_days"] for origin in stores.origins(host_name())},
        },
        indent=1,
    )
    + "\n",
)
configuration.program(name="Agent: install program", path=contract.LIBRARY, texts=configuration.package("aipbx_agent"))
configuration.file(
    name="Agent: install command", path=contract.COMMAND, text=configuration.shipped("agent/aipbx-agent"), mode="755"
)
services.only(
    name="Agent: remove units that are no longer declared",
    names=services.shipped() - (set() if settings().monitoring else network.UNITS),
)
configuration.file(
    name="Agent: write aipbx-recover.service", path=RECOVERY, text=configuration.shipped("agent/aipbx-recover.service")
)
services.running(name="Agent: enable aipbx-recover.service", unit="aipbx-recover.service", config=(RECOVERY,))
