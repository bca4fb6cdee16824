"""Firewall: closed but for SSH, web and RTP; also for whatever a compose file publishes; over IPv4 and IPv6."""

from typing import Literal

from fleet.converge import ufw
from fleet.converge.context import render, settings

NOISE_4 = [("udp", 137), ("udp", 138), ("tcp", 139), ("tcp", 445), ("udp", 67), ("udp", 68)]
NOISE_6 = [("udp", 137), ("udp", 138), ("tcp", 139), ("tcp", 445), ("udp", 546), ("udp", 547)]

tcp_ports = [settings().sshd_port, *settings().web_ports]
opened: dict[Literal[4, 6], list[ufw.Opening]] = {
    4: ufw.openings(tcp_ports, settings().rtp_ports, settings().pbx_addresses, 4),
    6: ufw.openings(tcp_ports, settings().rtp_ports, settings().pbx_addresses, 6),
}

ufw.firewall(
    name="Firewall as declared, with a way back",
    files={
        "/etc/default/ufw": render("ufw/default.j2"),
        "/etc/ufw/ufw.conf": render("ufw/ufw.conf.j2"),
        "/etc/ufw/user.rules": render("ufw/user.rules.j2", v="", openings=opened[4], anywhere="0.0.0.0/0"),
        "/etc/ufw/user6.rules": render("ufw/user.rules.j2", v="6", openings=opened[6], anywhere="::/0"),
        "/etc/ufw/after.rules": render(
            "ufw/after.rules.j2", v="", noise=NOISE_4, docker_user=ufw.docker_user(opened[4])
        ),
        "/etc/ufw/after6.rules": render(
            "ufw/after.rules.j2", v="6", noise=NOISE_6, docker_user=ufw.docker_user(opened[6])
        ),
    },
    opened=opened,
    account=settings().deploy_user,
)
