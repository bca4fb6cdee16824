from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine import network
from lab.errors import LabError
from lab.topology import HOSTS, SLOTS, Lab, Subnet, host_spec, host_specs, wanted_specs


def test_names_differ_between_two_checkouts() -> None:
    one, other = Lab(Path("/srv/one")), Lab(Path("/srv/other"))
    assert one.id != other.id
    assert one.container("aipbx.net") == f"aipbx-lab-{one.id}-aipbx.net"
    assert one.label == f"net.aipbx.lab={one.id}"
    assert len(one.bridge) <= 15


def test_a_checkout_may_have_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Lab.here()
    monkeypatch.setenv("AIPBX_LAB", "second")
    assert Lab.here().id != usual.id
    assert Lab.here().directory == usual.root / ".lab-second"
    monkeypatch.setenv("AIPBX_LAB", "../x")
    with pytest.raises(LabError, match="AIPBX_LAB"):
        Lab.here()


def test_every_slot_has_its_own_addresses() -> None:
    subnets = [Subnet(slot) for slot in range(SLOTS)]
    assert len({subnet.ipv4 for subnet in subnets}) == SLOTS
    assert len({subnet.ipv6 for subnet in subnets}) == SLOTS
    assert str(subnets[1].address4(11)) == "198.51.100.43"
    assert str(subnets[1].address6(11)) == "2001:db8:0:1::b"


def test_hosts_fit_into_their_subnet() -> None:
    for spec in HOSTS:
        assert Subnet(SLOTS - 1).address4(spec.number) in Subnet(SLOTS - 1).ipv4


def test_a_misspelt_host_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(LabError, match=r"did you mean aipbx\.net\?"):
        host_spec("aipbx.nett")


def test_all_means_every_host() -> None:
    assert host_specs("all") == HOSTS
    assert host_specs("aipbx.ru") == (HOSTS[2],)
    assert host_specs("aipbx.ru, aipbx.net,aipbx.ru") == (HOSTS[2], HOSTS[0])


def test_hosts_are_wanted_by_their_number_or_by_name() -> None:
    assert wanted_specs("1") == HOSTS[:1]
    assert wanted_specs("3") == wanted_specs("all") == HOSTS
    assert wanted_specs("aipbx.org") == (HOSTS[1],)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("0", "a lab cannot have 0 hosts"),
        ("4", "a lab cannot have 4 hosts"),
        ("-1", "a lab cannot have -1 hosts"),
        ("1.5", "no lab host named '1.5'"),
        ("aipbx.rru", r"did you mean aipbx\.ru\?"),
        ("aipbx.net,", "no lab host named ''"),
        ("", "no lab host named ''"),
    ],
)
def test_hosts_that_do_not_exist_are_refused(wanted: str, message: str) -> None:
    with pytest.raises(LabError, match=message):
        wanted_specs(wanted)


def test_a_new_lab_avoids_taken_subnets() -> None:
    lab = Lab(Path("/srv/one"))
    favourite = network.free_slots(lab, [])[0]
    assert favourite not in network.free_slots(lab, [str(Subnet(favourite).ipv4)])
    assert favourite not in network.free_slots(lab, [str(Subnet(favourite).ipv6)])
    assert network.free_slots(lab, ["198.51.100.0/24"]) == []
    assert len(network.free_slots(lab, ["172.17.0.0/16", "fd00::/8"])) == SLOTS


def test_networks_of_the_machine_are_left_alone() -> None:
    table = (
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0\n"
        "eth0 006433C6 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
    )
    assert network.routed(table) == ["198.51.100.0/255.255.255.0"]
    assert network.free_slots(Lab(Path("/srv/one")), network.routed(table)) == []


def test_the_command_that_creates_the_network() -> None:
    lab = Lab(Path("/srv/one"))
    assert network.create_command(lab, Subnet(2)) == [
        "network",
        "create",
        "--driver",
        "bridge",
        "--label",
        f"net.aipbx.lab={lab.id}",
        "--opt",
        f"com.docker.network.bridge.name=lab-{lab.id}",
        "--ipv6",
        "--subnet",
        "198.51.100.64/27",
        "--gateway",
        "198.51.100.65",
        "--subnet",
        "2001:db8:0:2::/64",
        "--gateway",
        "2001:db8:0:2::1",
        f"aipbx-lab-{lab.id}",
    ]
