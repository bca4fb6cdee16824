"""`inv doctor` says which pin is past the end of its branch, or soon will be."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from fleet.converge.connect.host_system import SUPPORTED
from fleet.inventory import branches, hosts, settings
from fleet.status import pins
from fleet.status.finding import Finding

TODAY = date(2026, 11, 29)
TRIXIE = ("debian", "13")


def found(today: date = TODAY, system: tuple[str, str] = TRIXIE, **changes: Any) -> list[Finding]:
    """What is said of the inventory's first host with other data."""
    data = settings.of_host("aipbx.net", hosts.load()[0].data).model_copy(update=changes)
    return pins.of(data, system, today)


def test_what_is_pinned_today_is_one_line() -> None:
    (line,) = found()
    assert line.well
    assert not line.do
    assert "nginx 1.30 (no end announced)" in line.text
    assert "PostgreSQL 16 (until 2028-11-09)" in line.text


def test_every_pin_of_ours_and_every_supported_system_is_in_the_table() -> None:
    for images_from in ("registry", "build"):
        data = settings.of_host("aipbx.net", hosts.load()[0].data).model_copy(update={"images_from": images_from})
        for system in SUPPORTED:
            for setting, product, version in pins.pins(data, system):
                assert branches.branch(product, version) in branches.PRODUCTS[product].ends, setting


def test_the_images_that_a_host_builds_from_count() -> None:
    node = [line for line in found(date(2027, 3, 1), images_from="build") if "NODE_IMAGE" in line.name]
    assert [line.text for line in node] == ["Node.js 22 gets no corrections of security after 2027-04-30"] * 2
    assert not [line for line in found(date(2027, 3, 1)) if "NODE_IMAGE" in line.name]
    raised = {"backend": {"NODE_IMAGE": "node:24-slim"}, "frontend": {}}
    node = found(date(2027, 3, 1), images_from="build", build_arguments=raised)
    assert [line.name for line in node if "NODE_IMAGE" in line.name] == ["branch: NODE_IMAGE of files/images/frontend"]


def test_a_branch_that_has_ended_is_not_well() -> None:
    line = found(nginx_image="nginx:1.27-alpine")[0]
    assert (line.name, line.well) == ("branch: nginx_image", False)
    assert line.text == "nginx 1.27 gets no corrections of security after 2025-06-24"
    assert line.do.startswith("raise nginx_image")


@pytest.mark.parametrize(
    ("today", "said", "well"),
    [
        (date(2028, 8, 10), False, True),
        (date(2028, 8, 11), False, True),
        (date(2028, 8, 12), True, True),
        (date(2028, 11, 9), True, True),
        (date(2028, 11, 10), True, False),
    ],
)
def test_ninety_days_before_the_end_it_is_said(today: date, said: bool, well: bool) -> None:
    lines = [line for line in found(today) if "postgres_image" in line.name]
    assert bool(lines) is said
    assert all(line.well for line in lines) is well


def test_no_message_advises_another_major_version_of_a_database_with_data() -> None:
    (line,) = [line for line in found(postgres_image="postgres:14") if not line.well]
    assert line.do.startswith("leave the tag as it is")
    (scratch,) = [line for line in found(mysql_image="mariadb:10.6") if not line.well]
    assert scratch.do.startswith("raise mysql_image")


def test_debian_counts_as_long_as_its_lts() -> None:
    assert len(found(system=("debian", "12"))) == 1
    line = found(date(2028, 7, 1), system=("debian", "12"))[0]
    assert (line.name, line.well) == ("branch: the host's system", False)


def test_what_the_table_does_not_know_is_said_and_an_old_table_too() -> None:
    line = found(nginx_image="nginx:1.99")[0]
    assert (line.well, line.text) == (True, "nginx 1.99: its end is not in our table")
    assert "endoflife.date/nginx" in line.do
    assert "it is of 2026-08-22" in found(date(2027, 9, 1))[-1].do


@pytest.mark.parametrize(
    ("image", "branch"),
    [
        ("nginx:1.30-alpine", "1.30"),
        ("nginx:1.30.2", "1.30"),
        ("registry.example:5000/mirror/nginx:1.29@sha256:" + "a" * 64, "1.29"),
        ("nginxinc/nginx-unprivileged:1.28", "1.28"),
        ("pgvector/pgvector:pg16", "16"),
        ("pgvector/pgvector:0.8.1-pg17-trixie", "17"),
        ("postgres:16.4-alpine", "16"),
        ("mariadb:11", "11.8"),
        ("mariadb:11.4.2", "11.4"),
        ("node:22-slim", "22"),
        ("nginx:latest", None),
        ("nginx", None),
        ("nginx@sha256:" + "a" * 64, None),
    ],
)
def test_the_branch_of_an_image(image: str, branch: str | None) -> None:
    known = branches.of_image(image)
    assert known
    assert branches.branch(*known) == branch


def test_the_branch_of_a_package_has_no_epoch() -> None:
    assert branches.branch("docker-ce", "5:29.8.1-1") == "29"
    assert branches.of_image("certbot/certbot:v5.1.0") is None
