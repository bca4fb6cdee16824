from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.images.mirror import Mirror, machine_mirror
from lab.topology import Subnet
from lab.world import configuration, pins
from lab.world.container import push_command

ROOT = Path(__file__).resolve().parents[4]


def test_the_repository_offers_what_production_pins() -> None:
    pinned = pins.read_pins(ROOT / "group_data" / "all.py")
    offered = pins.offered(pinned).split()
    for package, version in pinned.items():
        assert f"{package}={version}" in offered


def test_docker_comes_one_older_and_one_newer() -> None:
    assert pins.offered({"docker-ce": "5:28.5.2-1~debian.13~trixie", "containerd.io": "1.7.28-1"}) == (
        "docker-ce=5:28.5.2-1 docker-ce=5:28.5.1-1 docker-ce=5:28.6.0-1 containerd.io=1.7.28-1"
    )


@pytest.mark.parametrize(
    ("version", "older", "newer"),
    [
        ("5:28.5.2-1", "5:28.5.1-1", "5:28.6.0-1"),
        ("5:28.5.0-1", "5:28.4.9-1", "5:28.6.0-1"),
        ("29.0.0", "28.9.9", "29.1.0"),
    ],
)
def test_neighbours(version: str, older: str, newer: str) -> None:
    assert pins.neighbours(version) == (older, newer)


def test_a_version_of_another_form_has_no_neighbours() -> None:
    with pytest.raises(ValueError, match="latest"):
        pins.neighbours("latest")


def test_group_data_without_pins_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "all.py").write_text("deploy_user = 'deploy'\n")
    with pytest.raises(ValueError, match="docker_packages"):
        pins.read_pins(tmp_path / "all.py")


def test_the_three_domains_are_never_asked_for_outside() -> None:
    lines = configuration.dnsmasq(Subnet(1)).splitlines()
    for name, address4, address6 in (
        ("aipbx.net", "198.51.100.43", "2001:db8:0:1::b"),
        ("aipbx.org", "198.51.100.44", "2001:db8:0:1::c"),
        ("aipbx.ru", "198.51.100.45", "2001:db8:0:1::d"),
    ):
        assert f"local=/{name}/" in lines
        assert f"host-record={name},www.{name},{address4},{address6}" in lines


def test_the_world_answers_for_the_services_that_production_uses() -> None:
    lines = configuration.dnsmasq(Subnet(1)).splitlines()
    for name in ("registry-1.docker.io", "ghcr.io", "acme-v02.api.letsencrypt.org", "registry.npmjs.org", "github.com"):
        assert f"host-record={name},198.51.100.34,2001:db8:0:1::2" in lines


def test_packages_come_from_the_machine_s_mirror() -> None:
    mirror = Mirror("http://mirror.example/debian", "http://mirror.example/debian-security")
    assert configuration.nginx_mirror(mirror) == (
        "map $archive $mirror {\n    debian http://mirror.example/debian;\n"
        "    debian-security http://mirror.example/debian-security;\n}\n"
    )
    assert mirror.sources("trixie").startswith(
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie trixie-updates\nComponents: main\n"
    )


def test_npm_s_packages_come_from_the_machine_s_registry() -> None:
    assert (
        configuration.nginx_npm("http://npm.example/all") == "map $uri $npm {\n    default http://npm.example/all;\n}\n"
    )


def test_the_mirror_is_read_from_either_form_of_apt_sources(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / "a.list").write_text("# deb http://old.example/debian bookworm main\n")
    (folder / "debian.sources").write_text(
        "Types: deb\nURIs: http://one.example/debian/\nSuites: bookworm bookworm-updates\n\n"
        "Types: deb\nURIs: http://one.example/debian-security\nSuites: bookworm-security\n"
    )
    (folder / "node.sources").write_text("Types: deb\nURIs: https://node.example/node\nSuites: nodistro\n")
    assert machine_mirror(tmp_path) == Mirror("http://one.example/debian", "http://one.example/debian-security")
    (tmp_path / "sources.list").write_text(
        "deb [arch=amd64] http://two.example/debian bookworm main\n"
        "deb http://two.example/debian-security bookworm-security main\n"
    )
    assert machine_mirror(tmp_path) == Mirror("http://two.example/debian", "http://two.example/debian-security")


def test_a_machine_without_debian_sources_uses_debian_s_own(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://archive.example/ubuntu noble main\n")
    assert machine_mirror(tmp_path) == Mirror()


def test_an_image_goes_to_the_registry_that_its_name_says() -> None:
    assert push_command("ghcr.io/aipbx/backend:0123abc") == (
        'skopeo --insecure-policy copy --quiet --dest-tls-verify=false "docker-archive:$file" '
        "docker://127.0.0.1:5001/aipbx/backend:0123abc"
    )


def test_an_image_for_nowhere_is_refused() -> None:
    with pytest.raises(LabError, match=r"quay\.io"):
        push_command("quay.io/a/b:1")
