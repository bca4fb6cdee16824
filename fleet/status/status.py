"""`inv status`: one table of how the hosts are."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aipbx_agent import contract
from aipbx_agent.release import releases
from fleet.converge import drift
from fleet.errors import OperatorError
from fleet.output import print_table, step
from fleet.release.lock import lock_status
from fleet.state import survey
from fleet.status import troubles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.remote import Remote
    from fleet.state.survey import Survey

# A dry run that ended so recently is shown without its age.
JUST_NOW_SECONDS = 60


def show(hosts: Sequence[Remote], *, as_json: bool, asks_drift: bool = False) -> bool:
    """Print how these hosts are.

    Args:
        as_json: for a script.
        asks_drift: whether pyinfra compares them with what is declared; else what it said last is shown with its age.

    Returns: whether every one of them answered, and is well.
    """
    names = [host.name for host in hosts]
    with step("hosts, drift" if asks_drift else "hosts"), ThreadPoolExecutor() as pool:
        drifted = pool.submit(drift.of_all, names) if asks_drift else None
        surveys = dict(zip(names, pool.map(_survey, hosts), strict=True))
        drift_by_host = drifted.result() if drifted else {}
    rows = {name: _facts(name, state, _drift_of(name, drift_by_host, asks_drift)) for name, state in surveys.items()}
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _print(rows)
    return not any("error" in row or row["not_well"] or row["drift"] for row in rows.values())


def _drift_of(name: str, drift_by_host: dict[str, list[str]], is_checked: bool) -> drift.Known | None:
    if not is_checked:
        return drift.known(name)
    return drift.Known(drift_by_host[name], datetime.now(UTC)) if name in drift_by_host else None


def _survey(host: Remote) -> Survey | OperatorError:
    try:
        return survey.take(host)
    except OperatorError as error:
        return error


def _facts(host: str, state: Survey | OperatorError, drifted: drift.Known | None) -> dict[str, Any]:
    if isinstance(state, OperatorError):
        return {"error": str(state)}
    now = datetime.now(UTC)
    services = {name: str(container) for name, container in state.containers.items()}
    ends = state.certificate_until
    return {
        "backend": state.running.backend if state.running else None,
        "frontend": state.running.frontend if state.running else None,
        "since": releases.since(state.entries) or None,
        "services": services,
        "serving": state.colours,
        "maintenance": state.maintenance,
        "calls": state.calls,
        "certificate_days": (ends - now).days if ends else None,
        "disk_percent": state.disk_percent,
        "disk_free_mib": state.disk_free_mib,
        "memory_percent": round(100 * (1 - state.memory_free_mib / state.memory_mib)) if state.memory_mib else None,
        "load": state.load,
        "processors": state.processors,
        "backup_hours": _hours(state.backup, now),
        "backup_failed": state.backup_failed,
        "verified_hours": _hours(state.verified, now),
        "offsite_hours": _hours(state.offsite, now),
        "log": state.log or None,
        "unfinished": state.unfinished or None,
        "rotation": state.rotation or None,
        "kept": state.kept or None,
        "migrations": state.migrations or None,
        "lock": state.lock or None,
        "lock_standing": state.lock_standing or None,
        "alerts": state.alerts,
        "not_well": [f"{trouble.topic}: {trouble.what}" for trouble in troubles.of(host, state)],
        "drift": drifted.changes if drifted else None,
        "drift_at": f"{drifted.at:%Y-%m-%dT%H:%M:%SZ}" if drifted else None,
    }


def _print(rows: dict[str, dict[str, Any]]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table("", *rows, show_lines=False)
    fine = {name: row for name, row in rows.items() if "error" not in row}
    for title, cell in _CELLS:
        table.add_row(title, *(cell(row) if name in fine else "" for name, row in rows.items()))
    print_table(table)
    for name, row in rows.items():
        if "error" in row:
            console.print(f"[red]{name} could not be queried.[/red] {escape(row['error'])}")
            continue
        for line in row["not_well"]:
            console.print(f"[red]{name} is not well:[/red] {escape(line)}. inv doctor --host={name}")
        if row["drift"]:
            shown = escape("; ".join(row["drift"][:5]))
            console.print(
                f"{name} is not as declared: {shown}. pyinfra inventory.py deploys/bootstrap.py --limit {name}"
            )


def _red(text: str, bad: bool) -> str:
    return f"[red]{text}[/red]" if bad else text


def _services(row: dict[str, Any]) -> str:
    lines = [_red(f"{name} {how}", how != "healthy") for name, how in row["services"].items() if how != "healthy"]
    if row["unfinished"] and row["lock_standing"] not in lock_status.ALIVE:
        lines.append(f"[red]unfinished {escape(row['unfinished'])}[/red]; inv deploy or inv unlock ends it")
    if row["rotation"] and row["lock_standing"] not in lock_status.ALIVE:
        lines.append("[red]unfinished rotation of the password[/red]; inv db.rotate-password ends it")
    if row["maintenance"]:
        lines.append("[yellow]maintenance page on[/yellow]")
    return "\n".join(lines) or ("all healthy" if row["services"] else "none runs")


def _serving(row: dict[str, Any]) -> str:
    """Return the colours that serve; nothing of a service that has none yet."""
    return ", ".join(name.replace("-", " ") for name in row["serving"].values() if "-" in name) or "-"


def _lock(row: dict[str, Any]) -> str:
    advice = "; its run is over: inv unlock" if row["lock_standing"] in lock_status.GONE else ""
    return _red(escape(f"{row['lock'] or '-'}{advice}"), bool(advice))


def _certificate(row: dict[str, Any]) -> str:
    days = row["certificate_days"]
    return "[red]none[/red]" if days is None else _red(f"{days} days", days < troubles.CERTIFICATE_DAYS)


def _hours(then: datetime | None, now: datetime) -> float | None:
    return round((now - then).total_seconds() / 3600, 1) if then else None


def _age(hours: float | None, limit: int) -> str:
    if hours is None:
        return "[red]none[/red]"
    return _red(f"{hours} h ago" if hours < 48 else f"{hours / 24:.0f} days ago", hours > limit)


def _backup(row: dict[str, Any]) -> str:
    failed = "[red]the last run failed[/red], before it: " if row["backup_failed"] else ""
    return f"{failed}{_age(row['backup_hours'], troubles.BACKUP_HOURS)}"


def _log(row: dict[str, Any]) -> str:
    wal = row["log"]
    if not wal:
        return "-"
    if behind := troubles.wal_behind(wal):
        return f"[red]{escape(behind)}[/red]"
    return f"to {wal['until'].replace('T', ' ').rstrip('Z')}" if wal["until"] else "nothing yet"


def _migrations(row: dict[str, Any]) -> str:
    due = row["migrations"]
    if due in {None, "0"}:
        return "-" if due is None else "applied"
    if due == contract.FIRST_START:
        return "[red]the first start was interrupted: inv deploy[/red]"
    if due == contract.UNKNOWN:
        return "[yellow]of another release: inv migrate --dry[/yellow]"
    return f"[red]{due} not applied: inv migrate[/red]"


def _alerts(row: dict[str, Any]) -> str:
    alerts = row["alerts"]
    if alerts is None:
        return "-"
    if not alerts["works"]:
        return "[red]monitoring does not work[/red]"
    counts = [f"{len(names)} {severity}" for severity in ("page", "ticket") if (names := alerts[severity])]
    return _red(", ".join(counts), True) if counts else "none"


def _drift(row: dict[str, Any]) -> str:
    changes = row["drift"]
    if changes is None:
        return "not known: --drift"
    old = datetime.now(UTC) - datetime.fromisoformat(row["drift_at"])
    age = f", {lock_status.age(round(old.total_seconds()))} ago" if old.total_seconds() > JUST_NOW_SECONDS else ""
    return f"{_red(f'{len(changes)} operations', True) if changes else 'as declared'}{age}"


_CELLS = (
    ("backend", lambda row: (row["backend"] or "-")[:8]),
    ("frontend", lambda row: (row["frontend"] or "-")[:8]),
    ("since (UTC)", lambda row: (row["since"] or "-").replace("T", " ").rstrip("Z")),
    ("services", _services),
    ("serving", _serving),
    ("RTP flows", lambda row: "?" if row["calls"] is None else str(row["calls"])),
    ("certificate", _certificate),
    ("disk", lambda row: _red(f"{row['disk_percent']} %", row["disk_percent"] > troubles.DISK_PERCENT)),
    ("memory", lambda row: f"{row['memory_percent']} %"),
    ("load", lambda row: _red(f"{row['load']} of {row['processors']}", row["load"] > 2 * row["processors"])),
    ("last backup", _backup),
    ("verified", lambda row: _age(row["verified_hours"], troubles.VERIFIED_HOURS)),
    ("off-site", lambda row: _age(row["offsite_hours"], troubles.BACKUP_HOURS)),
    ("point in time", _log),
    ("migrations", _migrations),
    ("previous data", lambda row: f"[yellow]{escape(row['kept'])}[/yellow]" if row["kept"] else "-"),
    ("lock", _lock),
    ("alerts", _alerts),
    ("drift", _drift),
)
