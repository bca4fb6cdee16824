"""fail2ban: whoever guesses at sshd is banned."""

from fleet.converge import configuration, services
from fleet.converge.context import render

CONFIG = "/etc/fail2ban/jail.d/90-aipbx.conf"
FILTER = "/etc/fail2ban/filter.d/sshd.local"

configuration.file(name="fail2ban: the jail for sshd", path=CONFIG, text=render("fail2ban.j2"))
configuration.file(name="fail2ban: our own first login is no guess", path=FILTER, text=render("fail2ban-sshd.j2"))
services.running(name="fail2ban runs", unit="fail2ban.service", config=(CONFIG, FILTER))
