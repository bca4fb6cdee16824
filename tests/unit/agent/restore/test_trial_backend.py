"""The throwaway backend is the live one's double, tied to nothing of it."""

from __future__ import annotations

import json

from aipbx_agent.core.config import Config
from aipbx_agent.restore import trial_backend

DECLARED = {
    "image": "r/b:sha",
    "environment": {"DB_NAME": "aipbx", "DB_HOST": "postgres", "KEY": "a$$b"},
    "init": True,
    "healthcheck": {"test": ["CMD", "node"], "start_period": "2m0s"},
    "mem_limit": "2147483648",
    "cpus": 2,
    "restart": "unless-stopped",
    "container_name": "backend",
    "depends_on": {"postgres": {}},
    "networks": {"data": None, "outside": None},
    "ports": [{"published": "3032"}],
    "volumes": [{"source": "backend_static", "target": "/app/static"}],
    "extra_hosts": ["pbx=10.0.0.1"],
    "labels": {"watched": "yes"},
}


CONFIG = Config({"compose_project": "aipbx"}, {"backend": {"DB_HOST": "postgres"}}, {})


def test_same_release_same_variables_and_no_way_out() -> None:
    made = trial_backend.throwaway(CONFIG, DECLARED, {"image": "nginx"}, "aipbx_ready_x")
    backend = made["services"]["backend"]
    assert backend["environment"] == {**DECLARED["environment"], "DB_NAME": "aipbx_ready_x"}  # type: ignore[dict-item]
    assert {key: backend[key] for key in ("image", "healthcheck", "init", "mem_limit")} == {
        key: DECLARED[key] for key in ("image", "healthcheck", "init", "mem_limit")
    }
    assert backend["restart"] == "no"
    assert not backend.keys() & {"volumes", "ports", "networks", "extra_hosts", "labels", "container_name"}
    assert backend["depends_on"] == {"forwarder": {"condition": "service_healthy"}}
    assert made["networks"]["default"] == {"name": "aipbx-readiness", "internal": True}
    assert made["name"] == "aipbx-readiness"
    assert json.loads(json.dumps(made)) == made
    assert DECLARED["environment"]["DB_NAME"] == "aipbx"  # type: ignore[index]


def test_only_the_forwarder_is_on_the_network_of_the_live_server_and_can_nothing_else() -> None:
    way = trial_backend.forwarder("nginx:x", "0123456789ab", "postgres")
    assert way["networks"] == {"default": {"aliases": ["postgres"]}, "data": {}}
    assert "proxy_pass 0123456789ab:5432;" in way["entrypoint"][-1]
    assert (way["read_only"], way["cap_drop"], way["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert "$" not in way["entrypoint"][2].replace("$$", ""), "Compose would expand it"
    assert not way.keys() & {"volumes", "ports"}
