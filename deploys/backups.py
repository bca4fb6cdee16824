"""The data: what backs them up, copies them elsewhere, verifies and restores them, and when."""

import json

from fleet import stores
from fleet.converge import configuration, packages, services
from fleet.converge.context import host_name, render, settings

APP = settings().app_dir
TIMER = "/etc/systemd/system/aipbx-backup.timer"
VERIFY_TIMER = "/etc/systemd/system/aipbx-verify.timer"
RECOVERY = "/etc/systemd/system/aipbx-recover.service"

packages.installed(name="Backups: packages", names=["python3", "zstd"])
configuration.folders(
    name="Backups: folders",
    modes={
        f"{APP}/backups/sets": "700",
        f"{APP}/backups/incoming": "700",
        f"{APP}/backups/base": "700",
        # A scratch server that is not root replays what is in there; nobody else comes into the folder above.
        f"{APP}/backups/wal": "755",
        "/etc/aipbx": "755",
        settings().metrics_dir: "755",
    },
)
configuration.program(
    name="Backups: the program",
    path="/usr/local/lib/aipbx/data",
    texts=configuration.shipped_tree("data", ".py"),
)
configuration.file(
    name="Backups: how it is called",
    path="/usr/local/sbin/aipbx-data",
    text=configuration.shipped("data/aipbx-data"),
    mode="755",
)
configuration.file(
    name="Backups: what it is told",
    path="/etc/aipbx/data.json",
    text=json.dumps(
        {
            "host": host_name(),
            "app_dir": APP,
            "compose_project": settings().compose_project,
            "postgres_image": settings().postgres_image,
            "mysql_image": settings().mysql_image,
            "postgres_cpus": settings().cpus["postgres"],
            "volumes": settings().volumes,
            "backup_volumes": settings().backup_volumes,
            "backup_keep": settings().backup_keep,
            "restore_jobs": settings().restore_jobs,
            "ready_seconds": settings().ready_seconds,
            "rtp_ports": settings().rtp_ports,
            # Outside a switch, which brings its own values: for inv deploy before it asks, and the hourly watch.
            "switch_mode": settings().switch_mode,
            "ari_variable": settings().ari_variable,
            "verify_memory_mib": settings().verify_memory_mib,
            "verify_cpus": settings().verify_cpus,
            "min_free_disk_mib": settings().min_free_disk_mib,
            "base_time_utc": settings().base_time_utc,
            "base_days": settings().base_days,
            "wal_keep_days": settings().wal_keep_days,
            "wal_max_mib": settings().wal_max_mib,
            "offsite": stores.told(host_name(), settings().offsite),
            "offsite_keep": settings().offsite_keep,
            "backup_recipients": settings().backup_recipients,
            "alert_hours": settings().alert_hours,
            "keeps_for": {origin.name: origin.data["offsite_keep"] for origin in stores.origins(host_name())},
            "keeps_wal_for": {origin.name: origin.data["wal_keep_days"] for origin in stores.origins(host_name())},
            "metrics_dir": settings().metrics_dir,
        },
        indent=1,
    )
    + "\n",
)
configuration.file(
    name="Backups: one set",
    path="/etc/systemd/system/aipbx-backup.service",
    text=render("systemd/aipbx-backup.service.j2"),
)
configuration.file(name="Backups: every night", path=TIMER, text=render("systemd/aipbx-backup.timer.j2"))
services.running(name="Backups: the timer runs", unit="aipbx-backup.timer", config=(TIMER,))
configuration.file(
    name="Backups: one verification",
    path="/etc/systemd/system/aipbx-verify.service",
    text=configuration.shipped("data/aipbx-verify.service"),
)
configuration.file(name="Backups: verified every week", path=VERIFY_TIMER, text=render("systemd/aipbx-verify.timer.j2"))
services.running(name="Backups: the verification's timer runs", unit="aipbx-verify.timer", config=(VERIFY_TIMER,))
configuration.file(
    name="Backups: a restore that was cut off is taken back at boot",
    path=RECOVERY,
    text=configuration.shipped("data/aipbx-recover.service"),
)
services.running(name="Backups: that at boot", unit="aipbx-recover.service", config=(RECOVERY,))
WATCH = "/etc/systemd/system/aipbx-watch.timer"
configuration.file(
    name="Backups: are they too old?",
    path="/etc/systemd/system/aipbx-watch.service",
    text=render("systemd/aipbx-watch.service.j2"),
)
configuration.file(name="Backups: asked every hour", path=WATCH, text=configuration.shipped("data/aipbx-watch.timer"))
services.running(name="Backups: the watch's timer runs", unit="aipbx-watch.timer", config=(WATCH,))

# --- Restores to a moment: the log, and base backups ---
WAL = "/etc/systemd/system/aipbx-wal.service"
configuration.file(
    name="Backups: one base backup",
    path="/etc/systemd/system/aipbx-base.service",
    text=configuration.shipped("data/aipbx-base.service"),
)
configuration.file(name="Backups: the log taken over", path=WAL, text=configuration.shipped("data/aipbx-wal.service"))
services.running(
    name="Backups: that runs",
    unit="aipbx-wal.service",
    config=(WAL, "/usr/local/lib/aipbx/data", "/usr/local/sbin/aipbx-data"),
)
