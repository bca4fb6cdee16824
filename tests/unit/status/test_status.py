"""The table and the JSON of how hosts are."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from aipbx_agent.release.releases import Entry, Release
from fleet import agent
from fleet.converge import drift
from fleet.errors import OperatorError
from fleet.remote import Remote
from fleet.state import survey
from fleet.status import status, troubles

# When the tests were collected, which may be an hour before one runs: good for a threshold, not for an age.
NOW = datetime.now(UTC)
ENTRY = Entry("2026-11-23T10:00:00Z", "anna@desk", "deploy", "ok", 41, None, Release("a" * 40, "b" * 40), {})
HEALTHY = {"image": "b", "status": "running", "restarts": 0, "health": "healthy", "started": "t"}
TOLD: dict[str, Any] = {
    "colours": {"backend": "backend-green", "frontend": "frontend"},
    "files": ["compose.yml"],
    "images": {"backend": f"b:{'a' * 40}", "frontend": f"f:{'b' * 40}"},
    "ledger": [asdict(ENTRY)],
    "disk_free_mib": 9000,
    "disk_percent": 77,
    "memory_mib": 4000,
    "memory_free_mib": 1000,
    "load": 0.42,
    "processors": 2,
    "calls": 3,
    "containers": {"backend": HEALTHY, "nginx": HEALTHY},
}


class Host:
    """A host that says what it is told to say."""

    def __init__(self, name: str, said: dict[str, Any] | OperatorError) -> None:
        self.name, self.said = name, said


@pytest.fixture(autouse=True)
def _asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(host: Host, verb: list[str], _: bytes, **__: float) -> dict[str, Any]:
        assert verb == ["state"]
        if isinstance(host.said, OperatorError):
            raise host.said
        return host.said

    monkeypatch.setattr(agent, "query", ask)


def ago(hours: float) -> str:
    """The moment so long ago."""
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def host(name: str = "aipbx.net", **changes: Any) -> Host:
    ages = {"certificate_until": ago(-40 * 24 - 1), "backup": ago(2), "verified": ago(72)}
    return Host(name, TOLD | ages | changes)


def shown(
    *hosts: Host,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    drifted: dict[str, list[str]] | None = None,
    as_json: bool = False,
) -> tuple[bool, str]:
    monkeypatch.setattr("fleet.converge.drift.of_all", lambda _: drifted)
    well = status.show(cast("list[Remote]", list(hosts)), as_json=as_json, asks_drift=drifted is not None)
    return well, capsys.readouterr().out


def cells(table: str) -> dict[str, list[str]]:
    """By the first column's word: what the others say."""
    rows = [re.split(" {2,}", line.strip()) for line in table.splitlines()]
    return {row[0]: row[1:] for row in rows if len(row) > 1}


UNREACHABLE = OperatorError("aipbx.ru does not answer on its SSH port.", "[Errno 113] [/no] [route].", "Is it up?")


def test_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    well, out = shown(
        host(),
        Host("aipbx.ru", UNREACHABLE),
        monkeypatch=monkeypatch,
        capsys=capsys,
        drifted={"aipbx.net": ["sshd"]},
        as_json=True,
    )
    assert not well
    assert json.loads(out) == {
        "aipbx.net": {
            "backend": "a" * 40,
            "frontend": "b" * 40,
            "since": "2026-11-23T10:00:41Z",
            "services": {"backend": "healthy", "nginx": "healthy"},
            "serving": {"backend": "backend-green", "frontend": "frontend"},
            "maintenance": False,
            "calls": 3,
            "certificate_days": 40,
            "disk_percent": 77,
            "disk_free_mib": 9000,
            "memory_percent": 75,
            "load": 0.42,
            "processors": 2,
            "backup_hours": 2.0,
            "backup_failed": False,
            "verified_hours": 72.0,
            "log": None,
            "offsite_hours": None,
            "unfinished": None,
            "rotation": None,
            "kept": None,
            "migrations": None,
            "lock": None,
            "lock_standing": None,
            "alerts": None,
            "not_well": [],
            "drift": ["sshd"],
            "drift_at": json.loads(out)["aipbx.net"]["drift_at"],
        },
        "aipbx.ru": {"error": str(UNREACHABLE)},
    }


