"""Malformed data are refused by name, all at once."""

from typing import Any

import pytest

from fleet.errors import OperatorError
from fleet.inventory import hosts, settings

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
        ({"tls": "letsencript"}, "tls = 'letsencript'"),
        ({"extra_names": ["gpu.aipbx.net; return 200"]}, "extra_names.0 = "),
        ({"extra_names": ["GPU.aipbx.net"]}, "extra_names.0 = "),
        ({"acme_directory": "http://acme.example/directory"}, "acme_directory = "),
        ({"acme_contact": "--dry-run"}, "acme_contact = "),
        ({"content_security_policy": {"script-src": ["'self'; img-src *"]}}, "content_security_policy.script-src.0 = "),
        ({"content_security_policy": {}}, "content_security_policy = {}"),
        ({"hsts_preload": True}, "browsers' lists demand hsts_include_subdomains"),
        ({"cloudflare_ranges": ["0.0.0.0/0"]}, "a network of /0 is the whole internet"),
        ({"web_from_cloudflare_only": True}, "needs cloudflare = True"),
        ({"web_from": ["0.0.0.0/0"]}, "a network of /0 is the whole internet"),
        ({"web_from": ["198.51.100.7"], "cloudflare": True, "web_from_cloudflare_only": True}, "only one of them"),
        ({"staging": True}, "a staging host is not for everyone"),
        ({"outgoing": {"203.0.113.7": [443]}}, "only a staging host's containers are limited"),
        ({"deploys_every_push": True}, "is for staging hosts"),
        ({"scrub_rules": "../rules.toml"}, "scrub_rules"),
        ({"staging": True, "web_from": ["198.51.100.7"], "outgoing": {"0.0.0.0/0": [443]}}, "customers included"),
        (
            {
                "staging": True,
                "web_from": ["198.51.100.7"],
                "extra_services": {"tts": {"image": "x", "profiles": ["gpu"], "network_mode": "host"}},
                "compose_profiles": ["gpu"],
            },
            "tts has network_mode: host",
        ),
        ({"soak_minutes": -1}, "soak_minutes = -1"),
        ({"docker_daemon": {"log-driver": "journald"}}, "log-driver: templates/docker/daemon.json.j2 says that"),
        ({"docker_daemon": {'a": 1, "b': 1}}, "docker_daemon.a"),
        ({"connections_per_client": 0}, "connections_per_client = 0"),
        ({"monitoring_network": "8.8.8.0/24"}, "must be a private network"),
        ({"monitoring_network": "172.31.207.0/29"}, "must be a private network of 16 addresses"),
        ({"deadman_url": "http://example.org"}, "deadman_url = "),
        ({"guard_seconds": 1}, "guard_seconds = 1"),
        ({"application_timers": {"12:60": "x"}}, "application_timers.12:60.[key] = '12:60'"),
        ({"application_timers": {"*:*/0": "x"}}, "application_timers.*:*/0.[key] = '*:*/0'"),
        ({"application_timers": {"*:00": ""}}, "application_timers.*:00 = ''"),
        ({"application_timers": ["*:00"]}, "application_timers = ['*:00']"),
        ({"offsite": {"kind": "sftp"}}, "offsite.sftp.host = (missing)"),
        ({"offsite": {"kind": "ftp", "host": "aipbx.ru"}}, "offsite = "),
        ({"offsite": {"kind": "sftp", "host": "aipbx.ru", "address": "-oProxyCommand=x"}}, "offsite.sftp.address = "),
        ({"offsite": {"kind": "s3", "endpoint": "http://s3.test", "bucket": "abc", "region": "r"}}, "s3.endpoint = "),
        ({"offsite": {"kind": "s3", "endpoint": "https://s3.test", "bucket": "a/b", "region": "r"}}, "s3.bucket = "),
        ({"offsite": {"kind": "sftp", "host": "aipbx.ru"}}, "`inv offsite.key` makes a pair"),
        ({"backup_recipients": ["age1short"]}, "backup_recipients.0 = "),
        ({"backup_recipients": ["AGE-SECRET-KEY-1" + "Q" * 58]}, "backup_recipients.0 = "),
        ({"offsite_keep": {"days": 0, "weeks": 1, "months": 1}}, "must say days (1 or more)"),
        ({"rpt_ports": [1]}, "rpt_ports = [1]: Extra inputs are not permitted"),
    ],
)
def test_is_refused(changes: dict[str, Any], said: str) -> None:
    assert said in refusal(**changes)


