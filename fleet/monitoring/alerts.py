"""`inv alerts`: what fires on hosts now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from fleet import agent, answers
from fleet.errors import OperatorError
from fleet.output import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleet.remote import Remote


def show(hosts: Sequence[Remote], *, as_json: bool) -> int:
    """Print them.

    Args:
        as_json: for a script.

    Returns: the exit code: 0 where every host's monitoring works, and none fires that is not silenced.
    """
    found = answers.at_once(hosts, lambda host: agent.query(host, ["alerts"]))
    if as_json:
        answers.print_json(found)
    else:
        _print({name: one for name, one in found.items() if not isinstance(one, OperatorError)})
        answers.print_errors(found)
    well = all(_is_well(one) for one in found.values() if not isinstance(one, OperatorError))
    return answers.exit_code(found) or int(not well)


def _is_well(one: dict[str, Any]) -> bool:
    return bool(one["works"]) and all(each["silenced"] for each in one["alerts"])


def _print(found: Mapping[str, dict[str, Any]]) -> None:
    table = Table("host", "alert", "since (UTC)", "what", "what to do", "page")
    for name, one in found.items():
        if not one["works"]:
            print(f"Monitoring of {name} does not work: Prometheus sends Alertmanager nothing. inv runbook watchdog")
        for each in one["alerts"]:
            table.add_row(name, _named(each), each["since"][:16].replace("T", " "), *_words(each))
    if table.row_count:
        print_table(table)
    elif all(one["works"] for one in found.values()) and found:
        print("No alert fires.")


def _named(alert: dict[str, Any]) -> str:
    if alert["silenced"]:
        return f"{alert['name']} (silenced)"
    return f"[red]{alert['name']}[/red]" if alert["severity"] == "page" else str(alert["name"])


def _words(alert: dict[str, Any]) -> list[str]:
    return [escape(alert[name]) for name in ("summary", "action", "runbook")]