def test_a_host_without_anything_has_the_same_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    well, out = shown(Host("x", {}), host(), monkeypatch=monkeypatch, capsys=capsys, as_json=True)
    found = json.loads(out)
    assert well
    assert found["x"].keys() == found["aipbx.net"].keys()
    unknown = ("backend", "since", "calls", "certificate_days", "memory_percent", "backup_hours", "drift")
    assert {found["x"][name] for name in unknown} == {None}


@pytest.mark.parametrize(("standing", "is_shown"), [("", True), ("ended", True), ("open", False)])
def test_an_unfinished_restore_is_shown_unless_its_run_continues(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], standing: str, is_shown: bool
) -> None:
    one = host(unfinished="restore of x", lock={"owner": "anna", "seconds": 7, "standing": standing})
    _, out = shown(one, monkeypatch=monkeypatch, capsys=capsys, drifted={"aipbx.net": []})
    assert ("unfinished restore of x" in out) == is_shown


@pytest.mark.parametrize("how", ["open", "closed"])
def test_an_unfinished_rotation_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    _, out = shown(host(rotation=how), monkeypatch=monkeypatch, capsys=capsys, drifted={"aipbx.net": []})
    assert "unfinished rotation of the password; inv db.rotate-password ends it" in out


def test_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    well, out = shown(host(), monkeypatch=monkeypatch, capsys=capsys, drifted={"aipbx.net": []})
    assert well
    assert cells(out) == {
        "backend": ["aaaaaaaa"],
        "frontend": ["bbbbbbbb"],
        "since (UTC)": ["2026-11-23 10:00:41"],
        "services": ["all healthy"],
        "serving": ["backend green"],
        "RTP flows": ["3"],
        "certificate": ["40 days"],
        "disk": ["77 %"],
        "memory": ["75 %"],
        "load": ["0.42 of 2"],
        "last backup": ["2.0 h ago"],
        "verified": ["3 days ago"],
        "off-site": ["none"],
        "point in time": ["-"],
        "migrations": ["-"],
        "previous data": ["-"],
        "lock": ["-"],
        "alerts": ["-"],
        "drift": ["as declared"],
    }


