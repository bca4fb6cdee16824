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
    by_host = answers.in_parallel(hosts, lambda host: agent.query(host, ["alerts"]))
    if as_json:
        answers.print_json(by_host)
    else:
        _print({name: answer for name, answer in by_host.items() if not isinstance(answer, OperatorError)})
        answers.print_errors(by_host)
    well = all(_is_well(answer) for answer in by_host.values() if not isinstance(answer, OperatorError))
    return answers.exit_code(by_host) or int(not well)


def _is_well(answer: dict[str, Any]) -> bool:
    return bool(answer["works"]) and all(each["silenced"] for each in answer["alerts"])


def _print(by_host: Mapping[str, dict[str, Any]]) -> None:
    table = Table("host", "alert", "since (UTC)", "what", "what to do", "page")
    for name, answer in by_host.items():
        if not answer["works"]:
            print(f"Monitoring of {name} does not work: Prometheus sends Alertmanager nothing. inv runbook watchdog")
        for each in answer["alerts"]:
            table.add_row(name, _named(each), each["since"][:16].replace("T", " "), *_words(each))
    if table.row_count:
        print_table(table)
    elif all(answer["works"] for answer in by_host.values()) and by_host:
        print("No alert fires.")


def _named(alert: dict[str, Any]) -> str:
    if alert["silenced"]:
        return f"{alert['name']} (silenced)"
    return f"[red]{alert['name']}[/red]" if alert["severity"] == "page" else str(alert["name"])


def _words(alert: dict[str, Any]) -> list[str]:
    return [escape(alert[name]) for name in ("summary", "action", "runbook")]