SHARED = {"postgres": 100, "backend": 100, "frontend": 100}
CHECK = {"path": "/", "statuses": [200], "content_type": "text/html"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backend_repository": "--upload-pack=x"}, "backend_repository = '--upload-pack=x'"),
        ({"frontend_repository": "a b"}, "frontend_repository = 'a b'"),
        ({"branch": "-D"}, "branch = '-D'"),
        ({"branch": "a b"}, "branch = 'a b'"),
        ({"images_from": "hub"}, "images_from = 'hub': Input should be 'registry' or 'build'"),
        ({"dockerfiles": "mine"}, "dockerfiles = 'mine': Input should be 'fleet' or 'repository'"),
        ({"backend_image": "ghcr.io/x/y:latest"}, "backend_image = 'ghcr.io/x/y:latest'"),
        ({"frontend_image": "$(reboot)"}, "frontend_image = "),
        ({"postgres_image": "Postgres:16"}, "postgres_image = 'Postgres:16'"),
        ({"nginx_image": "nginx: 1.30"}, "nginx_image = "),
        ({"public_network_ipv6": "10.0.0.0/8"}, "Input is not a valid IPv6 network"),
        ({"public_network_ipv6": "fd00::1/64"}, "has host bits set"),
        ({"build_memory_mib": 31}, "build_memory_mib = 31: Input should be greater than or equal to 32"),
        ({"build_cpus": 0}, "build_cpus = 0: Input should be greater than 0"),
        ({"build_arguments": {"frontend": {"api url": "x"}}}, "build_arguments.frontend.api url"),
        ({"keep_releases": 1}, "keep_releases = 1: Input should be greater than or equal to 2"),
        ({"compose_project": "aiPBX"}, "compose_project = 'aiPBX'"),
        ({"volumes": {"postgres_data": "xy"}}, "must name exactly backend_static, backend_tts_voices"),
        ({"volumes": GOOD["volumes"] | {"postgres_data": "a/b"}}, "volumes.postgres_data = 'a/b'"),
        ({"memory_mib": SHARED}, "must name exactly backend, frontend, nginx, postgres"),
        ({"memory_mib": GOOD["memory_mib"] | {"nginx": 8}}, "memory_mib.nginx = 8"),
        ({"cpus": GOOD["cpus"] | {"redis": 1}}, "must name exactly backend, frontend, nginx, postgres"),
        ({"extra_services": {"backend": {"profiles": ["x"]}}}, "backend is a service of the stack itself"),
        ({"extra_services": {"certbot": {"profiles": ["x"]}}}, "certbot is a service of the stack itself"),
        ({"extra_services": {"tts": {"image": "x"}}}, "tts has no `profiles`: it would start everywhere"),
        ({"extra_services": {"tts": {"image": "x", "profiles": ["x"], "volumes": 7}}}, "tts.volumes is not a list"),
        ({"extra_services": {"tts": {"image": "x", "profiles": ["x"], "volumes": [7]}}}, "tts.volumes is not a list"),
        ({"extra_services": {"T T S": {"profiles": ["x"]}}}, "extra_services.T T S"),
        ({"compose_profiles": ["a b"]}, "compose_profiles.0 = 'a b'"),
        ({"ready_seconds": 5}, "ready_seconds = 5"),
        ({"settle_seconds": -1}, "settle_seconds = -1"),
        ({"public_checks": []}, "public_checks = []"),
        ({"public_checks": [CHECK | {"port": 80}]}, "public_checks.0.port = 80: Extra inputs are not permitted"),
        ({"public_checks": [CHECK | {"path": "x"}]}, "public_checks.0.path = 'x'"),
        ({"public_checks": [CHECK | {"path": "/a b"}]}, "public_checks.0.path = '/a b'"),
        ({"public_checks": [CHECK | {"statuses": []}]}, "public_checks.0.statuses = []"),
        ({"public_checks": [CHECK | {"statuses": [20]}]}, "public_checks.0.statuses.0 = 20"),
        ({"public_checks": [CHECK | {"content_type": "html"}]}, "public_checks.0.content_type = 'html'"),
    ],
)
def test_of_the_application_is_refused(changes: dict[str, Any], said: str) -> None:
    assert said in refusal(**changes)


def test_all_problems_are_named_at_once() -> None:
    why = refusal(rtp_ports=[99999], role=..., deploy_user="")
    assert all(name in why for name in ("rtp_ports.0", "role", "deploy_user"))


def test_names_that_belong_to_pyinfra_are_left_to_it() -> None:
    assert settings.of_host("aipbx.org", GOOD | {"ssh_user": "root", "_sudo": True})
