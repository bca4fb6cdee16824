"""The firewall's rules, by their exact text."""

import re
import subprocess
from ipaddress import ip_network
from typing import Any

import pytest

from fleet.converge.firewall import foreign_rules, rules, ufw
from fleet.converge.firewall.rules import Declared, Opening, Version
from fleet.inventory import hosts, settings

PBX = ["203.0.113.7/32", "2001:db8::7/128"]
METADATA = ip_network("169.254.0.0/16")
DATA = hosts.load()[0].data


def opened(version: Version, **changes: Any) -> list[Opening]:
    return rules.declared(settings.of_host("aipbx.net", DATA | changes), version).opened


def test_openings_for_everybody() -> None:
    assert opened(4) == [
        Opening("tcp", 22),
        Opening("tcp", 80),
        Opening("tcp", 443),
        Opening("udp", 3032),
        Opening("udp", 3034),
        Opening("tcp", 9100, interface="br-aipbx-mon"),
        Opening("tcp", 9180, interface="br-aipbx-mon"),
    ]
    assert [one.port for one in opened(4, monitoring=False)] == [22, 80, 443, 3032, 3034]
    assert [one.port for one in opened(6)] == [22, 80, 443, 3032, 3034]


def test_a_port_for_one_interface_is_open_to_nothing_that_is_forwarded() -> None:
    opening = Opening("tcp", 9100, interface="br-aipbx-mon")
    assert opening.ufw_tuple("0.0.0.0/0") == "### tuple ### allow tcp 9100 0.0.0.0/0 any 0.0.0.0/0 in_br-aipbx-mon"
    assert opening.input_rule("ufw-user-input") == "-A ufw-user-input -i br-aipbx-mon -p tcp --dport 9100 -j ACCEPT"
    assert opening.kernel_rule("x") == "-A x -i br-aipbx-mon -p tcp -m tcp --dport 9100 -j ACCEPT"
    assert not any("9100" in rule for rule in Declared([opening]).docker_user())


def test_rtp_only_for_the_pbx_of_the_same_ip_version() -> None:
    found = opened(6, pbx_addresses=PBX)
    assert found[-1] == Opening("udp", 3034, ip_network("2001:db8::7/128"))
    assert len([opening for opening in found if opening.protocol == "udp"]) == 2


def test_with_a_pbx_of_the_other_version_only_rtp_is_shut() -> None:
    assert [opening.port for opening in opened(6, sshd_port=2222, pbx_addresses=PBX[:1])] == [2222, 80, 443]


def test_the_web_only_for_cloudflare() -> None:
    ranges = ["198.51.100.0/25", "2001:db8:7::/48"]
    found = opened(4, cloudflare=True, web_from_cloudflare_only=True, cloudflare_ranges=ranges)
    assert found[:3] == [
        Opening("tcp", 22),
        Opening("tcp", 80, ip_network("198.51.100.0/25")),
        Opening("tcp", 443, ip_network("198.51.100.0/25")),
    ]


def test_https_only_for_some_networks() -> None:
    found = opened(4, web_from=["198.51.100.7", "2001:db8:7::/48"])
    assert found[1:3] == [Opening("tcp", 80), Opening("tcp", 443, ip_network("198.51.100.7/32"))]
    assert Opening("tcp", 443, ip_network("2001:db8:7::/48")) in opened(6, web_from=["2001:db8:7::/48"])


@pytest.mark.parametrize(
    ("outgoing", "allowed"),
    [
        ({}, []),
        (
            {"203.0.113.7": [443, 8089], "2001:db8::/48": [443]},
            [
                "-A DOCKER-USER -d 203.0.113.7/32 -i br-+ -p tcp -m tcp --dport 443 -j RETURN",
                "-A DOCKER-USER -d 203.0.113.7/32 -i br-+ -p tcp -m tcp --dport 8089 -j RETURN",
            ],
        ),
    ],
)
def test_containers_of_a_staging_host_reach_what_is_allowed(outgoing: dict[str, list[int]], allowed: list[str]) -> None:
    """As `iptables -S` prints it (1.8.11, nf_tables)."""
    data = settings.of_host("try.test", DATA | {"staging": True, "web_from": ["198.51.100.7"], "outgoing": outgoing})
    chain = rules.declared(data, 4).docker_user()
    assert chain[chain.index("-A DOCKER-USER -m conntrack --ctstate DNAT -j DROP") + 1 :] == [
        "-A DOCKER-USER -i docker0 -j RETURN",
        "-A DOCKER-USER -i br-+ -o br-+ -j RETURN",
        "-A DOCKER-USER -i br-+ -p udp -m udp --dport 53 -j RETURN",
        "-A DOCKER-USER -i br-+ -p tcp -m tcp --dport 53 -j RETURN",
        *allowed,
        "-A DOCKER-USER -i br-+ -p tcp -j REJECT --reject-with tcp-reset",
        "-A DOCKER-USER -j DROP",
    ]


