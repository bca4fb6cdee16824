"""The inventory that Ansible reads."""

import json

import pytest

from bench import data
from fleet.checkout import ROOT
from fleet.errors import OperatorError
from fleet.inventory import hosts
from fleet.inventory.hosts import Host

KEY = "ssh-ed25519 AAAA one"


def test_ansible_gets_the_same_hosts_and_settings() -> None:
    fleet = hosts.load()
    read = json.loads(json.dumps(data.inventory(ROOT, fleet, [KEY])))["fleet"]
    assert list(read["hosts"]) == [host.name for host in fleet]
    assert read["vars"] == {"project": str(ROOT), "operator_keys": [KEY]}
    assert read["hosts"]["aipbx.net"]["settings"]["docker_packages"] == fleet[0].data["docker_packages"]


def test_ansible_gets_the_rules_that_pyinfra_writes() -> None:
    host = Host("a", (), hosts.load()[0].data | {"pbx_addresses": ["192.0.2.7", "2001:db8::7"]})
    read = data.inventory(ROOT, [host], [KEY])["fleet"]["hosts"]["a"]
    assert "-A ufw-user-input -p udp --dport 3032 -s 192.0.2.7/32 -j ACCEPT" in read["ufw_user_rules"][""]
    assert "-A ufw6-user-input -p udp --dport 3032 -s 2001:db8::7/128 -j ACCEPT" in read["ufw_user_rules"]["6"]
    assert read["ufw_user_rules"]["6"].endswith("COMMIT\n")
    assert read["ufw_docker_user"][""][-1] == "-A DOCKER-USER -j DROP"


def test_malformed_data_is_refused() -> None:
    with pytest.raises(OperatorError, match="a: "):
        data.inventory(ROOT, [Host("a", (), {"role": "x"})], [KEY])
