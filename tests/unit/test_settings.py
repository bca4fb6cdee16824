"""Malformed data are refused by name, all at once."""

from typing import Any

import pytest

from fleet import hosts, settings
from fleet.errors import OperatorError

GOOD = hosts.load()[0].data


def refusal(**changes: Any) -> str:
    data = {key: value for key, value in (GOOD | changes).items() if value is not ...}
    with pytest.raises(OperatorError) as refused:
        settings.of_host("aipbx.org", data)
    return refused.value.why


def test_every_host_of_the_inventory_passes() -> None:
    for host in hosts.load():
        assert settings.of_host(host.name, host.data).role == host.data["role"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rtp_ports": [3032, 70000]}, "rtp_ports.1 = 70000: Input should be less than or equal to 65535"),
        ({"web_ports": [0]}, "web_ports.0 = 0: Input should be greater than or equal to 1"),
        ({"web_ports": []}, "web_ports = []: List should have at least 1 item"),
        ({"web_ports": ["80"]}, "web_ports.0 = '80': Input should be a valid integer"),
        ({"pbx_addresses": ["203.0.113.300"]}, "pbx_addresses.0 = '203.0.113.300'"),
        ({"pbx_addresses": ["0.0.0.0/0"]}, "for `any`, leave the list empty"),
        ({"pbx_addresses": ["203.0.113.7/24"]}, "has host bits set"),
        ({"deploy_user": "Deploy User"}, "deploy_user = 'Deploy User'"),
        ({"role": "line\nbreak"}, "role = "),
        ({"role": ...}, "role = (missing): Field required"),
        ({"app_dir": "app/aipbx"}, "app_dir = 'app/aipbx'"),
        ({"app_dir": "/app/$(reboot)"}, "app_dir = "),
        ({"docker_packages": {"docker-ce": "1"}}, "must pin exactly"),
        ({"docker_repository": "http://download.docker.com/linux"}, "docker_repository = "),
        ({"guard_seconds": 1}, "guard_seconds = 1"),
        ({"rpt_ports": [1]}, "rpt_ports = [1]: Extra inputs are not permitted"),
    ],
)
def test_is_refused(changes: dict[str, Any], said: str) -> None:
    assert said in refusal(**changes)


def test_all_problems_are_named_at_once() -> None:
    why = refusal(web_ports=[99999], role=..., deploy_user="")
    assert all(name in why for name in ("web_ports.0", "role", "deploy_user"))


def test_names_that_belong_to_pyinfra_are_left_to_it() -> None:
    assert settings.of_host("aipbx.org", GOOD | {"ssh_user": "root", "_sudo": True})