@pytest.mark.parametrize(
    ("changes", "row", "says"),
    [
        ({"containers": {"backend": HEALTHY | {"status": "exited", "health": ""}}}, "services", "backend exited"),
        ({"maintenance": True}, "services", "maintenance page on"),
        ({"containers": {}}, "services", "none runs"),
        ({"kept": "restore of a"}, "previous data", "restore of a"),
        (
            {"lock": {"owner": "anna@desk [/tmp] [bold]", "seconds": 7, "standing": ""}},
            "lock",
            "anna@desk [/tmp] [bold]",
        ),
        ({"calls": None}, "RTP flows", "?"),
        ({"calls": 0}, "RTP flows", "0"),
        ({"certificate_until": None}, "certificate", "none"),
        ({"backup": None}, "last backup", "none"),
        ({"backup_failed": True}, "last backup", "the last run failed, before it: 2.0 h ago"),
        ({"images": {}}, "backend", "-"),
        ({"migrations": "0"}, "migrations", "applied"),
        ({"migrations": "2"}, "migrations", "2 not applied: inv migrate"),
        ({"migrations": "first start"}, "migrations", "the first start was interrupted: inv deploy"),
        ({"migrations": "unknown"}, "migrations", "of another release: inv migrate --dry"),
    ],
)
def test_a_cell(
    changes: dict[str, Any],
    row: str,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out = shown(host(**changes), monkeypatch=monkeypatch, capsys=capsys)
    assert cells(out)[row] == [says]


def test_the_age_of_a_copy_off_the_host(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _, out = shown(host(offsite=ago(3)), monkeypatch=monkeypatch, capsys=capsys)
    assert cells(out)["off-site"] == ["3.0 h ago"]


@pytest.mark.parametrize(
    ("changes", "row", "red"),
    [
        ({}, "disk", False),
        ({"disk_percent": 86}, "disk", True),
        ({"certificate_until": (NOW + timedelta(days=13)).isoformat()}, "certificate", True),
        ({"backup": ago(27)}, "last backup", True),
        ({"verified": ago(193)}, "verified", True),
        ({}, "verified", False),
        ({}, "off-site", True),
        ({"load": 4.1}, "load", True),
        ({"load": 3.9}, "load", False),
    ],
)
def test_what_is_bad_is_red(changes: dict[str, Any], row: str, red: bool) -> None:
    said = cast("Any", host(**changes)).said
    facts = status._facts("aipbx.net", survey.parse(said), None)
    assert dict(status._CELLS)[row](facts).startswith("[red]") is red


def test_a_host_that_cannot_be_asked_is_shown_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    well, out = shown(host(), Host("aipbx.ru", UNREACHABLE), monkeypatch=monkeypatch, capsys=capsys)
    assert not well
    assert cells(out)["services"] == ["all healthy"]
    assert cells(out)["drift"] == ["not known: --drift"]
    assert f"aipbx.ru could not be queried. {UNREACHABLE}" in out


def test_drift_is_shown_below(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    changes = [f"operation {number} [/etc/x]" for number in range(7)]
    _, out = shown(host(), monkeypatch=monkeypatch, capsys=capsys, drifted={"aipbx.net": changes})
    assert cells(out)["drift"] == ["7 operations"]
    told = " ".join(out.split())
    assert f"aipbx.net is not as declared: {'; '.join(changes[:5])}." in told
    assert "operation 5" not in told


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"containers": {"backend": HEALTHY | {"status": "exited", "health": ""}}}, "services: backend is exited"),
        ({"containers": {}}, "services: none runs"),
        ({"maintenance": True}, "maintenance: the maintenance page is on"),
        ({"disk_percent": 99}, "disk: 99 % full"),
        ({"backup": None}, "backup: there is none"),
        ({"backup_failed": True}, "backup: the last run failed"),
        ({"lock": {"owner": "anna, lunch", "seconds": 7, "standing": "by hand"}}, "lock: locked: anna, lunch"),
        ({"certificate_until": None}, "certificate: there is none"),
        ({"migrations": "2"}, "migrations: 2 not applied"),
        ({"rotation": "open"}, "password: its rotation is unfinished"),
        ({"offsite": ago(60)}, "off-site: the last copy is 60 h old"),
    ],
)
def test_what_is_not_well_is_a_line_and_exit_code_1(
    changes: dict[str, Any], line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    well, out = shown(host(**changes), monkeypatch=monkeypatch, capsys=capsys)
    assert (well, f"aipbx.net is not well: {line}." in " ".join(out.split())) == (False, True), out
    well, out = shown(host(**changes), monkeypatch=monkeypatch, capsys=capsys, as_json=True)
    assert (well, json.loads(out)["aipbx.net"]["not_well"]) == (False, [line])


@pytest.mark.parametrize("standing", ["open", "runs"])
def test_a_release_that_is_on_its_way_is_well(
    standing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = {"owner": "anna, deploy", "seconds": 7, "standing": standing}
    well, _ = shown(host(lock=lock), monkeypatch=monkeypatch, capsys=capsys)
    assert well


def test_a_host_without_a_release_is_well() -> None:
    assert troubles.of("x", survey.parse({"files": ["compose.yml"], "disk_percent": 3})) == []


def test_an_image_that_came_when_the_host_went_down_is_not_well() -> None:
    told = {"files": ["compose.yml"], "disk_percent": 3, "torn": ["r/b:abc"]}
    (one,) = troubles.of("x", survey.parse(told))
    assert (one.topic, one.do) == ("images", "inv deploy --host=x downloads it again")
    assert "r/b:abc" in one.what


def test_drift_is_that_of_the_last_comparison_with_its_age(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = drift.Known(["sshd"], datetime.now(UTC) - timedelta(hours=3))
    monkeypatch.setattr(drift, "known", lambda _: known)
    well, out = shown(host(), monkeypatch=monkeypatch, capsys=capsys)
    assert (well, cells(out)["drift"]) == (False, ["1 operations, 3 h ago"])
