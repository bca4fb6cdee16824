"""A Docker that lives on a host already keeps what decides where its data are, or nothing is begun."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from fleet.converge.connect import existing_docker
from fleet.converge.connect.existing_docker import DockerBefore
from fleet.errors import OperatorError

FRESH = existing_docker.parse(["config=", "root=", "ExecStart=", "DropInPaths="])
STARTED = "{ path=/usr/bin/dockerd ; argv[]=/usr/bin/dockerd -H fd:// %s; ignore_errors=no ; status=0/0 }"


def before(config: dict[str, Any], root: str = "/var/lib/docker", flags: str = "", drop_ins: str = "") -> DockerBefore:
    packed = base64.b64encode(json.dumps(config).encode()).decode()
    return existing_docker.parse(
        [f"config={packed}", f"root={root}", f"ExecStart={STARTED % flags}", f"DropInPaths={drop_ins}"]
    )


def refusal(found: DockerBefore, declared: dict[str, Any]) -> OperatorError:
    with pytest.raises(OperatorError) as error:
        existing_docker.refuse("aipbx.org", found, declared)
    return error.value


def test_a_fresh_host_and_one_of_ours_are_fine() -> None:
    assert DockerBefore() == FRESH
    existing_docker.refuse("aipbx.org", FRESH, {"data-root": "/srv/docker"})
    existing_docker.refuse("aipbx.org", before({"live-restore": True, "debug": True}), {})
    existing_docker.refuse(
        "aipbx.org", before({"userns-remap": "default"}, "/var/lib/docker/1.1"), {"userns-remap": "default"}
    )


def test_what_would_be_lost_is_refused_with_the_line_for_the_inventory() -> None:
    found = before({"data-root": "/srv/docker", "bip": "10.9.0.1/24", "debug": True}, "/srv/docker")
    error = refusal(found, {"mtu": 1400})
    assert error.what == "aipbx.org: Docker runs there already, and would lose its data-root, bip."
    line = "\"docker_daemon\": {'mtu': 1400, 'data-root': '/srv/docker', 'bip': '10.9.0.1/24'},"
    assert f"in inventory.py for aipbx.org: {line}" in error.do
    existing_docker.refuse("aipbx.org", found, {"data-root": "/srv/docker", "bip": "10.9.0.1/24"})


@pytest.mark.parametrize(
    "lost",
    [
        # Docker 29 would look for images and containers in the other store.
        {"features": {"containerd-snapshotter": True}},
        # Containers that ask for it would not start.
        {"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}},
        {"proxies": {"https-proxy": "http://proxy.example:3128"}},
        {"hosts": ["fd://", "tcp://0.0.0.0:2375"]},
        {"iptables": False},
    ],
)
def test_whatever_something_may_need_is_named(lost: dict[str, Any]) -> None:
    assert f"would lose its {next(iter(lost))}." in refusal(before(lost), {}).what
    existing_docker.refuse("aipbx.org", before(lost), lost)


def test_the_running_daemon_counts_whatever_its_file_says() -> None:
    assert "data-root" in refusal(before({}, "/srv/docker"), {}).what
    assert "data-root" in refusal(before({}), {"data-root": "/srv/docker"}).what


def test_a_file_that_cannot_be_read_is_refused() -> None:
    packed = base64.b64encode(b"{ data-root: /srv }").decode()
    assert "is not JSON" in refusal(existing_docker.parse([f"config={packed}"]), {}).what


def test_a_drop_in_with_a_flag_of_ours_is_named() -> None:
    path = "/etc/systemd/system/docker.service.d/override.conf"
    error = refusal(before({}, flags="--log-driver=journald ", drop_ins=path), {})
    assert error.what == "aipbx.org: docker.service starts dockerd with --log-driver."
    assert path in error.why
