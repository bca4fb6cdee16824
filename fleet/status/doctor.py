"""`inv doctor`: why can I not work? This machine first, then the way to each host, then what is there."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from fleet import checkout
from fleet.checkout import ROOT, operator_keys, ssh_config_path
from fleet.errors import OperatorError
from fleet.git.repository import repositories
from fleet.inventory import hosts
from fleet.runbook import pages
from fleet.status.doctor_host import examined
from fleet.status.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fleet.git.repository import Repository
    from fleet.remote import Remote


def examine(remotes: list[Remote], *, as_json: bool) -> bool:
    """Check this machine and the way to hosts, and print what was found.

    Args:
        remotes: which hosts.
        as_json: for a script.

    Returns: whether all is well.
    """
    by_host: dict[str, list[Finding]] = {}
    console = Console(highlight=False, soft_wrap=True)
    for title, findings in _examined(remotes):
        by_host[title] = findings
        if not as_json:
            show(console, title, findings)
    if as_json:
        print(json.dumps({title: [asdict(finding) for finding in each] for title, each in by_host.items()}, indent=2))
    return all(finding.well for each in by_host.values() for finding in each)


def _examined(remotes: list[Remote]) -> Iterator[tuple[str, list[Finding]]]:
    yield "this machine", [*(_of(*check) for check in _LOCAL), _runbook()]
    yield "git", [_repository(repository) for repository in _repositories(remotes)]
    with ThreadPoolExecutor() as pool:
        yield from zip([remote.name for remote in remotes], pool.map(examined, remotes), strict=True)


def show(console: Console, title: str, findings: Iterable[Finding]) -> None:
    """Print findings under a title, with what to do."""
    console.print(f"[bold]{title}[/bold]")
    for finding in findings:
        mark = "[red]✗[/red]" if not finding.well else "[yellow]![/yellow]" if finding.do else "[green]✓[/green]"
        console.print(f"  {mark} {finding.name}: {escape(finding.text)}")
        if finding.do:
            console.print(f"      do: {escape(finding.do)}")


def _of(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, look())
    except OperatorError as error:
        return Finding(name, f"{error.what} {error.why}", well=False, do=error.do)


def _environment() -> str:
    stamp = ROOT / ".venv" / "made-from"
    if not stamp.is_file() or stamp.read_bytes() != (ROOT / "requirements.lock").read_bytes():
        raise OperatorError(
            ".venv was not made from the present requirements.lock.", "Versions may differ.", "tools/environment"
        )
    return "as requirements.lock says"


def _programs() -> str:
    missing = [name for name in ("ssh", "git") if shutil.which(name) is None]
    if missing:
        raise OperatorError(f"{' and '.join(missing)} cannot be found.", "", f"apt-get install {'openssh-client git'}")
    return "ssh, git"


def _ssh_config() -> str:
    path = ssh_config_path()
    if not path.is_file():
        return f"{path} is not there; names and ports come from DNS"
    return f"{path}{' (AIPBX_SSH_CONFIG)' if os.environ.get('AIPBX_SSH_CONFIG') else ''}"


def _operators() -> str:
    return f"{len(operator_keys())} in {checkout.operators_directory()}"


def _files() -> str:
    checkout.refuse_open_files()
    return "only their owner can write them"


def _default_host() -> str:
    named = os.environ.get("AIPBX_HOST", "")
    if not named:
        return f"{hosts.default(hosts.load()).name}, the inventory's first"
    return ", ".join(host.name for host in hosts.select(named, hosts.load()))


def _runbook() -> Finding:
    """Return whether the runbook's first page says whom to call: not out of order, but missed at the worst time."""
    gaps = pages.unfilled()
    if not gaps:
        return Finding("runbook", "its first page is filled in")
    places = " and ".join(f"{count} in {file}" for file, count in gaps.items())
    return Finding(
        "runbook", f"places with {pages.PLACEHOLDER}: {places}", do="write there whom to call, and commit it"
    )


_LOCAL: tuple[tuple[str, Callable[[], str]], ...] = (
    ("Python environment", _environment),
    ("programs", _programs),
    ("ssh_config", _ssh_config),
    ("operators' keys", _operators),
    ("files of ours", _files),
    ("default host", _default_host),
)


def _repositories(remotes: list[Remote]) -> list[Repository]:
    return list({each.url: each for remote in remotes for each in repositories(remote.settings).values()}.values())


def _repository(repository: Repository) -> Finding:
    def look() -> str:
        repository.refresh()
        return f"{repository.branch} is at {repository.head()[:12]}"

    return _of(repository.url, look)
