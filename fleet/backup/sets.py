"""The backup sets of hosts: made, shown, brought here."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aipbx_agent.core import times
from aipbx_agent.core.text import size
from fleet import agent, answers
from fleet.command_line import completion
from fleet.errors import FailedError, OperatorError
from fleet.output import print_table, say, step, uncut
from fleet.transfer import archive, transfer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.remote import Remote

BACKUP_SECONDS = 12 * 3600


def make(remote: Remote) -> None:
    """Take a set on a host, as its nightly timer does.

    Raises:
        OperatorError: it was refused.
        FailedError: there is no new set, or something is wrong with it.
    """
    say(f"{remote.name}: backup", "bold")
    result = agent.run(remote, ["backup"], seconds=BACKUP_SECONDS)
    files = sum(volume["files"] for volume in result["volumes"].values())
    changed = sum(volume["changed"] for volume in result["volumes"].values())
    say(
        f"{remote.name}: set {result['set']}, {size(result['bytes'])} in {result['seconds']:.1f} s: "
        f"{result['rows']} rows of {result['tables']} tables, {files} files.",
        "green",
    )
    if changed:
        say(f"  {changed} files were written to while they were packed; the others are as they were.", "yellow")
    if result["gone"]:
        say(f"  Deleted, too old: {', '.join(result['gone'])}")
    say(f"  It is in {result['place']}; unverified until: inv verify --host={remote.name}")


def show(hosts: Sequence[Remote], *, as_json: bool) -> int:
    """Print the sets of hosts.

    Args:
        as_json: for a script.

    Returns: the exit code: 0 when every one of them answered.
    """
    with step("hosts"):
        by_host = answers.in_parallel(hosts, lambda host: agent.query(host, ["list"]))
    listed = [answer["sets"] for answer in by_host.values() if isinstance(answer, dict)]
    completion.remember("sets", (each["name"] for sets in listed for each in reversed(sets)))
    if as_json:
        answers.print_json(by_host)
    else:
        _print(by_host)
    return answers.exit_code(by_host)


def _print(by_host: dict[str, dict[str, Any] | OperatorError]) -> None:
    table = Table(*uncut("host", "set (UTC)"), "age", "size", "rows", "release", "verified", "off-site")
    console = Console(highlight=False, soft_wrap=True)
    for host, listing in by_host.items():
        if isinstance(listing, OperatorError):
            continue
        for manifest in reversed(listing["sets"]):
            table.add_row(host, *row(manifest, listing["now"]))
        if not listing["sets"]:
            table.add_row(host, "[red]none[/red]")
    print_table(table)
    for host, listing in by_host.items():
        if isinstance(listing, OperatorError):
            console.print(f"[red]{host} could not be queried.[/red] {escape(str(listing))}")
            continue
        for line in remarks(host, listing):
            console.print(line)


def remarks(host: str, listing: dict[str, Any]) -> list[str]:
    """Return what there is to say of a host below the table.

    Args:
        listing: what the agent's `list` returned.
    """
    lines = [*point(host, listing.get("point", {})), *(escape(line) for line in kept(host, listing["kept"]))]
    if not listing["receivers"]:
        lines.append(f"[yellow]{host} notifies no one when a backup fails[/yellow]: set ALERT_*, inv env.edit.")
    last = listing["last"]
    if last.get("running"):
        lines.append(f"{host}: a backup runs, since {last['at']}.")
    elif last.get("ok") is False:
        lines.append(f"[red]{host}: the last run, {last['at']}, failed.[/red] {escape(last['error'])}")
    return lines


def point(host: str, summary: dict[str, Any]) -> list[str]:
    """Return which moments a host's database can be restored to, and what is missing in between.

    Args:
        summary: what the agent returned about WAL and base backups.
    """
    lines = [
        f"{host}: recovery window from {_plain(window['since'])} to {_plain(window['until'])} UTC: "
        f"inv restore --at='{_plain(window['until'])}' --host={host}"
        for window in summary.get("windows", [])
    ]
    lines += [
        f"[yellow]{host}: no recovery from {_plain(gap['after'])} to {_plain(gap['before'])} UTC[/yellow]: "
        f"{gap['first']} to {gap['last']} of the WAL are missing."
        for gap in summary.get("gaps", [])
    ]
    return lines


def _plain(moment: str) -> str:
    return moment.replace("T", " ").rstrip("Z")


def kept(host: str, retained: dict[str, Any]) -> list[str]:
    """Return what restores left on a host, a line each.

    Args:
        retained: what the agent returned about retained data.
    """
    lines = [
        f"{host}: {name}, for inspection of {of['of']}, since {of['at']}." for name, of in retained["looks"].items()
    ]
    if replaced := retained["replaced"]:
        lines.append(
            f"{host}: {replaced['database']} is retained from before the {replaced['what']}, {replaced['at']}."
        )
    return [*lines, f"{host}: inv restore --undo or --discard --host={host}"] if lines else []


def row(manifest: dict[str, Any], now: str) -> tuple[str, ...]:
    """Return a set's cells.

    Args:
        manifest: as the host reported it.
        now: the host's clock.
    """
    if "problem" in manifest:
        return (manifest["name"], f"[red]{escape(manifest['problem'])}[/red]")
    backend = manifest["release"].get("backend", "-")
    return (
        manifest["name"],
        ago(manifest["taken"], now),
        size(manifest["bytes"]),
        str(manifest["rows"]),
        backend[:8],
        _verified(manifest["verified"], now),
        f"{ago(manifest['offsite']['at'], now)} ago" if manifest["offsite"] else "no",
    )


def _verified(run: dict[str, Any], now: str) -> str:
    if not run:
        return "no"
    if not run.get("ok"):
        return f"[red]failed: {escape(str(run.get('error', '')).splitlines()[0])}[/red]"
    return f"[green]{ago(run['at'], now)} ago[/green]"


def ago(then: str, now: str) -> str:
    """Return an age in one number: `42 min`, `5.2 h`, `12 d`.

    Args:
        then: ISO 8601, UTC.
        now: the same.
    """
    seconds = max(0.0, (times.read(now) - times.read(then)).total_seconds())
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} d"


def download(remote: Remote, name: str, to: Path) -> Path:
    """Bring a set here, in one file, and see that all of it arrived.

    Args:
        name: the set's; empty: the newest.
        to: the folder here.

    Returns: the file.

    Raises:
        OperatorError: there is no such set, or no room here.
        FailedError: it did not arrive whole; nothing of it stays here.
    """
    listing = agent.query(remote, ["list"])
    return fetch(remote, listing["folder"], choose(remote.name, listing["sets"], name), to)


def fetch(remote: Remote, folder: str, chosen: dict[str, Any], to: Path) -> Path:
    """Bring a set here from a folder of its host, as `download` does.

    Args:
        folder: where it is.
        chosen: its name, files and bytes.
        to: the folder here.
    """
    path = to / archive.file_name(remote.name, chosen["name"])
    command = shlex.join(archive.command(folder, chosen["name"], chosen["files"]))
    with transfer.arriving(path, chosen["bytes"]) as partial:
        transfer.stream(remote, command, partial, chosen["bytes"], path.name)
        with step("every file in it compared with its manifest"):
            try:
                archive.check(partial)
            except OperatorError as problem:
                raise FailedError(f"{path.name} did not arrive completely.", problem.why, "Run this again.") from None
    return path


def choose(host: str, manifests: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the set that is meant.

    Args:
        manifests: its sets, oldest first.
        name: as typed; empty: the newest.

    Raises:
        OperatorError: there is none such.
    """
    usable = {manifest["name"]: manifest for manifest in manifests if "problem" not in manifest}
    if not usable:
        raise OperatorError(f"{host} has no backup set.", "No backup has run yet.", f"inv backup --host={host}")
    if name and name not in usable:
        raise OperatorError(
            f"{host} has no backup set {name!r}.",
            f"The newest are {', '.join(list(usable)[-3:])}.",
            f"inv backups --host={host}",
        )
    return usable[name or list(usable)[-1]]
