"""The firewall's rules, by their exact text."""

from ipaddress import ip_network

from fleet.converge import ufw
from fleet.converge.ufw import Opening

PBX = [ip_network("203.0.113.7/32"), ip_network("2001:db8::7/128")]


def test_openings_for_everybody() -> None:
    assert ufw.openings([22, 80, 443], [3032, 3034], [], 4) == [
        Opening("tcp", 22),
        Opening("tcp", 80),
        Opening("tcp", 443),
        Opening("udp", 3032),
        Opening("udp", 3034),
    ]


def test_rtp_only_for_the_pbx_of_the_same_ip_version() -> None:
    opened = ufw.openings([2222, 80], [3032], PBX, 6)
    assert opened[-1] == Opening("udp", 3032, ip_network("2001:db8::7/128"))
    assert len([opening for opening in opened if opening.protocol == "udp"]) == 1


def test_with_a_pbx_of_the_other_version_only_rtp_is_shut() -> None:
    assert [opening.port for opening in ufw.openings([2222, 80], [3032], PBX[:1], 6)] == [2222, 80]


def test_ufw_reads_its_own_record_of_a_rule() -> None:
    opening = Opening("udp", 3032, ip_network("203.0.113.7/32"))
    assert opening.ufw_tuple("0.0.0.0/0") == "### tuple ### allow udp 3032 0.0.0.0/0 any 203.0.113.7/32 in"
    assert opening.input_rule("ufw-user-input") == "-A ufw-user-input -p udp --dport 3032 -s 203.0.113.7/32 -j ACCEPT"


def test_containers_get_the_same_openings_by_the_port_that_was_asked_for() -> None:
    assert ufw.docker_user([Opening("tcp", 80), Opening("udp", 3032, ip_network("203.0.113.7/32"))]) == [
        "-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
        "-A DOCKER-USER -p tcp -m conntrack --ctstate DNAT --ctorigdstport 80 -j RETURN",
        "-A DOCKER-USER -s 203.0.113.7/32 -p udp -m conntrack --ctstate DNAT --ctorigdstport 3032 -j RETURN",
        "-A DOCKER-USER -m conntrack --ctstate DNAT -j DROP",
        "-A DOCKER-USER -i docker0 -j RETURN",
        "-A DOCKER-USER -i br-+ -j RETURN",
        "-A DOCKER-USER -j DROP",
    ]


OPENED = [Opening("tcp", 22)]
KERNEL = [
    "-P INPUT DROP",
    "-P FORWARD DROP",
    "-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT",
    *ufw.docker_user(OPENED),
    "-A DOCKER-USER -j RETURN",
]


def test_in_force() -> None:
    assert ufw.in_force(KERNEL, OPENED, 4)


def test_any_missing_or_added_rule_is_drift() -> None:
    for line in KERNEL[:-1]:
        assert not ufw.in_force([rule for rule in KERNEL if rule != line], OPENED, 4), line
    assert not ufw.in_force([*KERNEL, "-A ufw-user-input -p tcp -m tcp --dport 9090 -j ACCEPT"], OPENED, 4)
    assert not ufw.in_force(["-A DOCKER-USER -j ACCEPT", *KERNEL], OPENED, 4)


def test_nothing_in_the_kernel_is_drift() -> None:
    assert not ufw.in_force([], OPENED, 4)
