"""Verbs that read ask each host for itself: one that cannot be asked hides no other."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from aipbx_agent.core.text import printable
from fleet.cli import finish
from fleet.errors import OperatorError, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fleet.remote import Remote

T = TypeVar("T")


def in_parallel(hosts: Sequence[Remote], ask: Callable[[Remote], T]) -> dict[str, T | OperatorError]:
    """Ask hosts side by side; an error is the answer of its host."""
    with ThreadPoolExecutor() as pool:
        return dict(zip([host.name for host in hosts], pool.map(lambda host: _answer(host, ask), hosts), strict=True))


def in_turn(hosts: Sequence[Remote], ask: Callable[[Remote], T]) -> dict[str, T | OperatorError]:
    """Ask one host after the other, as what shows its steps must; an error is the answer of its host."""
    return {host.name: _answer(host, ask) for host in hosts}


def _answer(host: Remote, ask: Callable[[Remote], T]) -> T | OperatorError:
    try:
        return ask(host)
    except OperatorError as error:
        return error


def exit_code(by_host: Mapping[str, object]) -> int:
    """Return how a verb ends that got these answers."""
    return worst([answer.code for answer in by_host.values() if isinstance(answer, OperatorError)])


def report(by_host: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the answers for a script, or only what went wrong, and end the verb if something did."""
    if as_json:
        print_json(by_host)
    for answer in by_host.values() if not as_json else ():
        if isinstance(answer, OperatorError):
            print(printable(str(answer)), file=sys.stderr)
    if code := exit_code(by_host):
        finish(code)


def print_errors(by_host: Mapping[str, object]) -> None:
    """Print why hosts could not be asked."""
    for name, answer in by_host.items():
        if isinstance(answer, OperatorError):
            print(f"{name} could not be queried. {answer}")


def print_json(by_host: Mapping[str, Any]) -> None:
    """Print answers for a script: an object by host, `error` in those that could not be asked."""
    rows = {
        name: {"error": str(answer)} if isinstance(answer, OperatorError) else answer
        for name, answer in by_host.items()
    }
    print(json.dumps(rows, indent=2, ensure_ascii=False))
