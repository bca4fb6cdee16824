"""Firewall: closed except for SSH, web and RTP, also for ports that Compose publishes; IPv4 and IPv6."""

from fleet.converge.context import render, settings
from fleet.converge.firewall import rules, ufw

NOISE_4 = [("udp", 137), ("udp", 138), ("tcp", 139), ("tcp", 445), ("udp", 67), ("udp", 68)]
NOISE_6 = [("udp", 137), ("udp", 138), ("tcp", 139), ("tcp", 445), ("udp", 546), ("udp", 547)]

declared = {version: rules.declared(settings(), version) for version in ufw.TOOLS}

ufw.firewall(
    name="Firewall: apply UFW rules, reverted if no login succeeds",
    files={
        "/etc/default/ufw": render("ufw/default.j2"),
        "/etc/ufw/ufw.conf": render("ufw/ufw.conf.j2"),
        "/etc/ufw/user.rules": render("ufw/user.rules.j2", v="", openings=declared[4].opened, anywhere="0.0.0.0/0"),
        "/etc/ufw/user6.rules": render("ufw/user.rules.j2", v="6", openings=declared[6].opened, anywhere="::/0"),
        "/etc/ufw/after.rules": render(
            "ufw/after.rules.j2", v="", noise=NOISE_4, docker_user=declared[4].docker_user()
        ),
        "/etc/ufw/after6.rules": render(
            "ufw/after.rules.j2", v="6", noise=NOISE_6, docker_user=declared[6].docker_user()
        ),
    },
    declared=declared,
    account=settings().deploy_user,
)
