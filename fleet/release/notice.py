"""What the team hears of a release, by Slack or Telegram: who, what, from where to where, how long, and what it cost.

The host sends it, with the same `ALERT_*` variables as its own alerts: no laptop needs their secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aipbx_agent.contract import SERVICES
from fleet import agent
from fleet.errors import OperatorError
from fleet.output import say

if TYPE_CHECKING:
    from aipbx_agent.release.releases import Entry
    from fleet.release.plan import Plan
    from fleet.remote import Remote

_DONE = {"deploy": "deployed", "rollback": "rolled back"}
_COMMITS = 10
_SECONDS = 60


def text(what: Plan, entry: Entry, cost: str = "") -> str:
    """Return the notice: its first line is the title.

    Args:
        what: the deploy or rollback.
        entry: how it ended, as the ledger has it.
        cost: what it interrupted, or that it did not; a sentence.
    """
    how = f"{what.action} failed, begun" if entry.result == "failed" else _DONE[what.action]
    lines = [f"{what.host}: {how} by {entry.operator}, {entry.seconds} s"]
    for service in SERVICES:
        before = what.before.sha(service)[:8] if what.before else "nothing"
        after = what.after.sha(service)[:8]
        lines.append(f"{service}: {after} stays" if before == after else f"{service}: {before} → {after}")
        commits = what.commits.get(service, [])
        lines += [f"    {commit}" for commit in commits[:_COMMITS]]
        lines += [f"    … and {len(commits) - _COMMITS} more"] if len(commits) > _COMMITS else []
    if entry.note:
        lines.append(entry.note)
    if entry.result == "failed" and what.before:
        lines.append("The previous release was brought back; check: inv status")
    return "\n".join([*lines, *([cost] if cost else [])]) + "\n"


def give(remote: Remote, what: Plan, entry: Entry, cost: str = "") -> None:
    """Have the host tell the team; that it could not is said here, and changes nothing."""
    _notify(remote, text(what, entry, cost))


def take_back(remote: Remote, what: Plan, problem: OperatorError) -> None:
    """Have the host take back that all was well: it has the release, and did not stay well while it was watched."""
    _notify(remote, f"{what.host}: not well after the {what.action}\n{problem.what}\n{problem.why}\n{problem.do}\n")


def _notify(remote: Remote, text: str) -> None:
    try:
        result = remote.run(agent.command(["notify"]), stdin=text.encode(), seconds=_SECONDS)
    except OperatorError as error:
        say(f"  {remote.name}: the team was not notified: {error.what}", "yellow")
        return
    events = [agent.event(line) for line in result.out.splitlines()]
    for note in (line["note"] for line in events if "was not notified" in str(line.get("note", ""))):
        say(f"  {remote.name}: {note}", "yellow")
    if result.code != 0:
        say(f"  {remote.name}: the team was not notified: {result.last_words}", "yellow")
