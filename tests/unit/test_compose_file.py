"""compose.yml as hosts get it: what Compose reads in it, and what Docker is handed in the end."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from fleet import templates
from fleet.checkout import ROOT
from fleet.inventory import hosts, settings
from fleet.inventory.settings import Settings

HOSTS = {host.name: host.data for host in hosts.load()}
PROBE = (ROOT / "files" / "app" / "probe.js").read_text()
# As Compose reads a value: `$$` is a dollar; else a dollar names a variable.
DOLLAR = re.compile(r"\$(\$|\{[A-Z_]+:\?[^}]*\}|.?)")


def of_host(name: str = "aipbx.net", **changes: Any) -> Settings:
    return settings.of_host(name, HOSTS[name] | changes)


def text_of(data: Settings, probe: str = PROBE) -> str:
    return templates.render("compose.yml.j2", settings=data, probe=probe)


def stack(probe: str = PROBE, **changes: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text_of(of_host(**changes), probe))
    return loaded


def handed_on(value: str) -> str:
    """What a container gets of a value."""
    return DOLLAR.sub(lambda found: "$" if found[1] == "$" else f"<{found[1]}>", value)


@pytest.mark.parametrize("name", HOSTS)
def test_yamllint_finds_nothing(name: str) -> None:
    rules = f"{{extends: {ROOT}/.yamllint.yaml, rules: {{line-length: disable}}}}"
    lint = [sys.executable, "-m", "yamllint", "--strict", "--config-data", rules, "-"]
    done = subprocess.run(lint, input=text_of(of_host(name)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", HOSTS)
def test_the_only_variables_are_the_two_images(name: str) -> None:
    found = {match[1] for match in DOLLAR.finditer(text_of(of_host(name))) if match[1] != "$"}
    assert found == {"{BACKEND_IMAGE:?inv deploy says which}", "{FRONTEND_IMAGE:?inv deploy says which}"}


@pytest.mark.parametrize("probe", [PROBE, "`${a}` $b $$c '\"\\\n<&>é"])
def test_the_container_gets_the_probe_byte_for_byte(probe: str) -> None:
    test = stack(probe)["services"]["backend"]["healthcheck"]["test"]
    assert test[:3] == ["CMD", "node", "-e"]
    assert handed_on(test[3]) == probe


def test_the_container_gets_the_checks_as_declared() -> None:
    declared = stack()["services"]["backend"]["healthcheck"]["test"][4]
    assert json.loads(handed_on(declared)) == [
        {"port": 5005, "path": "/api/prices/public", "statuses": [200, 404], "content_type": "application/json"},
        {"port": 3033, "path": "/socket.io/?EIO=4&transport=polling", "statuses": [200], "content_type": "text/plain"},
    ]


def test_the_databases_names_are_the_containers_own() -> None:
    test = stack()["services"]["postgres"]["healthcheck"]["test"]
    assert handed_on(test[1]) == 'pg_isready -q -h 127.0.0.1 -U health -d "$POSTGRES_DB"'


def test_only_nginx_and_rtp_can_be_reached_from_outside() -> None:
    published = {name: service["ports"] for name, service in stack()["services"].items() if "ports" in service}
    assert published == {
        "nginx": ["80:8080", "443:8443"],
        "backend-blue": ["3032:3032/udp"],
        "backend-green": ["3034:3032/udp"],
    }


def test_the_database_has_no_way_out() -> None:
    found = stack()
    assert found["services"]["postgres"]["networks"] == ["data"]
    assert found["networks"]["web"] == found["networks"]["data"] == {"internal": True}
    assert found["networks"]["outside"] == {}
    assert set(found["services"]["frontend-blue"]["networks"]) == {"web"}


def test_ipv6_is_handed_on_with_the_clients_own_address() -> None:
    public = stack(public_network_ipv6="fd00:1::/64")["networks"]["public"]
    assert public == {"enable_ipv6": True, "ipam": {"config": [{"subnet": "fd00:1::/64"}]}}


def test_data_decide() -> None:
    found = stack(
        compose_project="app",
        postgres_image="postgres:16-alpine",
        rtp_ports=[4000, 4002],
        volumes={**HOSTS["aipbx.net"]["volumes"], "postgres_data": "app_pg"},
        memory_mib={**HOSTS["aipbx.net"]["memory_mib"], "backend": 4096},
        ready_seconds=300,
    )
    assert found["name"] == "app"
    assert found["services"]["postgres"]["image"] == "postgres:16-alpine"
    assert found["services"]["backend-green"]["ports"] == ["4002:3032/udp"]
    assert found["services"]["backend"]["mem_limit"] == "4096m"
    assert found["services"]["backend"]["healthcheck"]["start_period"] == "300s"
    assert found["volumes"]["postgres_data"] == {"name": "app_pg", "external": True}


def test_every_service_that_stays_is_limited_and_checked() -> None:
    services = stack()["services"]
    coloured = {f"{name}-{colour}" for name in ("backend", "frontend") for colour in ("blue", "green")}
    assert set(services) == {"postgres", "nginx", "backend", *coloured, "certbot"}
    for name in set(services) - {"certbot"}:
        assert services[name]["restart"] == "unless-stopped"
        assert services[name]["mem_limit"] == f"{HOSTS['aipbx.net']['memory_mib'][name.partition('-')[0]]}m"
        assert services[name]["cpus"] == HOSTS["aipbx.net"]["cpus"][name.partition("-")[0]]
        assert services[name]["pids_limit"] == HOSTS["aipbx.net"]["pids"][name.partition("-")[0]]
        assert services[name]["healthcheck"]["test"]
    assert services["certbot"]["profiles"] == ["tools"]


def test_every_container_is_bounded_and_gains_nothing() -> None:
    extra = {"tts": {"image": "x", "profiles": ["gpu"]}, "own": {"image": "x", "profiles": ["gpu"], "pids_limit": 9}}
    services = stack(extra_services=extra)["services"]
    assert (services.pop("tts")["pids_limit"], services.pop("own")["pids_limit"]) == (1024, 9)
    for name, service in services.items():
        assert service["pids_limit"] > 0
        assert service["security_opt"] == ["no-new-privileges:true"]
        if name != "certbot":
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name
            assert set(service.get("cap_add", [])) <= {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}


def test_a_plain_up_by_hand_starts_no_second_backend() -> None:
    services = stack()["services"]
    started = [name for name, service in services.items() if not service.get("profiles")]
    assert started == ["postgres", "nginx"]
    differ = {name: services["backend-blue"][name] for name in services["backend-blue"] if name != "ports"}
    assert differ == services["backend"], "what environment.json and a restore's throwaway backend build upon"


def test_mounts_are_declared_volumes_or_folders_beside() -> None:
    found = stack()
    for service in found["services"].values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source.startswith("./") or source in found["volumes"], mount
        assert set(service.get("networks", [])) <= set(found["networks"])


def test_more_services_are_as_data_write_them() -> None:
    tts = {
        "image": "tts:1",
        "profiles": ["gpu"],
        "networks": ["data"],
        "command": ["a: b", "'<&>\"", "é"],
        "init": True,
    }
    assert stack(extra_services={"tts": tts})["services"]["tts"] == tts | {"pids_limit": 1024}


def test_volumes_of_more_services_are_declared_and_external() -> None:
    mounts = [
        "aipbx_mysql:/var/lib/mysql",
        "backend_tts_voices:/voices:ro",
        "./passwords:/run/secrets:ro",
        "/srv/models:/models",
        "~/x:/x",
        "/anonymous",
        {"type": "volume", "source": "long-form", "target": "/l"},
        {"type": "bind", "source": "folder", "target": "/f"},
        {"type": "tmpfs", "target": "/t"},
    ]
    mysql = {"image": "mariadb:11", "profiles": ["mysql"], "volumes": mounts}
    volumes = stack(extra_services={"mysql": mysql})["volumes"]
    assert set(volumes) == settings.VOLUMES | {"aipbx_mysql", "long-form"}
    assert volumes["aipbx_mysql"] == {"name": "aipbx_mysql", "external": True}
    assert settings.volumes_of({"mysql": mysql}, {"backend_tts_voices"}) == ["aipbx_mysql", "long-form"]


def test_certbot_of_a_staging_host_reaches_the_authority_and_the_application_does_not() -> None:
    usual, staging = stack()["services"], stack(staging=True, web_from=["198.51.100.7"])["services"]
    assert (usual["certbot"]["networks"], "network_mode" in usual["certbot"]) == (["public"], False)
    assert (staging["certbot"]["network_mode"], "networks" in staging["certbot"]) == ("host", False)
    assert [name for name, service in staging.items() if service.get("network_mode") == "host"] == ["certbot"]