def test_ufw_reads_its_own_record_of_a_rule() -> None:
    opening = Opening("udp", 3032, ip_network("203.0.113.7/32"))
    assert opening.ufw_tuple("0.0.0.0/0") == "### tuple ### allow udp 3032 0.0.0.0/0 any 203.0.113.7/32 in"
    assert opening.input_rule("ufw-user-input") == "-A ufw-user-input -p udp --dport 3032 -s 203.0.113.7/32 -j ACCEPT"


def test_containers_get_the_same_openings_by_the_port_that_was_asked_for() -> None:
    found = Declared([Opening("tcp", 80), Opening("udp", 3032, ip_network("203.0.113.7/32"))], [METADATA])
    assert found.docker_user() == [
        "-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
        "-A DOCKER-USER -d 169.254.0.0/16 -p tcp -m tcp ! --dport 53 -j REJECT --reject-with tcp-reset",
        "-A DOCKER-USER -p tcp -m conntrack --ctstate DNAT --ctorigdstport 80 -j RETURN",
        "-A DOCKER-USER -s 203.0.113.7/32 -p udp -m conntrack --ctstate DNAT --ctorigdstport 3032 -j RETURN",
        "-A DOCKER-USER -m conntrack --ctstate DNAT -j DROP",
        "-A DOCKER-USER -i docker0 -j RETURN",
        "-A DOCKER-USER -i br-+ -j RETURN",
        "-A DOCKER-USER -j DROP",
    ]


