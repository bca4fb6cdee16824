"""Whether what a host runs is of a branch that still gets corrections of security."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from fleet.checkout import ROOT
from fleet.inventory import branches
from fleet.inventory.branches import OPEN, PRODUCTS, READ
from fleet.status.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from fleet.inventory.settings import Settings

SOON = timedelta(days=90)
# So long after they were read, dates say little about branches whose end was not announced then.
STALE = timedelta(days=365)
TABLE = "fleet/inventory/branches.py"
_ARG = re.compile(r"^ARG (\w+_IMAGE)=(\S+)$", re.MULTILINE)


def of(settings: Settings, system: tuple[str, str], today: date) -> list[Finding]:
    """Return a finding for each pin whose branch has ended, soon ends or is unknown; one for all others.

    Args:
        settings: the host's.
        system: its distribution and version by os-release: ID, VERSION_ID.
        today: the day.
    """
    findings: list[Finding] = []
    fine: dict[str, None] = {}
    for setting, product, version in pins(settings, system):
        branch = branches.branch(product, version)
        if branch is None:
            continue
        title, end = f"{PRODUCTS[product].title} {branch}", PRODUCTS[product].ends.get(branch)
        if end is None:
            do = f"add it to {TABLE}: {PRODUCTS[product].source}"
            findings.append(Finding(f"branch: {setting}", f"{title}: its end is not in our table", do=do))
        elif today > end - SOON:
            text = f"{title} gets no corrections of security after {end}"
            findings.append(Finding(f"branch: {setting}", text, well=today <= end, do=_move(product, setting)))
        else:
            fine[f"{title} ({'no end announced' if end == OPEN else f'until {end}'})"] = None
    stale = f"compare {TABLE} with its sources: it is of {READ}" if today > READ + STALE else ""
    return [*findings, Finding("branches", ", ".join(fine) or "none with a known end", do=stale)]


def pins(settings: Settings, system: tuple[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield each pin whose product the table knows: where it is set, product, version."""
    distribution, version = system
    if distribution in PRODUCTS:
        yield "the host's system", distribution, version
    for package in ("docker-ce", "containerd.io"):
        yield f'docker_packages["{package}"]', package, settings.docker_packages[package]
    for setting, image in _images(settings):
        if known := branches.of_image(image):
            yield setting, *known


def _images(settings: Settings) -> Iterator[tuple[str, str]]:
    for setting in ("postgres_image", "mysql_image", "nginx_image", "certbot_image"):
        yield setting, getattr(settings, setting)
    for name, service in settings.extra_running.items():
        yield f'extra_services["{name}"]', service["image"]
    if settings.images_from == "build" and settings.dockerfiles == "fleet":
        for built, arguments in settings.build_arguments.items():
            text = (ROOT / "files" / "images" / built / "Dockerfile").read_text("utf-8")
            for argument, image in (dict(_ARG.findall(text)) | arguments).items():
                yield f"{argument} of files/images/{built}", image


def _move(product: str, setting: str) -> str:
    if product in {"postgres", "mariadb", "mysql"} and setting != "mysql_image":
        return (
            "leave the tag as it is: its data directory is of this version. A new server with the newer image takes "
            'a set: docs/restore.md, "on a new server"'
        )
    if product in {"debian", "ubuntu"}:
        return 'a new server with a newer system takes a set: docs/restore.md, "on a new server"'
    return f"raise {setting}, try it in the lab, converge, deploy"
