from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.images import downloads, recipes
from lab.images.stand_ins import stand_ins

ROOT = Path(__file__).resolve().parents[4]

CONTENT = b"an archive"
INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(CONTENT).digest()).decode()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry in a folder."""
    folder = tmp_path / "registry"
    (folder / "@scope" / "name" / "-").mkdir(parents=True)
    (folder / "@scope" / "name" / "-" / "name-1.0.0.tgz").write_bytes(CONTENT)
    monkeypatch.setattr(downloads, "npm_registry", folder.as_uri)
    return folder


def listing(folder: Path, integrity: str, version: str = "1.0.0") -> Path:
    folder.mkdir()
    (folder / "npm.txt").write_text(f"@scope/name {version} {integrity}\n")
    return folder


def test_a_package_of_npm_s_is_fetched(tmp_path: Path, registry: Path) -> None:
    downloads.fetch(listing(tmp_path / "image", INTEGRITY), tmp_path, "amd64", "3.13")
    assert (tmp_path / "npm" / "name-1.0.0.tgz").read_bytes() == CONTENT


def test_a_package_that_is_something_else_is_refused(tmp_path: Path, registry: Path) -> None:
    with pytest.raises(LabError, match="is not what the lab expects"):
        downloads.fetch(listing(tmp_path / "image", INTEGRITY[:-4] + "AA=="), tmp_path, "amd64", "3.13")
    assert not list((tmp_path / "npm").iterdir())


def test_a_package_that_no_registry_has_is_reported(tmp_path: Path, registry: Path) -> None:
    with pytest.raises(LabError, match=r"@scope/name 2\.0\.0 could not be downloaded"):
        downloads.fetch(listing(tmp_path / "image", INTEGRITY, "2.0.0"), tmp_path, "amd64", "3.13")


def test_a_folder_without_listings_needs_nothing(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    downloads.fetch(tmp_path / "image", tmp_path, "amd64", "3.13")
    assert [path.name for path in tmp_path.iterdir()] == ["image"]


def test_wheels_are_those_of_the_hosts_processor_and_python() -> None:
    command = downloads.wheels_command(Path("/i/wheels.txt"), Path("/t"), "aarch64", "3.12")
    assert command[3:5] == ["download", "--quiet"]
    assert "--require-hashes" in command
    assert command[command.index("--python-version") + 1] == "3.12"
    assert "manylinux_2_17_aarch64" in command


def test_every_wheel_is_pinned_by_its_hash() -> None:
    for file in recipes.CONTEXTS.glob("*/wheels.txt"):
        for requirement in file.read_text().replace("\\\n", "").splitlines():
            assert "==" in requirement
            assert "--hash=sha256:" in requirement


def test_stand_ins_go_by_the_names_that_production_uses() -> None:
    found = stand_ins("amd64", stories=True)
    assert {stand_in.reference for stand_in in found} == {
        "docker.io/library/python:3.13-slim",
        "docker.io/library/node:22-slim",
        "docker.io/library/nginx:1.30-alpine",
        "docker.io/library/mariadb:11",
        "docker.io/library/postgres:16-alpine",
        "docker.io/pgvector/pgvector:pg16",
        "docker.io/certbot/certbot:v5.1.0",
        "docker.io/prom/prometheus:v3.5.0",
        "docker.io/prom/alertmanager:v0.28.1",
        "docker.io/prom/blackbox-exporter:v0.26.0",
        "docker.io/prometheuscommunity/postgres-exporter:v0.17.1",
        "docker.io/grafana/grafana:12.4.3",
    }
    assert len({stand_in.recipe.name for stand_in in found}) == len(found)
    for stand_in in found:
        dockerfile = (recipes.CONTEXTS / stand_in.recipe.folder / "Dockerfile").read_text()
        assert "LABEL net.aipbx.lab.stand-in=" in dockerfile


def test_without_stories_there_is_what_a_host_with_aipbx_pulls() -> None:
    data: dict[str, object] = {}
    exec((ROOT / "group_data" / "all.py").read_text(), data)  # noqa: S102 # this repository's own data
    monitoring = ("prometheus", "alertmanager", "blackbox", "postgres_exporter", "grafana")
    pulled = {str(data[f"{name}_image"]) for name in ("postgres", "nginx", "certbot", *monitoring)}
    found = {
        each.reference.removeprefix("docker.io/").removeprefix("library/") for each in stand_ins("amd64", stories=False)
    }
    assert found == pulled | {"node:22-slim"}  # the application's images start from it


def test_another_processor_has_no_postgresql() -> None:
    folders = {stand_in.recipe.folder for stand_in in stand_ins("arm64", stories=True)}
    assert folders == {"python", "node", "nginx", "mariadb", "certbot", "monitoring", "grafana"}
