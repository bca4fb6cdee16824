"""`inv logs`: what services say, from several hosts at once."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from aipbx_agent.contract import SERVICES
from fleet.errors import OperatorError, worst
from fleet.status import log_streams
from fleet.status.log_streams import LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fleet.remote import Remote

# What is printed of each service where no one says how much.
LAST_LINES = "100"
COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta")
AGE = re.compile(r"\d+[smhd]|\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z?)?")


def pattern_of(grep: str) -> re.Pattern[str]:
    """Return the pattern that lines must match.

    Raises:
        OperatorError: it is no regular expression.
    """
    try:
        return re.compile(grep)
    except re.error as error:
        raise OperatorError(
            f"{grep!r} is not a pattern.",
            f"{error}.",
            "Put a backslash before each of . * + ? ( ) [ that is meant literally.",
        ) from None


def age(since: str) -> str:
    """Return the time or age from which lines are meant, as Docker understands it: it knows no days.

    Raises:
        OperatorError: it is neither.
    """
    if since and not AGE.fullmatch(since):
        raise OperatorError(
            f"{since!r} is not a valid time.",
            "Docker would guess the meaning.",
            "Write 10m, 2h, 3d or 2026-11-23T03:00:00.",
        )
    return f"{int(since[:-1]) * 24}h" if since.endswith("d") else since


def known(services: Sequence[str], data_services: Iterable[str]) -> list[str]:
    """Return the services that the operator means.

    Raises:
        OperatorError: one of them is none of the stack's.
    """
    import difflib

    every = ["postgres", *SERVICES, "nginx", *data_services]
    for service in services:
        if service not in every:
            close = difflib.get_close_matches(service, every, n=1)
            raise OperatorError(
                f"There is no service {service!r}.",
                f"The stack has {', '.join(every)}.",
                f"Did you mean {close[0]!r}?" if close else "Choose one of these.",
            )
    return list(services)


def show(
    hosts: Sequence[Remote],
    services: list[str],
    *,
    follow: bool,
    since: str,
    tail: str,
    grep: str,
    as_json: bool = False,
) -> int:
    """Print logs, oldest line first; with `follow` until Ctrl-C.

    Args:
        hosts: of which hosts.
        services: of which services; none: of all.
        follow: whether to continue.
        since: only lines younger than this, as `10m`, `2h`, `2026-11-23T03:00:00`.
        tail: how many lines of each service, or `all`; empty: the last ones, or all where they are searched.
        grep: a regular expression that lines must match.
        as_json: for a script: an object a line.

    Returns: the exit code: 0 when every host could be read.
    """
    since, tail = age(since), tail or ("all" if grep and not follow else LAST_LINES)
    if not (tail == "all" or tail.isdigit()):
        raise OperatorError(f"{tail!r} is not a valid number of lines.", "--tail takes a number, or all.", "--tail=200")
    failed: list[int] = []
    matches = _matching(pattern_of(grep))
    show_line = _as_json if as_json else _painter(several_hosts=len(hosts) > 1, several_services=len(services) != 1)
    for host, line in log_streams.lines(hosts, services, follow=follow, since=since, tail=tail):
        if isinstance(line, OperatorError):
            failed.append(line.code)
        if matches(host, line):
            show_line(host, line)
    return worst(failed)


def _matching(pattern: re.Pattern[str]) -> Callable[[str, str | OperatorError], bool]:
    """Return what says whether a line is shown: what is indented belongs to the line above it, as a stack trace."""
    shown: dict[tuple[str, str], bool] = {}

    def matches(host: str, line: str | OperatorError) -> bool:
        if isinstance(line, OperatorError):
            return True
        if not LINE.match(line):
            return bool(line.strip())  # Compose's own words, as of a service that does not exist
        service, _, text = _parts(line)
        above = shown.get((host, service), False) and text[:1].isspace()
        shown[host, service] = bool(pattern.search(text)) or above
        return shown[host, service]

    return matches


def _parts(line: str) -> tuple[str, str, str]:
    """Service, time and text of a line; only a text where it is none of Compose's."""
    matched = LINE.match(line)
    return (matched["service"], matched["time"], matched["text"]) if matched else ("", "", line)


def _as_json(host: str, line: str | OperatorError) -> None:
    if isinstance(line, OperatorError):
        print(json.dumps({"host": host, "error": str(line)}, ensure_ascii=False), flush=True)
        return
    service, when, text = _parts(line)
    row = {"host": host, "service": service or None, "time": when or None, "text": Text.from_ansi(text).plain}
    print(json.dumps(row, ensure_ascii=False), flush=True)


def _painter(*, several_hosts: bool, several_services: bool) -> Callable[[str, str | OperatorError], None]:
    console = Console(soft_wrap=True, highlight=False)
    paint: dict[str, str] = {}

    def show_line(host: str, line: str | OperatorError) -> None:
        if isinstance(line, OperatorError):
            console.print(Text(str(line)))
            return
        service, when, text = _parts(line)
        prefix = " ".join([*([host] if several_hosts else []), *([service] if several_services and service else [])])
        colour = paint.setdefault(prefix, COLOURS[len(paint) % len(COLOURS)])
        before = (f"{prefix} | " if prefix else "", colour), (f"{when[:19]}Z " if when else "", "dim")
        console.print(Text.assemble(*before, Text.from_ansi(text)))

    return show_line
