"""Security updates install by night; Docker's packages are left alone, and nothing reboots by itself."""

from io import StringIO

from pyinfra.operations import files

from fleet.converge import services
from fleet.converge.context import render

TIMER = "/etc/systemd/system/apt-daily-upgrade.timer.d/90-aipbx.conf"

files.put(
    name="Unattended upgrades: security only, Docker never",
    src=StringIO(render("apt/unattended-upgrades.j2")),
    dest="/etc/apt/apt.conf.d/91aipbx-unattended-upgrades",
    mode="644",
)
files.put(
    name="Unattended upgrades: when",
    src=StringIO(render("systemd/apt-daily-upgrade.timer.j2")),
    dest=TIMER,
    mode="644",
)
services.running(name="Unattended upgrades: on", unit="apt-daily-upgrade.timer", config=(TIMER,))
services.running(name="Unattended upgrades: package lists", unit="apt-daily.timer")