def test_every_cloud_s_metadata_is_shut_and_its_resolver_is_not() -> None:
    data = settings.of_host("aipbx.net", DATA)
    shut = [rule for version in (4, 6) for rule in rules.declared(data, version).docker_user() if "REJECT" in rule]
    assert all("! --dport 53" in rule for rule in shut)
    for address in ("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "fd00:c1::a9fe:a9fe/128"):
        assert any(f" -d {address} " in rule for rule in shut), address


OURS = Declared([Opening("tcp", 22)], [METADATA])
KERNEL = [
    "-P INPUT DROP",
    "-P FORWARD DROP",
    "-N DOCKER",
    "-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd",
    "-A INPUT -j ufw-before-logging-input",
    "-A INPUT -j ufw-before-input",
    "-A FORWARD -j DOCKER-USER",
    "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A FORWARD -j ufw-before-forward",
    "-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT",
    *OURS.docker_user(),
    "-A DOCKER-USER -j RETURN",
]
NAT = ["-P PREROUTING ACCEPT", "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER", "-A POSTROUTING -j MASQUERADE"]
# Others' own, or what differs between versions of Docker.
FREE = {"-A DOCKER-USER -j RETURN", *KERNEL[2:5], *KERNEL[7:9]}


def test_in_force() -> None:
    assert ufw.in_force(KERNEL, OURS, 4)
    assert foreign_rules.foreign(KERNEL, NAT) == {}


def test_any_missing_or_added_rule_is_drift() -> None:
    for line in set(KERNEL) - FREE:
        assert not ufw.in_force([rule for rule in KERNEL if rule != line], OURS, 4), line
    assert not ufw.in_force([*KERNEL, "-A ufw-user-input -p tcp -m tcp --dport 9090 -j ACCEPT"], OURS, 4)
    assert not ufw.in_force(["-A DOCKER-USER -j ACCEPT", *KERNEL], OURS, 4)


@pytest.mark.parametrize(
    ("version", "sources", "printed"),
    [
        (
            4,
            ["203.0.113.7/32", "173.245.48.0/20"],
            [
                "-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT",
                "-A ufw-user-input -s 203.0.113.7/32 -p udp -m udp --dport 3032 -j ACCEPT",
                "-A ufw-user-input -s 173.245.48.0/20 -p tcp -m tcp --dport 443 -j ACCEPT",
                "-A ufw-user-input -p udp -m udp --dport 3034 -j ACCEPT",
            ],
        ),
        (
            6,
            ["2001:db8::7/128", "2606:4700::/32"],
            [
                "-A ufw6-user-input -p tcp -m tcp --dport 22 -j ACCEPT",
                "-A ufw6-user-input -s 2001:db8::7/128 -p udp -m udp --dport 3032 -j ACCEPT",
                "-A ufw6-user-input -s 2606:4700::/32 -p tcp -m tcp --dport 443 -j ACCEPT",
                "-A ufw6-user-input -p udp -m udp --dport 3034 -j ACCEPT",
            ],
        ),
    ],
)
def test_a_rule_in_the_place_of_another_is_drift(version: Version, sources: list[str], printed: list[str]) -> None:
    """By what `iptables-restore` made of the files' rules, and `iptables -S` printed (1.8.9, nf_tables and legacy)."""
    pbx, web = (ip_network(source) for source in sources)
    opened = [Opening("tcp", 22), Opening("udp", 3032, pbx), Opening("tcp", 443, web), Opening("udp", 3034)]
    chains = [line.replace("ufw-", "ufw6-") if version == 6 else line for line in KERNEL[:9]]
    kernel = [*chains, *printed, *Declared(opened).docker_user()]
    assert ufw.in_force(kernel, Declared(opened), version)
    for line in printed:
        other = re.sub(r"--dport \d+", "--dport 9100", line)
        assert not ufw.in_force([other if rule == line else rule for rule in kernel], Declared(opened), version), line


def test_nothing_in_the_kernel_is_drift() -> None:
    assert not ufw.in_force([], OURS, 4)


def test_forwarded_packets_meet_our_openings_first() -> None:
    gate = KERNEL.index("-A FORWARD -j DOCKER-USER")
    moved = [*KERNEL[:gate], *KERNEL[gate + 1 :], KERNEL[gate]]
    assert not ufw.in_force(moved, OURS, 4)
    without_docker = [rule for rule in moved[:-1] if rule != "-N DOCKER"]
    assert ufw.in_force(without_docker, OURS, 4), "nothing is forwarded before Docker has made its chains"


@pytest.mark.parametrize(
    "line",
    [
        "-A INPUT -p tcp -m tcp --dport 9090 -j ACCEPT",
        "-A FORWARD -j ACCEPT",
        '-A FORWARD -m comment --comment "as -j DOCKER-USER" -j ACCEPT',
        "-A FORWARD -g elsewhere",
    ],
)
def test_rules_of_others_before_ours_are_found(line: str) -> None:
    assert foreign_rules.foreign([line, *KERNEL], NAT) == {"filter": [line]}


def test_one_behind_ufw_s_opens_the_host_too_but_not_a_container() -> None:
    late = ["-A INPUT -i eth0 -j ACCEPT", "-A FORWARD -j ACCEPT"]
    assert foreign_rules.foreign([*KERNEL, *late], NAT) == {"filter": late[:1]}


def test_a_redirection_of_others_is_found() -> None:
    line = "-A PREROUTING -p tcp -m tcp --dport 443 -j REDIRECT --to-ports 9443"
    assert foreign_rules.foreign(KERNEL, [*NAT, line]) == {"nat": [line]}


def test_rules_go_as_the_kernel_writes_them() -> None:
    line = '-A FORWARD -m comment --comment "it\'s -A" -j ACCEPT'
    (command,) = foreign_rules.removal({"filter": [line]}, "cat; true ip6tables")
    said = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert said == '*filter\n-D FORWARD -m comment --comment "it\'s -A" -j ACCEPT\nCOMMIT\n'


@pytest.mark.parametrize(
    ("rules", "gated"),
    [
        (["FORWARD -j DOCKER-USER", "FORWARD -j DOCKER"], True),
        # As a Docker leaves it that has restarted under live-restore: the first chain only drops.
        (["FORWARD -j DOCKER-ISOLATION-STAGE-1", "FORWARD -j DOCKER-USER"], True),
        (["FORWARD -i docker0 ! -o docker0 -j ACCEPT", "FORWARD -j DOCKER-USER"], False),
        (["FORWARD -j DOCKER"], False),
    ],
)
def test_forwarded_packets_meet_docker_user_before_what_accepts(rules: list[str], gated: bool) -> None:
    assert foreign_rules.gated(["-N DOCKER", *(f"-A {rule}" for rule in rules)]) is gated
