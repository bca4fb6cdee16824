"""The ground: packages, time, journal, kernel settings, swap, directories, banner."""

from io import StringIO

from pyinfra.operations import apt, files

from fleet.converge import kernel, packages, services
from fleet.converge.context import render, settings, system

# --- apt, so that it neither hangs on a question nor meets another apt ---
files.put(
    name="apt: wait for another apt, install no extras",
    src=StringIO(render("apt/90aipbx.j2")),
    dest="/etc/apt/apt.conf.d/90aipbx",
    mode="644",
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
        "libpam-tmpdir",
        "debsums",
        "systemd-timesyncd",
    ],
)
if system().distribution == "ubuntu":
    files.put(
        name="needrestart: never ask, never restart a daemon under a call",
        src=StringIO("$nrconf{restart} = 'l';\n"),
        dest="/etc/needrestart/conf.d/90-aipbx.conf",
        mode="644",
    )

# --- The way back for changes that could lock us out (fleet/converge/guard.py) ---
for directory in ("/var/lib/aipbx", "/var/lib/aipbx/guard", "/var/lib/aipbx/stage"):
    files.directory(name=f"Directory {directory}", path=directory, user="root", group="root", mode="700")
files.put(
    name="Guard: the way back",
    src="files/guard/guard.sh",
    dest="/usr/local/lib/aipbx/guard.sh",
    mode="755",
)
files.put(
    name="Guard: its service",
    src="files/guard/aipbx-guard@.service",
    dest="/etc/systemd/system/aipbx-guard@.service",
    mode="644",
)
files.put(
    name="Guard: its countdown",
    src=StringIO(render("systemd/aipbx-guard@.timer.j2")),
    dest="/etc/systemd/system/aipbx-guard@.timer",
    mode="644",
)

# --- Time, cron, journal ---
if system().container == "none":
    # A server that is itself a container has its host's clock.
    services.running(name="Time is synchronized", unit="systemd-timesyncd.service")
services.running(name="cron runs", unit="cron.service")
files.put(
    name="Journal: kept over reboots, capped",
    src=StringIO(render("journald.conf.j2")),
    dest="/etc/systemd/journald.conf.d/90-aipbx.conf",
    mode="644",
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
files.put(
    name="Protocols that nothing here speaks",
    src="files/modprobe.conf",
    dest="/etc/modprobe.d/90-aipbx.conf",
    mode="644",
)
files.put(name="No core dumps", src="files/coredump.conf", dest="/etc/security/limits.d/90-aipbx.conf", mode="644")

# --- Swap, where memory is small; a server that is itself a container has none of its own ---
if system().memory_mib < settings().swap_below_memory_mib and system().container == "none":
    kernel.swap_file(name="Swap file", path="/swapfile", mib=settings().swap_mib)

# --- Directories ---
files.directory(name="aiPBX's directory", path=settings().app_dir, user="root", group="root", mode="755")
files.directory(name="Backups", path=f"{settings().app_dir}/backups", user="root", group="root", mode="700")

# --- Banner ---
files.put(
    name="Banner: host, role and release",
    src=StringIO(render("motd.sh.j2")),
    dest="/etc/update-motd.d/20-aipbx",
    mode="755",
)
for path in ("/etc/issue", "/etc/issue.net"):
    files.put(name=f"Notice before login ({path})", src="files/issue", dest=path, mode="644")
