"""The basics: packages, time, journal, kernel settings, swap, directories, banner."""

from fleet.converge.context import render, settings, system
from fleet.converge.files import configuration, services
from fleet.converge.system import hostname, kernel, packages

packages.installed(
    name="System: install packages",
    names=[
        "apt-listchanges",
        "conntrack",
        "cron",
        "debsums",
        "libpam-pwquality",
        "libpam-tmpdir",
        "logrotate",
        "needrestart",
        "sudo",
        "systemd-timesyncd",
        "ufw",
        "unattended-upgrades",
    ],
)

hostname.resolves(name="System: add own hostname to /etc/hosts")

# --- Automatic rollback of changes that could lock us out (fleet/converge/access/guard.py) ---
configuration.folders(
    name="Guard: create directories",
    modes={"/var/lib/aipbx": "700", "/var/lib/aipbx/guard": "700", "/var/lib/aipbx/stage": "700"},
)
configuration.file(
    name="Guard: install guard.sh",
    path="/usr/local/lib/aipbx/guard.sh",
    text=configuration.shipped("guard/guard.sh"),
    mode="755",
)
configuration.file(
    name="Guard: write aipbx-guard@.service",
    path="/etc/systemd/system/aipbx-guard@.service",
    text=configuration.shipped("guard/aipbx-guard@.service"),
)
configuration.file(
    name="Guard: write aipbx-guard@.timer",
    path="/etc/systemd/system/aipbx-guard@.timer",
    text=render("systemd/aipbx-guard@.timer.j2"),
)

# --- Time, cron, journal ---
if system().container == "none":
    # A server that is itself a container has its host's clock.
    services.running(name="Time: start systemd-timesyncd.service", unit="systemd-timesyncd.service")
services.running(name="cron: start cron.service", unit="cron.service")
configuration.file(
    name="Journal: write configuration",
    path="/etc/systemd/journald.conf.d/90-aipbx.conf",
    text=render("journald.conf.j2"),
)
services.running(
    name="Journal: restart systemd-journald.service",
    unit="systemd-journald.service",
    config=("/etc/systemd/journald.conf.d/90-aipbx.conf",),
)

# --- Kernel ---
kernel.settings(
    name="Kernel: write and apply sysctl settings", dest="/etc/sysctl.d/90-aipbx.conf", text=render("sysctl.conf.j2")
)
# --- Swap, where memory is small; a server that is itself a container has none of its own ---
if system().memory_mib < settings().swap_below_memory_mib and system().container == "none":
    kernel.swap_file(name="Swap: create swap file", path="/swapfile", mib=settings().swap_mib)

# --- Directories ---
configuration.folders(
    name="System: create aiPBX directories", modes={settings().app_dir: "755", f"{settings().app_dir}/backups": "700"}
)

# --- Banner ---
configuration.file(
    name="Login: write message of the day",
    path="/etc/update-motd.d/20-aipbx",
    text=render("motd.sh.j2"),
    mode="755",
)
for path in ("/etc/issue", "/etc/issue.net"):
    configuration.file(name=f"Login: write {path}", path=path, text=configuration.shipped("issue"))
