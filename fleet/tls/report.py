"""Certificates as rows: for a table, and for JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fleet.tls import certificate
from fleet.tls.operations import Status


def row(host: str, status: Status, now: datetime) -> dict[str, Any]:
    """One host's certificate.

    Returns: host, names (of the certificate), missing (names of the host that it lacks), issuer, ends (ISO), days_left,
    source, served (whether nginx hands out the one in force). Without a certificate names are empty, issuer, ends and
    days_left None.
    """
    found: dict[str, Any] = {"host": host, "names": [], "missing": list(status.names), "issuer": None, "ends": None,
                             "days_left": None, "source": status.source, "served": False}  # fmt: skip
    if not status.chain:
        return found
    present, _ = certificate.read(status.chain.encode())
    return found | {
        "names": list(present.names),
        "missing": [name for name in status.names if not present.covers(name)],
        "issuer": present.issuer,
        "ends": present.ends.isoformat(),
        "days_left": present.days_left(now),
        "served": bool(status.file) and status.served == status.file,
    }


def cells(row: dict[str, Any]) -> list[str]:
    """A row's words for the table: host, names, issuer, days left, source, whether it is served."""
    names = "\n".join([*row["names"], *(f"missing: {name}" for name in row["missing"])])
    days = "none yet" if row["days_left"] is None else str(row["days_left"])
    return [row["host"], names, row["issuer"] or "", days, row["source"], "yes" if row["served"] else "NO"]
