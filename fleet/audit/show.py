"""`inv audit`: who changed what on hosts, the ledger of releases included."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from aipbx_agent.contract import AUDIT, LEDGER
from aipbx_agent.core.text import one_line
from fleet import answers
from fleet.errors import OperatorError
from fleet.output import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleet.remote import Remote

LONGEST = 80


def show(hosts: Sequence[Remote], *, tail: int, as_json: bool) -> int:
    """Print what was changed, oldest first.

    Args:
        hosts: on which hosts.
        tail: how many of the newest lines of each.
        as_json: for a script.

    Returns: the exit code: 0 when every one of them answered.
    """
    by_host = answers.in_parallel(hosts, lambda host: _of(host)[-tail:])
    if as_json:
        answers.print_json(by_host)
    else:
        _print(by_host)
    return answers.exit_code(by_host)


def _print(by_host: Mapping[str, list[dict[str, Any]] | OperatorError]) -> None:
    table = Table("host", "when (UTC)", "who", "from", "what", "result", "s")
    for name, entries in by_host.items():
        for entry in entries if isinstance(entries, list) else ():
            result = entry["result"] if entry["result"] == "ok" else f"[red]{entry['result']}[/red]"
            who, verb = (escape(one_line(entry[key], LONGEST)) for key in ("operator", "verb"))
            when = entry["time"].replace("T", " ").rstrip("Z")
            table.add_row(name, when, who, escape(entry["address"]), verb, result, str(entry["seconds"]))
    print_table(table)
    answers.print_errors(by_host)


def _of(host: Remote) -> list[dict[str, Any]]:
    files = " ".join(shlex.quote(f"{host.settings.app_dir}/{name}") for name in (LEDGER, AUDIT))
    return parsed(host.run(f"cat {files} 2>/dev/null").out)


def parsed(text: str) -> list[dict[str, Any]]:
    """Return the entries of the ledger of releases and of the verbs that changed something, oldest first.

    A line that a power cut left unfinished is passed over. Lines of earlier versions have no address.
    """
    entries = []
    for line in text.split("\n"):
        try:
            raw = json.loads(line)
            entry = {key: str(raw[key]) for key in ("time", "operator", "result")}
            address = one_line(str(raw.get("address", "")), LONGEST)
            entries.append(entry | {"address": address, "verb": _verb(raw), "seconds": int(raw["seconds"])})
        except (ValueError, KeyError, TypeError):
            continue
    return sorted(entries, key=lambda each: str(each["time"]))


def _verb(raw: dict[str, Any]) -> str:
    """The verb; of a line of the ledger with what it brought."""
    if "verb" in raw:
        return str(raw["verb"])
    return f"{raw['action']} of {', '.join(f'{name} {sha[:8]}' for name, sha in raw['after'].items())}"
