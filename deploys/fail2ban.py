"""fail2ban: ban addresses that guess at sshd."""

from fleet.converge.context import render, system
from fleet.converge.files import configuration, services
from fleet.converge.firewall import bans
from fleet.converge.system import packages

CONFIG = "/etc/fail2ban/jail.d/90-aipbx.conf"
FILTER = "/etc/fail2ban/filter.d/sshd.local"

# Before the package, which starts the daemon: Debian's own jail would count the last hour by other rules.
configuration.file(name="fail2ban: write sshd jail", path=CONFIG, text=render("fail2ban.j2"))
configuration.file(name="fail2ban: write sshd filter", path=FILTER, text=render("fail2ban-sshd.j2"))
packages.installed(
    name="fail2ban: install packages",
    names=["fail2ban", "python3-systemd"],  # it reads the journal with the latter
)
bans.forgotten(name="fail2ban: unban the address of this client", address=system().client)
services.running(name="fail2ban: start or restart fail2ban.service", unit="fail2ban.service", config=(CONFIG, FILTER))
