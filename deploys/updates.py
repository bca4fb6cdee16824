"""Security updates install by night; Docker's packages and images are left alone, and nothing reboots by itself."""

from fleet.converge.context import render
from fleet.converge.files import configuration, services

TIMER = "/etc/systemd/system/apt-daily-upgrade.timer.d/90-aipbx.conf"
IMAGES_TIMER = "/etc/systemd/system/aipbx-images.timer"

configuration.file(
    name="Updates: write unattended-upgrades configuration",
    path="/etc/apt/apt.conf.d/91aipbx-unattended-upgrades",
    text=render("apt/unattended-upgrades.j2"),
)
configuration.file(
    name="Updates: write apt-daily-upgrade.timer schedule",
    path=TIMER,
    text=render("systemd/apt-daily-upgrade.timer.j2"),
)
services.running(name="Updates: start apt-daily-upgrade.timer", unit="apt-daily-upgrade.timer", config=(TIMER,))
services.running(name="Updates: start apt-daily.timer", unit="apt-daily.timer")

# --- Newer images in the registry are reported every week; `inv images --update` takes one ---
configuration.file(
    name="Updates: write aipbx-images.service",
    path="/etc/systemd/system/aipbx-images.service",
    text=render("systemd/aipbx-images.service.j2"),
)
configuration.file(
    name="Updates: write aipbx-images.timer", path=IMAGES_TIMER, text=configuration.shipped("agent/aipbx-images.timer")
)
services.running(name="Updates: start aipbx-images.timer", unit="aipbx-images.timer", config=(IMAGES_TIMER,))
