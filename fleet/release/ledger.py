"""The ledger of releases: shown, and an entry added."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from rich.table import Table

from aipbx_agent import contract
from aipbx_agent.release import releases
from fleet import agent, answers
from fleet.command_line import completion
from fleet.commands import docker
from fleet.errors import OperatorError
from fleet.output import print_table, uncut
from fleet.state import survey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aipbx_agent.release.releases import Entry
    from fleet.remote import Remote
    from fleet.state.survey import Survey


def show(hosts: list[Remote], *, as_json: bool) -> int:
    """Print what ran on these hosts, newest first.

    Args:
        as_json: for a script: the entries of each host.

    Returns: the exit code: 0 when every one of them answered.
    """
    by_host = answers.in_parallel(hosts, lambda host: (_taken(host), set() if as_json else _images(host)))
    good = {name: answer for name, answer in by_host.items() if not isinstance(answer, OperatorError)}
    releases_shown = [entry.after for answer, _ in good.values() for entry in reversed(answer.entries)]
    completion.remember("shas", (each.sha(name)[:8] for each in releases_shown for name in contract.SERVICES))
    if as_json:
        answers.print_json(
            {
                name: answer if isinstance(answer, OperatorError) else [asdict(entry) for entry in answer[0].entries]
                for name, answer in by_host.items()
            }
        )
    else:
        _print(good)
        answers.print_errors(by_host)
    return answers.exit_code(by_host)


def _print(by_host: Mapping[str, tuple[Survey, set[str]]]) -> None:
    for name, (state, on_host) in by_host.items():
        shas = uncut(*contract.SERVICES)
        table = Table("", "since (UTC)", *shas, "action", "result", "s", "operator", "images", title=name)
        for entry in reversed(state.entries):
            mark = "→" if entry is state.current else ""
            present = set(entry.images.values()) <= on_host
            table.add_row(mark, *_row(entry), "there" if present else "pruned")
        if state.entries:
            print_table(table)
            # Beside the table they would leave no room for it; and not as markup: `[deploy:1]` is part of one.
            for line in _commits(state.entries):
                print(line)
        else:
            print(f"{name}: no release yet.")


def _taken(host: Remote) -> Survey:
    state = survey.take(host)
    return replace(state, entries=releases.with_subjects(state.entries))


def _commits(entries: list[Entry]) -> list[str]:
    """Return what the commits of these releases say of themselves, the newest first, each once."""
    lines: dict[str, None] = {}
    for service in contract.SERVICES:
        for entry in reversed(entries):
            if service in entry.subjects:
                lines[f"  {service:<9}{entry.after.sha(service)[:8]}  {entry.subjects[service]}"] = None
    return list(lines)


def _row(entry: Entry) -> list[str]:
    shas = [entry.after.sha(service)[:8] for service in contract.SERVICES]
    when = entry.since.replace("T", " ").rstrip("Z")
    return [when, *shas, entry.action, entry.result, str(entry.seconds), entry.operator]


def _images(host: Remote) -> set[str]:
    return {
        f"{repository}:{tag}"
        for repository in host.settings.repositories.values()
        for tag in host.sudo_output(docker.tags(repository)).split()
    }


def record(remote: Remote, entry: Entry) -> None:
    """Add the entry of a release that did not get as far as the host's own switch, which writes down the others."""
    agent.query(remote, ["record"], entry.line().encode())
