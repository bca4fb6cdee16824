"""fail2ban: whoever guesses at sshd is banned."""

from fleet.converge import bans, configuration, packages, services
from fleet.converge.context import render, system

CONFIG = "/etc/fail2ban/jail.d/90-aipbx.conf"
FILTER = "/etc/fail2ban/filter.d/sshd.local"

# Before the package, which starts the daemon: Debian's jail would count this host's last hour by other rules.
configuration.file(name="fail2ban: the jail for sshd", path=CONFIG, text=render("fail2ban.j2"))
configuration.file(name="fail2ban: our own first login is no guess", path=FILTER, text=render("fail2ban-sshd.j2"))
packages.installed(
    name="fail2ban",
    names=["fail2ban", "python3-systemd"],  # it reads the journal with the latter
)
bans.forgotten(name="fail2ban: this run's own address", address=system().client)
services.running(name="fail2ban runs", unit="fail2ban.service", config=(CONFIG, FILTER))
