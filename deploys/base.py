"""The ground: packages, time, journal, kernel settings, swap, directories, banner."""

from pyinfra.operations import apt, files

from fleet.converge import configuration, kernel, packages, services
from fleet.converge.context import render, settings, system

# --- apt, so that it neither hangs on a question nor meets another apt ---
configuration.file(
    name="apt: wait for another apt, install no extras",
    path="/etc/apt/apt.conf.d/90aipbx",
    text=render("apt/90aipbx.j2"),
)
packages.repaired(name="Finish an installation that was cut off")
packages.lists(name="Package lists, at most a day old", max_age_minutes=1440)
apt.packages(
    name="System packages",
    packages=[
        "ca-certificates",
        "conntrack",
        "cron",
        "curl",
        "fail2ban",
        "python3-systemd",  # fail2ban reads the journal with it
        "sudo",
        "ufw",
        "unattended-upgrades",
        "apt-listchanges",
        "debsums",
        "systemd-timesyncd",
    ],
)
if system().distribution == "ubuntu":
    configuration.file(
        name="needrestart: never ask, never restart a daemon under a call",
        path="/etc/needrestart/conf.d/90-aipbx.conf",
        text="$nrconf{restart} = 'l';\n",
    )

# --- The way back for changes that could lock us out (fleet/converge/guard.py) ---
for directory in ("/var/lib/aipbx", "/var/lib/aipbx/guard", "/var/lib/aipbx/stage"):
    files.directory(name=f"Directory {directory}", path=directory, user="root", group="root", mode="700")
configuration.file(
    name="Guard: the way back",
    path="/usr/local/lib/aipbx/guard.sh",
    text=configuration.shipped("guard/guard.sh"),
    mode="755",
)
configuration.file(
    name="Guard: its service",
    path="/etc/systemd/system/aipbx-guard@.service",
    text=configuration.shipped("guard/aipbx-guard@.service"),
)
configuration.file(
    name="Guard: its countdown",
    path="/etc/systemd/system/aipbx-guard@.timer",
    text=render("systemd/aipbx-guard@.timer.j2"),
)

# --- Time, cron, journal ---
if system().container == "none":
    # A server that is itself a container has its host's clock.
    services.running(name="Time is synchronized", unit="systemd-timesyncd.service")
services.running(name="cron runs", unit="cron.service")
configuration.file(
    name="Journal: kept over reboots, capped",
    path="/etc/systemd/journald.conf.d/90-aipbx.conf",
    text=render("journald.conf.j2"),
)
services.running(
    name="Journal: in force",
    unit="systemd-journald.service",
    config=("/etc/systemd/journald.conf.d/90-aipbx.conf",),
)

# --- Kernel ---
kernel.settings(
    name="Kernel settings: UDP, files, hardening", dest="/etc/sysctl.d/90-aipbx.conf", text=render("sysctl.conf.j2")
)
configuration.file(
    name="Protocols that nothing here speaks",
    path="/etc/modprobe.d/90-aipbx.conf",
    text=configuration.shipped("modprobe.conf"),
)
configuration.file(
    name="No core dumps",
    path="/etc/security/limits.d/90-aipbx.conf",
    text=configuration.shipped("coredump.conf"),
)

# --- Swap, where memory is small; a server that is itself a container has none of its own ---
if system().memory_mib < settings().swap_below_memory_mib and system().container == "none":
    kernel.swap_file(name="Swap file", path="/swapfile", mib=settings().swap_mib)

# --- Directories ---
files.directory(name="aiPBX's directory", path=settings().app_dir, user="root", group="root", mode="755")
files.directory(name="Backups", path=f"{settings().app_dir}/backups", user="root", group="root", mode="700")

# --- Banner ---
configuration.file(
    name="Banner: host, role and release",
    path="/etc/update-motd.d/20-aipbx",
    text=render("motd.sh.j2"),
    mode="755",
)
for path in ("/etc/issue", "/etc/issue.net"):
    configuration.file(name=f"Notice before login ({path})", path=path, text=configuration.shipped("issue"))
