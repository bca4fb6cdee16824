"""What verbs changed is written down on the host; what touched nothing, and what the ledger has, is not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from invoke.exceptions import Exit

from fleet.command_line import record
from fleet.errors import FailedError
from fleet.remote import Remote


@dataclass
class Host:
    """A host that keeps what is written down."""

    connected: bool = True
    broken: bool = False
    seen_from: str = "192.0.2.7"
    entries: list[dict[str, Any]] = field(default_factory=list)
    settings: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(app_dir="/app/aipbx"))

    def run(self, command: str, *, seconds: float, stdin: bytes) -> None:
        assert seconds == record.SECONDS
        assert command == "umask 077; cat >>/app/aipbx/audit.jsonl"
        if self.broken:
            raise FailedError("lost", "", "")
        self.entries.append(json.loads(stdin))


def after(host: Host, verb: str, error: BaseException | None) -> list[tuple[str, str]]:
    record.begin(verb)
    record.reached(cast("Remote", host))
    record.end(error)
    return [(entry["verb"], entry["result"]) for entry in host.entries]


@pytest.mark.parametrize(
    ("error", "result"),
    [(None, "ok"), (Exit(code=1), "failed"), (Exit(code=130), "interrupted"), (ValueError("x"), "failed")],
)
def test_how_it_ended(error: BaseException | None, result: str) -> None:
    host = Host()
    assert after(host, "restore", error) == [("restore", result)]
    assert "@" in host.entries[0]["operator"]
    assert host.entries[0]["address"] == "192.0.2.7"


@pytest.mark.parametrize(
    ("host", "verb", "error"),
    [
        (Host(), "restore", Exit(code=2)),
        (Host(), "deploy", None),
        (Host(connected=False), "restore", None),
        (Host(broken=True), "restore", None),
    ],
)
def test_nothing_is_written_down(host: Host, verb: str, error: BaseException | None) -> None:
    assert after(host, verb, error) == []


@pytest.mark.parametrize(("answers", "entries"), [([False], 0), ([False, False], 0), ([True, False], 1), ([], 1)])
def test_an_operator_who_says_no_has_changed_nothing(answers: list[bool], entries: int) -> None:
    host = Host()
    record.begin("restore")
    record.reached(cast("Remote", host))
    for answer in answers:
        record.answered(answer)
    record.end(None)
    assert len(host.entries) == entries
