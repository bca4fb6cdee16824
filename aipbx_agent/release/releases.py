"""Releases and their ledger: what ran on a host, since when, who brought it, and how it ended."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from aipbx_agent.contract import SERVICES
from aipbx_agent.core.text import one_line
from aipbx_agent.release import ledger

SHA = re.compile(r"[0-9a-f]{40}")
# As long as git's own advice lets a subject be, and half as much again.
SUBJECT_CHARACTERS = 72


@dataclass(frozen=True)
class Release:
    """A pair of git SHAs: what runs together."""

    backend: str
    frontend: str

    def __str__(self) -> str:
        return f"backend {self.backend[:8]}, frontend {self.frontend[:8]}"

    def sha(self, service: str) -> str:
        """The SHA of one of SERVICES."""
        return str(getattr(self, service))

    def with_shas(self, shas: dict[str, str]) -> Release:
        """The same with other SHAs for the services that are named."""
        return replace(self, **shas)


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    Attributes:
        time: when it began, UTC, ISO 8601 to the second.
        operator: who: account and machine.
        action: deploy, rollback, or rotation: of the database's password, by which no release changes.
        result: ok, or failed: then `before` runs on.
        seconds: how long it took.
        before: what ran until then; None on a host's first deploy.
        after: what was wanted.
        images: full reference by service.
        note: why it failed.
        subjects: the commits' subjects by service, where the operator's machine knew them; anyone's words.
        address: from where the operator came, as the host saw it; empty: not known, as in lines of earlier versions.
    """

    time: str
    operator: str
    action: Literal["deploy", "rollback", "rotation"]
    result: Literal["ok", "failed"]
    seconds: int
    before: Release | None
    after: Release
    images: dict[str, str]
    note: str = ""
    subjects: dict[str, str] = field(default_factory=dict)
    address: str = ""

    @property
    def since(self) -> str:
        """When it began to serve, UTC; of one that failed, when it was given up."""
        return ledger.since({"time": self.time, "seconds": self.seconds})

    def line(self) -> str:
        """The entry as it is in the ledger."""
        # ASCII: a note may hold characters at which others end a line.
        return json.dumps(asdict(self)) + "\n"


def parse(ledger: str) -> list[Entry]:
    """The entries of a ledger, oldest first; a last line that a power cut left unfinished is passed over."""
    lines = []
    for line in ledger.splitlines():
        with suppress(ValueError):
            lines.append(json.loads(line))
    return of(lines)


def of(lines: Iterable[dict[str, Any]]) -> list[Entry]:
    """The same of lines that are read already. What a later version has added to them is passed over."""
    entries, known = [], {each.name for each in fields(Entry)}
    for line in lines:
        try:
            raw = {name: value for name, value in line.items() if name in known}
            before, after = raw.pop("before"), Release(**raw.pop("after"))
            raw["subjects"] = {name: subject(text) for name, text in raw.pop("subjects").items()}
            entries.append(Entry(before=Release(**before) if before else None, after=after, **raw))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return entries


def subject(text: str) -> str:
    """A commit's subject as it may stand on a screen: one line, nothing that moves a cursor, cut to a width."""
    return one_line(text, SUBJECT_CHARACTERS)


def with_subjects(entries: list[Entry]) -> list[Entry]:
    """The same, each with what any of them knows of its commits: who rolls back, or rotates, has no repository."""
    known = {
        each.after.sha(name): subject for each in entries for name, subject in each.subjects.items() if name in SERVICES
    }
    return [replace(each, subjects=_of(each.after, known)) for each in entries]


def _of(release: Release, known: dict[str, str]) -> dict[str, str]:
    return {name: known[release.sha(name)] for name in SERVICES if release.sha(name) in known}


def current(entries: list[Entry]) -> Entry | None:
    """The entry of the release that runs: the newest that went well."""
    return next((entry for entry in reversed(entries) if entry.result == "ok"), None)


def since(entries: list[Entry]) -> str:
    """When the release that runs began to serve, UTC; empty: there is none. A new password is no new release."""
    came = current([entry for entry in entries if entry.action != "rotation"])
    return came.since if came else ""


def ran(entries: list[Entry]) -> list[Release]:
    """The different releases that went well, the latest first."""
    return [entry.after for entry in kept(entries, len(entries))]


def kept(entries: list[Entry], number: int) -> list[Entry]:
    """The newest entries of `number` different releases that went well, newest first: as far back as images stay."""
    newest: dict[Release, Entry] = {}
    for entry in reversed(entries):
        if entry.result == "ok":
            newest.setdefault(entry.after, entry)
    return list(newest.values())[:number]


def needed(entries: list[Entry], running: Release | None, keep: int) -> dict[tuple[str, str], str]:
    """Which image of which service stays, by service and SHA, and why.

    Args:
        entries: the ledger.
        running: the release that runs.
        keep: how many releases keep their images.
    """
    back = before(entries, running)[:1]
    reasons = [(each.after, f"of the last {keep} releases") for each in kept(entries, keep)]
    reasons += [(release, "a rollback goes there") for release in back]
    reasons += [(running, "runs now")] if running else []
    return {(service, release.sha(service)): why for release, why in reasons for service in SERVICES}


def before(entries: list[Entry], release: Release | None) -> list[Release]:
    """The way back from a release: those that ran before it, the latest first, as the operator lived it.

    A deploy is a step forward from the release that ran. A rollback leads back along these steps, so going back twice
    leads two releases back, not to and fro; what it left comes last in the way back of a deploy that follows. A
    rotation of the password is no step.
    """
    way, left = _way(entries)
    place = _last(way, release)
    way_back = [*reversed(way[:place] if place >= 0 else way), *reversed(left)]
    return [each for each in dict.fromkeys(way_back) if each != release]


def _way(entries: list[Entry]) -> tuple[list[Release], list[Release]]:
    """The releases that led to the one that runs, oldest first, and those that were rolled back before its deploy."""
    way: list[Release] = []
    left: list[Release] = []
    rolled_back: list[Release] = []
    for entry in entries:
        if entry.result != "ok" or entry.action == "rotation":
            continue
        if entry.action == "rollback" and (place := _last(way, entry.after)) >= 0:
            rolled_back = way[place + 1 :] + rolled_back
            way = way[: place + 1]
        else:
            left, rolled_back = left + rolled_back, []
            way.append(entry.after)
    return way, left


def _last(way: list[Release], release: Release | None) -> int:
    """The last place of a release among these; -1: it is not there."""
    return next((place for place in range(len(way) - 1, -1, -1) if way[place] == release), -1)
