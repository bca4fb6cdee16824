"""`inv logs`: what services say, from several hosts at once."""

from __future__ import annotations

import queue
import re
import shlex
import subprocess
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from aipbx_agent.contract import FAILED, SERVICES
from fleet.commands import compose
from fleet.errors import OperatorError, worst
from fleet.ssh import ssh

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fleet.remote import Remote

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta")
# `backend-blue-1  | 2026-11-23T10:00:00.000000000Z text`, as Compose prints it.
LINE = re.compile(r"^(?P<service>\S+?)-\d+\s+\| (?P<time>\S+Z) ?(?P<text>.*)$")
AGE = re.compile(r"\d+[smhd]|\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z?)?")


def pattern_of(grep: str) -> re.Pattern[str]:
    """The pattern that lines must match.

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
    """The time or age from which lines are meant, as Docker understands it: it knows no days.

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
    """The services that the operator means.

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


def show(hosts: Sequence[Remote], services: list[str], *, follow: bool, since: str, tail: str, grep: str) -> int:
    """Print logs, oldest line first; with `follow` until Ctrl-C.

    Args:
        hosts: of which hosts.
        services: of which services; none: of all.
        follow: whether to continue.
        since: only lines younger than this, as `10m`, `2h`, `2026-11-23T03:00:00`.
        tail: how many lines of each service, or `all`.
        grep: a regular expression that lines must match.

    Returns: the exit code: 0 when every host could be read.
    """
    since = age(since)
    if not (tail == "all" or tail.isdigit()):
        raise OperatorError(f"{tail!r} is not a valid number of lines.", "--tail takes a number, or all.", "--tail=200")
    pattern = pattern_of(grep)
    console = Console(soft_wrap=True, highlight=False)
    several_hosts, several_services = len(hosts) > 1, len(services) != 1
    paint: dict[str, str] = {}
    shown: dict[str, bool] = {}
    failed: list[int] = []
    for host, line in _lines(hosts, services, follow=follow, since=since, tail=tail, failed=failed):
        matched = LINE.match(line)
        text = matched["text"] if matched else line
        service, when = (matched["service"], f"{matched['time'][:19]}Z ") if matched else ("", "")
        prefix = " ".join([*([host] if several_hosts else []), *([service] if several_services else [])])
        # What is indented belongs to the line above it: an error's stack trace.
        shown[prefix] = bool(pattern.search(text)) or (shown.get(prefix, False) and text[:1].isspace())
        if not shown[prefix]:
            continue
        colour = paint.setdefault(prefix, COLOURS[len(paint) % len(COLOURS)])
        console.print(
            Text.assemble((f"{prefix} | " if prefix else "", colour), (when, "dim"), Text.from_ansi(text)), end="\n"
        )
    return worst(failed)


def _lines(
    hosts: Sequence[Remote], services: list[str], *, follow: bool, since: str, tail: str, failed: list[int]
) -> Iterator[tuple[str, str]]:
    lines: queue.Queue[tuple[str, str] | None] = queue.Queue(maxsize=10000)
    with ExitStack() as stack:
        for host in hosts:
            command = compose.logs(host.settings.compose_project, services, follow=follow, since=since, tail=tail)
            # A terminal there: when this end goes away, the host hangs up on the command, and nothing stays behind.
            process = subprocess.Popen(
                ssh.command(host.name, host.settings.deploy_user, f"sudo -n sh -c {shlex.quote(command)}", "-tt"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            stack.callback(_end, process)
            threading.Thread(target=_read, args=(host, process, lines, failed), daemon=True).start()
        open_hosts, kept = len(hosts), []
        while open_hosts:
            item = lines.get()
            if item is None:
                open_hosts -= 1
            elif follow:
                yield item
            else:
                kept.append(item)
        yield from sorted(kept, key=_time)


def _time(item: tuple[str, str]) -> str:
    matched = LINE.match(item[1])
    return matched["time"] if matched else ""


def _read(
    host: Remote, process: subprocess.Popen[str], lines: queue.Queue[tuple[str, str] | None], failed: list[int]
) -> None:
    assert process.stdout is not None  # noqa: S101  a pipe
    assert process.stderr is not None  # noqa: S101  a pipe
    for line in process.stdout:
        # Compose clears a line before it writes one, whatever its settings.
        lines.put((host.name, line.rstrip("\r\n").removeprefix("\x1b[2K")))
    words = process.stderr.read().strip()
    if code := process.wait():
        problem = _unreachable(host) if code == ssh.FAILED else None
        failed.append(problem.code if problem else FAILED)
        lines.put((host.name, str(problem or f"{host.name}: its logs ended: {words or f'exit code {code}'}")))
    lines.put(None)


def _unreachable(host: Remote) -> OperatorError | None:
    """Return what keeps us out of a host, in our words instead of ssh's; None: nothing does."""
    try:
        host.run("true")
    except OperatorError as error:
        return error
    return None


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    process.wait(timeout=10)
