"""fail2ban: whoever guesses at sshd is banned through UFW."""

from fleet.converge import configuration, services
from fleet.converge.context import render

CONFIG = "/etc/fail2ban/jail.d/90-aipbx.conf"

configuration.file(name="fail2ban: the jail for sshd", path=CONFIG, text=render("fail2ban.j2"))
services.running(name="fail2ban runs", unit="fail2ban.service", config=(CONFIG,))
