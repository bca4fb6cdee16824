"""`inv doctor`: why can I not work? This machine first, then the way to each host, then what stands there."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from aipbx_agent.contract import ENVIRONMENT
from fleet import checkout
from fleet.adoption import found as adoption
from fleet.checkout import ROOT, operator_keys, ssh_config_path
from fleet.errors import OperatorError
from fleet.inventory import hosts
from fleet.release.run import repositories
from fleet.state import survey
from fleet.users import state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fleet.git.repository import Repository
    from fleet.remote import Remote

# A clock that is further off than this breaks TLS, logs and the ledger.
CLOCK_SECONDS = 5


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: its name, how it is, and what to do; also about what is well, but not complete."""

    name: str
    told: str
    well: bool = True
    do: str = ""


def examine(remotes: list[Remote]) -> bool:
    """Look at this machine and at the way to hosts, and print what was found.

    Args:
        remotes: which hosts.

    Returns: whether all is well.
    """
    console = Console(highlight=False, soft_wrap=True)
    well = _print(console, "this machine", [_of(*check) for check in _LOCAL])
    well &= _print(console, "git", [_repository(repository) for repository in _repositories(remotes)])
    with ThreadPoolExecutor() as pool:
        for remote, findings in zip(remotes, pool.map(_host, remotes), strict=True):
            well &= _print(console, remote.name, findings)
    return well


def _print(console: Console, title: str, findings: Iterable[Finding]) -> bool:
    console.print(f"[bold]{title}[/bold]")
    well = True
    for finding in findings:
        well &= finding.well
        mark = "[red]✗[/red]" if not finding.well else "[yellow]![/yellow]" if finding.do else "[green]✓[/green]"
        console.print(f"  {mark} {finding.name}: {escape(finding.told)}")
        if finding.do:
            console.print(f"      do: {escape(finding.do)}")
    return well


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
        return f"{hosts.load()[0].name}, the inventory's first"
    return ", ".join(host.name for host in hosts.select(named, hosts.load()))


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


def _host(remote: Remote) -> list[Finding]:
    try:
        before = time.time()
        there = float(remote.sudo_output("date +%s.%N"))
        skew = there - (before + time.time()) / 2
    except OperatorError as error:
        return [Finding("login", f"{error.what} {error.why}", well=False, do=error.do)]
    findings = [Finding("login", f"{remote.settings.deploy_user}, and sudo works")]
    findings.append(
        Finding(
            "clock", f"{skew:+.1f} s", abs(skew) < CLOCK_SECONDS, "" if abs(skew) < CLOCK_SECONDS else "timedatectl"
        )
    )
    found = survey.take(remote)
    converge = f"pyinfra inventory.py deploys/bootstrap.py --limit {remote.name}"
    findings.append(
        Finding("converged", "yes") if found.converged else Finding("converged", "no", well=False, do=converge)
    )
    by_hand = adoption.found(remote)
    if by_hand:
        findings += [Finding("made by hand", line) for line in by_hand.lines()]
    if found.converged:
        pushed = ENVIRONMENT in found.files
        push = f"inv env.push --host={remote.name}"
        findings.append(Finding("configuration", "pushed" if pushed else "missing", pushed, "" if pushed else push))
        findings.append(Finding("release", str(found.running or "none yet")))
        if pushed and found.running:
            findings += _users(remote)
    return findings


def _users(remote: Remote) -> list[Finding]:
    """What users cannot do yet: nothing is out of order, but a new host needs more than a release."""
    try:
        lacking = state.lacking(state.read(remote), remote.name)
    except OperatorError as error:
        return [Finding("users", f"{error.what} {error.why}", well=False, do=error.do)]
    if not lacking:
        return [Finding("users", "can sign up, see prices, make assistants and call, as far as tables can tell")]
    return [Finding(f"users: {what}", why, do=do) for what, why, do in lacking]
