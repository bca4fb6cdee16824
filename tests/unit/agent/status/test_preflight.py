"""What a release would meet: programs on the ports that nginx needs, names that no authority would find."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.contract import CERTIFICATE
from aipbx_agent.core import docker
from aipbx_agent.core.config import Config
from aipbx_agent.release.containers import colours
from aipbx_agent.status import preflight
from tests.unit.shell import stub

CONFIG = Config({"host": "aipbx.org", "app_dir": "/nowhere"}, {}, {})
LISTENS = """cat <<'E'
LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("apache2",pid=7,fd=3),("apache2",pid=8,fd=3))
LISTEN 0 511 [::]:80 [::]:* users:(("apache2",pid=7,fd=4))
LISTEN 0 511 *:443 *:*
E"""


@pytest.fixture(autouse=True)
def _programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub(tmp_path, "ss", LISTENS)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


def test_each_program_is_named_with_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colours, "present", lambda *_: "")
    assert preflight._taken(CONFIG) == ["a program on port 443", "apache2 on port 80"]


def test_where_our_nginx_runs_it_is_the_one_that_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colours, "present", lambda *_: "abc")
    monkeypatch.setattr(docker, "running", lambda _: True)
    assert preflight._taken(CONFIG) == []


@pytest.mark.parametrize(
    ("changes", "elsewhere"),
    [
        ({}, {"www.aipbx.org": ["198.51.100.8"]}),
        # A proxy, or a cloud that translates addresses, is declared.
        ({"public_addresses": ["198.51.100.8"]}, {}),
        ({"cloudflare": True}, {}),
        ({"source": "supplied"}, {}),
    ],
)
def test_names_that_lead_elsewhere_are_known_beforehand(
    changes: dict[str, Any], elsewhere: dict[str, list[str]], tmp_path: Path
) -> None:
    own = [{"addr_info": [{"local": "198.51.100.7"}, {"local": "2001:db8::7"}]}, {}]
    stub(tmp_path, "ip", f"echo '{json.dumps(own)}'")
    known = "aipbx.org) echo 2001:db8::7; echo 198.51.100.7;; www.aipbx.org) echo 198.51.100.8;;"
    stub(tmp_path, "getent", f'case "$4" in {known} esac')
    data = dict.fromkeys(("acme_directory", "acme_contact"), "") | {"cloudflare": False, "public_addresses": []}
    data |= {"names": ["aipbx.org", "www.aipbx.org"], "source": "letsencrypt"} | changes
    assert preflight._elsewhere(Config({"host": "aipbx.org", "certificate": data}, {}, {})) == elsewhere


@pytest.mark.parametrize(
    ("source", "certified", "unknown"),
    [("letsencrypt", False, ["www.aipbx.org"]), ("letsencrypt", True, []), ("supplied", False, [])],
)
def test_names_that_dns_does_not_know_count_before_the_first_certificate(
    source: str, certified: bool, unknown: list[str], tmp_path: Path
) -> None:
    stub(tmp_path, "getent", '[ "$4" = aipbx.org ] && echo "198.51.100.7 STREAM"')
    if certified:
        (tmp_path / CERTIFICATE).parent.mkdir(parents=True)
        (tmp_path / CERTIFICATE).touch()
    data = dict.fromkeys(("acme_directory", "acme_contact"), "") | {"cloudflare": False, "public_addresses": []}
    data |= {"names": ["aipbx.org", "www.aipbx.org"], "source": source}
    config = Config({"host": "aipbx.org", "app_dir": str(tmp_path), "certificate": data}, {}, {})
    assert preflight._unknown_names(config) == unknown
