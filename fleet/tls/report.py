"""Certificates as rows: for a table, and for JSON."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table

from fleet.errors import OperatorError
from fleet.output import print_table
from fleet.tls import certificate, operations
from fleet.tls.operations import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.remote import Remote


def show(hosts: Sequence[Remote], *, as_json: bool) -> bool:
    """Print the certificates of hosts, each for itself.

    Args:
        as_json: for a script.

    Returns: whether every host answered, and serves a certificate for all of its names.
    """
    with ThreadPoolExecutor() as pool:
        rows = list(pool.map(_status, hosts))
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        table = Table("host", "names", "issuer", "days left", "source", "served")
        for cert in rows:
            if "error" not in cert:
                table.add_row(*cells(cert))
        print_table(table)
        for cert in rows:
            if "error" in cert:
                print(f"{cert['host']} cannot be asked. {cert['error']}")
    return all("error" not in cert and cert["served"] and not cert["missing"] for cert in rows)


def _status(host: Remote) -> dict[str, Any]:
    try:
        return row(host.name, operations.status(host), datetime.now(UTC))
    except OperatorError as error:
        return {"host": host.name, "error": str(error)}


def row(host: str, status: Status, now: datetime) -> dict[str, Any]:
    """Return one host's certificate.

    Returns: host, names (of the certificate), missing (names of the host that it lacks), issuer, ends (ISO), days_left,
    source, served (whether nginx hands out the one in force). Without a certificate names are empty, issuer, ends and
    days_left None.
    """
    cells: dict[str, Any] = {"host": host, "names": [], "missing": list(status.names), "issuer": None, "ends": None,
                             "days_left": None, "source": status.source, "served": False}  # fmt: skip
    if not status.chain:
        return cells
    present, _ = certificate.read(status.chain.encode())
    return cells | {
        "names": list(present.names),
        "missing": [name for name in status.names if not present.covers(name)],
        "issuer": present.issuer,
        "ends": present.ends.isoformat(),
        "days_left": present.days_left(now),
        "served": bool(status.file) and status.served == status.file,
    }


def cells(row: dict[str, Any]) -> list[str]:
    """Return a row's words for the table: host, names, issuer, days left, source, whether it is served."""
    names = "\n".join([*row["names"], *(f"missing: {name}" for name in row["missing"])])
    days = "none yet" if row["days_left"] is None else str(row["days_left"])
    return [row["host"], names, row["issuer"] or "", days, row["source"], "yes" if row["served"] else "NO"]
