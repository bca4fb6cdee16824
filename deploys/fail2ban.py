"""fail2ban: whoever guesses at sshd is banned through UFW."""

from io import StringIO

from pyinfra.operations import files

from fleet.converge import services
from fleet.converge.context import render

CONFIG = "/etc/fail2ban/jail.d/90-aipbx.conf"

files.put(name="fail2ban: the jail for sshd", src=StringIO(render("fail2ban.j2")), dest=CONFIG, mode="644")
services.running(name="fail2ban runs", unit="fail2ban.service", config=(CONFIG,))
