"""Words that a shell may complete: hosts, services, and the sets and SHAs that were last shown here."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from aipbx_agent.contract import SERVICES
from fleet.checkout import ROOT
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from invoke.collection import Collection

# By option or positional word: what it means.
MEANS = {"host": "hosts", "sha": "shas", "to": "shas", "what": "sets", "name": "sets"}
MEANS |= {"service": "services", "services": "services", "state": "states", "page": "pages"}
SEEN = "seen.json"


def complete(typed: str, namespace: Collection) -> None:
    """Print what may follow and end; return where Invoke knows better: names of verbs and options.

    Args:
        typed: the line up to the cursor, with the program's name.
    """
    try:
        words = shlex.split(typed)[1:]
    except ValueError:
        return
    # A shell gives `--host=x` as three words.
    words = [word for word in words if word != "="]
    matches: list[str] = []
    # Nothing is said of an inventory that cannot be read in the middle of a line that is typed.
    with suppress(OperatorError):
        matches = candidates(words, fresh=typed.endswith((" ", "=")), namespace=namespace)
    if matches:
        print("\n".join(matches))
        raise Exit(code=0)


def candidates(argv: Sequence[str], *, fresh: bool, namespace: Collection) -> list[str]:
    """Return what may stand where the cursor is; nothing where a verb or an option is expected.

    Args:
        argv: what was typed.
        fresh: whether a new word begins.
    """
    before = list(argv) if fresh else list(argv[:-1])
    if not before or before[0] not in namespace or (not fresh and argv[-1].startswith("-")):
        return []
    arguments = {name: argument for argument in namespace[before[0]].get_arguments() for name in argument.names}
    option = before[-1].lstrip("-") if before[-1].startswith("--") else ""
    if option in arguments and arguments[option].takes_value:
        return _of(MEANS.get(option, ""))
    positional = [
        name for name, argument in arguments.items() if (argument.positional or name == "page") and name in MEANS
    ]
    return [word for name in [*positional, *(["host"] if "host" in arguments else [])] for word in _of(MEANS[name])]


def _of(meaning: str) -> list[str]:
    if meaning == "hosts":
        from fleet.inventory.hosts import load

        hosts = load()
        return [*(host.name for host in hosts), *sorted({group for host in hosts for group in host.groups}), "all"]
    if meaning == "pages":
        return sorted(path.stem for path in (ROOT / "docs" / "ru" / "runbook").glob("*.md"))
    if meaning == "services":
        return ["postgres", *SERVICES, "nginx"]
    return ["on", "off"] if meaning == "states" else _seen().get(meaning, [])


def remember(kind: str, names: Iterable[str]) -> None:
    """Keep the `sets` or `shas` that were just shown, so that they can be completed."""
    with suppress(OSError, OperatorError):
        path = _path()
        new = path.with_suffix(".new")
        new.write_text(json.dumps(_seen() | {kind: list(dict.fromkeys(names))}), "utf-8")
        new.replace(path)


def _seen() -> dict[str, list[str]]:
    with suppress(OSError, ValueError, OperatorError):
        seen: dict[str, list[str]] = json.loads(_path().read_text("utf-8"))
        return seen
    return {}


def _path() -> Path:
    from fleet.checkout import state_directory

    return state_directory() / SEEN
