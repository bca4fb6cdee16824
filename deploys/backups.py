"""Backups of the data: when they are made, verified, and copied segment by segment."""

from aipbx_agent import contract
from fleet.converge.context import render, settings
from fleet.converge.files import configuration, services

APP = settings().app_dir
TIMER = "/etc/systemd/system/aipbx-backup.timer"
VERIFY_TIMER = "/etc/systemd/system/aipbx-verify.timer"

configuration.folders(
    name="Backups: create directories",
    modes={
        f"{APP}/backups/sets": "700",
        f"{APP}/{contract.INCOMING}": "700",
        f"{APP}/backups/base": "700",
        # A throwaway server that is not root replays the WAL in it; only root can enter the directory above.
        f"{APP}/backups/wal": "755",
    },
)
configuration.file(
    name="Backups: write aipbx-backup.service",
    path="/etc/systemd/system/aipbx-backup.service",
    text=render("systemd/aipbx-backup.service.j2"),
)
configuration.file(name="Backups: write aipbx-backup.timer", path=TIMER, text=render("systemd/aipbx-backup.timer.j2"))
services.running(name="Backups: start aipbx-backup.timer", unit="aipbx-backup.timer", config=(TIMER,))
configuration.file(
    name="Backups: write aipbx-verify.service",
    path="/etc/systemd/system/aipbx-verify.service",
    text=configuration.shipped("agent/aipbx-verify.service"),
)
configuration.file(
    name="Backups: write aipbx-verify.timer", path=VERIFY_TIMER, text=render("systemd/aipbx-verify.timer.j2")
)
services.running(name="Backups: start aipbx-verify.timer", unit="aipbx-verify.timer", config=(VERIFY_TIMER,))
WATCH = "/etc/systemd/system/aipbx-watch.timer"
configuration.file(
    name="Backups: write aipbx-watch.service",
    path="/etc/systemd/system/aipbx-watch.service",
    text=render("systemd/aipbx-watch.service.j2"),
)
configuration.file(
    name="Backups: write aipbx-watch.timer", path=WATCH, text=configuration.shipped("agent/aipbx-watch.timer")
)
services.running(name="Backups: start aipbx-watch.timer", unit="aipbx-watch.timer", config=(WATCH,))

# --- Point-in-time recovery: WAL, and base backups ---
WAL = "/etc/systemd/system/aipbx-wal.service"
configuration.file(
    name="Backups: write aipbx-base.service",
    path="/etc/systemd/system/aipbx-base.service",
    text=configuration.shipped("agent/aipbx-base.service"),
)
configuration.file(
    name="Backups: write aipbx-wal.service", path=WAL, text=configuration.shipped("agent/aipbx-wal.service")
)
services.running(
    name="Backups: start or restart aipbx-wal.service",
    unit="aipbx-wal.service",
    config=(WAL, contract.LIBRARY, contract.COMMAND),
)
