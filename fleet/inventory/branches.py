"""The branches of what this project pins, and when each gets its last correction of security.

Add a branch with its date before you pin it. READ says when all of them were last compared with their sources.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

READ = date(2026, 8, 22)
# Its makers have not announced an end.
OPEN = date.max


@dataclass(frozen=True)
class Product:
    """Something that is pinned.

    Attributes:
        title: how people call it.
        source: where its dates stand.
        ends: the last day of each branch.
        behind: what comes before the branch in a tag that begins with something else.
    """

    title: str
    source: str
    ends: dict[str, date]
    behind: str = ""


def _source(name: str) -> str:
    return f"https://endoflife.date/{name}"


PRODUCTS = {
    "nginx": Product(
        "nginx",
        _source("nginx"),
        {
            "1.31": OPEN,
            "1.30": OPEN,
            "1.29": date(2026, 5, 13),
            "1.28": date(2026, 4, 14),
            "1.27": date(2025, 6, 24),
            "1.26": date(2025, 4, 23),
        },
    ),
    "postgres": Product(
        "PostgreSQL",
        _source("postgresql"),
        {
            "18": date(2030, 11, 14),
            "17": date(2029, 11, 8),
            "16": date(2028, 11, 9),
            "15": date(2027, 11, 11),
            "14": date(2026, 11, 12),
            "13": date(2025, 11, 13),
        },
        behind="pg",
    ),
    "mariadb": Product(
        "MariaDB",
        _source("mariadb"),
        {
            "12.3": date(2029, 6, 12),
            "11.8": date(2028, 6, 4),
            "11.4": date(2029, 5, 29),
            "10.11": date(2028, 2, 16),
            "10.6": date(2026, 7, 6),
            "10.5": date(2025, 6, 24),
        },
    ),
    "mysql": Product(
        "MySQL",
        _source("mysql"),
        {
            "9.7": date(2034, 4, 21),
            "8.4": date(2032, 4, 30),
            "8.0": date(2026, 4, 30),
            "5.7": date(2023, 10, 31),
        },
    ),
    "node": Product(
        "Node.js",
        _source("nodejs"),
        {
            "26": date(2029, 4, 30),
            "24": date(2028, 4, 30),
            "22": date(2027, 4, 30),
            "20": date(2026, 4, 30),
            "18": date(2025, 4, 30),
        },
    ),
    "docker-ce": Product(
        "Docker",
        _source("docker-engine"),
        {"29": OPEN, "28": date(2026, 5, 13), "27": date(2025, 5, 3)},
    ),
    "containerd.io": Product(
        "containerd",
        _source("containerd"),
        {
            "2.3": date(2028, 4, 30),
            "2.2": date(2026, 11, 6),
            "2.1": date(2026, 7, 3),
            "2.0": date(2027, 3, 1),
            "1.7": date(2026, 9, 1),
        },
    ),
    # As long as its LTS team works: security updates come from the same archive.
    "debian": Product("Debian", _source("debian"), {"13": date(2030, 6, 30), "12": date(2028, 6, 30)}),
    "ubuntu": Product("Ubuntu", _source("ubuntu"), {"24.04": date(2029, 5, 31), "22.04": date(2027, 4, 1)}),
}
# Images whose last part is another name than their product's.
OTHER_NAMES = {"pgvector": "postgres", "nginx-unprivileged": "nginx"}


def of_image(image: str) -> tuple[str, str] | None:
    """Return the product and the version of an image's reference; None: this table knows no such product.

    Args:
        image: as `registry:5000/library/nginx:1.30-alpine@sha256:…`.
    """
    name, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    product = OTHER_NAMES.get(name, name)
    return (product, tag) if product in PRODUCTS else None


def branch(product: str, version: str) -> str | None:
    """Return the branch that a version is of, as the product names branches; None: the version names none (`latest`).

    One that is not in the table comes back as it was written. A tag that leaves a part open (`mariadb:11`) means the
    newest branch it could mean.

    Args:
        product: a key of PRODUCTS.
        version: of a tag, a package (with its epoch) or a system.
    """
    known = PRODUCTS[product]
    match = re.search(rf"{known.behind}(\d+)", version) if known.behind else None
    match = match or re.match(r"(?:\d+:)?v?(\d+(?:\.\d+)*)", version)
    if not match:
        return None
    parts = match[1].split(".")
    for each in known.ends:
        wanted = each.split(".")
        if parts[: len(wanted)] == wanted or wanted[: len(parts)] == parts:
            return each
    return match[1]
