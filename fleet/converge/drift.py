"""Whether a host is still as the inventory declares it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.checkout import ROOT, ssh_config_path, state_directory
from fleet.errors import OperatorError

SECONDS = 180


def command(hosts: list[str]) -> list[str]:
    """Return the command that asks pyinfra what it would change on hosts; it changes nothing."""
    pyinfra = str(Path(sys.executable).with_name("pyinfra"))
    limits = [word for host in hosts for word in ("--limit", host)]
    return [pyinfra, "inventory.py", "deploys/bootstrap.py", "--dry", "--json", *limits]


def of_all(hosts: list[str]) -> dict[str, list[str]]:
    """Return the operations that would change each host, by name; none when it is as declared.

    Returns: by host; without those that pyinfra could not ask.
    """
    try:
        return _ask(hosts)
    except OperatorError:
        if len(hosts) < 2:
            return {}
    # One that cannot be asked makes the run of all of them fail: each for itself.
    with ThreadPoolExecutor() as pool:
        return {
            host: changes for each in pool.map(lambda host: of_all([host]), hosts) for host, changes in each.items()
        }


def _ask(hosts: list[str]) -> dict[str, list[str]]:
    """pyinfra runs beside us: it brings gevent, which would replace the threads that Fabric needs."""
    try:
        result = subprocess.run(
            command(hosts),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise _unknown(hosts, f"Its dry run did not end within {SECONDS} s.") from None
    if result.returncode != 0:
        raise _refusal(result.stderr) or _unknown(hosts, "Its dry run did not end well.")
    changes = {host: _changing(host, json.loads(result.stdout)["plan"]) for host in hosts}
    _keep(changes)
    return changes


@dataclass(frozen=True)
class Known:
    """What the last dry run from this machine said of a host: the operations that would change it, and when it ran."""

    changes: list[str]
    at: datetime


def known(host: str) -> Known | None:
    """Return what the last dry run from this machine said of a host; None: it converged since, or was never asked."""
    kept = _kept().get(_key(host))
    return Known(kept["changes"], datetime.fromisoformat(kept["at"])) if kept else None


def forget() -> None:
    """Forget it for all hosts: they are about to be converged."""
    _path().unlink(missing_ok=True)


def _keep(by_host: dict[str, list[str]]) -> None:
    at = datetime.now(UTC).isoformat()
    with suppress(OSError, OperatorError):
        kept = _kept() | {_key(host): {"changes": changes, "at": at} for host, changes in by_host.items()}
        new = _path().with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        new.write_text(json.dumps(kept), "utf-8")
        new.replace(_path())


def _kept() -> dict[str, Any]:
    with suppress(OSError, ValueError, OperatorError):
        kept: dict[str, Any] = json.loads(_path().read_text("utf-8"))
        return kept
    return {}


def _path() -> Path:
    return state_directory() / "drift.json"


def _key(host: str) -> str:
    """Return what a host's drift is kept under: a lab's host has a real one's name, so the ssh_config is part of it."""
    return f"{ssh_config_path()}:{host}"


def _refusal(output: str) -> OperatorError | None:
    """Return the three lines of a refusal, which pyinfra passes on."""
    match = re.search(r"^(?:-->|\s*\[[^\]]+\]) (.+)\n\s+why: (.+)\n\s+do:  (.+)$", output, re.MULTILINE)
    return OperatorError(match[1], match[2], match[3]) if match else None


def _unknown(hosts: list[str], why: str) -> OperatorError:
    limits = " ".join(f"--limit {host}" for host in hosts)
    return OperatorError(
        f"{', '.join(hosts)}: pyinfra could not determine whether it is as declared.",
        why,
        f"See why: pyinfra inventory.py deploys/bootstrap.py --dry {limits}",
    )


def _changing(host: str, plan: list[dict[str, Any]]) -> list[str]:
    return [
        operation["name"].partition(" | ")[2] or operation["name"]
        for operation in plan
        if host in operation["hosts_with_change"] or host in operation["hosts_with_conditional_change"]
    ]


def of(host: str, known: dict[str, list[str]] | None = None) -> list[str]:
    """Return the operations that would change a host, by name.

    Args:
        known: what `of_all` said, where several are meant; without it, or when it could not ask all, this one is asked.

    Raises:
        OperatorError: pyinfra could not tell, with the reason that it gives.
    """
    return known[host] if known and host in known else _ask([host])[host]
