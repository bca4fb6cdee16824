"""`inv restore --at`: what an operator is told, who is asked, and what comes from elsewhere."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pyrage
import pytest

from fleet import agent
from fleet.env.dotenv import encryption
from fleet.errors import FailedError, OperatorError
from fleet.offsite import copies
from fleet.restore import from_moment
from fleet.ssh import ssh

if TYPE_CHECKING:
    from fleet.remote import Remote

LIVE = {"database": "aipbx", "bytes": 3 << 20}
AT = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)
TOLD = {"base": "2026-11-23T01:30:00Z", "set": "20261123T030000Z"}


def host(*, store: bool) -> Remote:
    settings = SimpleNamespace(offsite=store, deploy_user="deploy")
    return cast("Remote", SimpleNamespace(name="aipbx.org", settings=settings))


def test_what_is_about_to_happen() -> None:
    said = "\n".join(from_moment.announcement(TOLD, LIVE, 2, look=False))
    assert "base backup of 2026-11-23T01:30:00Z" in said
    assert "Files stay as they are now: those of then are in set 20261123T030000Z." in said
    assert "2 RTP flows are live and would be cut" in said
    assert "--undo brings it back" in said
    look = "\n".join(from_moment.announcement(TOLD, LIVE, 2, look=True))
    assert "aipbx stays as it is." in look
    assert "RTP" not in look


def asked(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> list[str]:
    """Who answers what to the verb; an error is raised."""
    verbs: list[str] = []

    def ask(_: object, verb: list[str]) -> Any:
        verbs.append(verb[0])
        if isinstance(answers[verb[0]], Exception):
            raise answers[verb[0]]
        return answers[verb[0]]

    monkeypatch.setattr(agent, "query", ask)
    monkeypatch.setattr(copies, "through", lambda remote: (remote, []))
    return verbs


REFUSED = OperatorError("14:05 cannot be restored.", "Recovery window: nothing.", "inv backups")


def test_the_host_itself_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    verbs = asked(monkeypatch, {"point": TOLD})
    assert from_moment._query(host(store=True), AT) == (TOLD, False)
    assert verbs == ["point"]


def test_then_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    asked(monkeypatch, {"point": REFUSED, "offsite-point": {"where": "s3://b"}})
    assert from_moment._query(host(store=True), AT) == ({"where": "s3://b"}, True)


def test_when_neither_has_it_both_say_what_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    asked(monkeypatch, {"point": REFUSED, "offsite-point": OperatorError("Nor there.", "There: nothing.", "x")})
    with pytest.raises(OperatorError, match="14:05 cannot be restored") as caught:
        from_moment._query(host(store=True), AT)
    assert caught.value.why == "Recovery window: nothing. Nor there. There: nothing."


@pytest.mark.parametrize(
    ("problem", "store", "at"),
    [
        (REFUSED, False, AT),
        (REFUSED, True, datetime.now(UTC) + timedelta(hours=1)),
        (FailedError("The connection was lost.", "", ""), True, AT),
    ],
)
def test_otherwise_the_store_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, problem: OperatorError, store: bool, at: datetime
) -> None:
    verbs = asked(monkeypatch, {"point": problem})
    with pytest.raises(OperatorError, match=problem.what):
        from_moment._query(host(store=store), at)
    assert verbs == ["point"]


def sent(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "sent.tar"
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def fetched(monkeypatch: pytest.MonkeyPatch, folder: Path, command: list[str]) -> dict[str, bytes]:
    monkeypatch.setattr(copies, "through", lambda remote: (remote, []))
    monkeypatch.setattr(ssh, "command", lambda *_: command)
    with tarfile.open(from_moment.fetch(host(store=True), AT, folder, 10)) as tar:
        return {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}


def test_what_comes_is_opened_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    monkeypatch.setattr(encryption, "identities", lambda _: ([key], ""))
    members = {"b.json": b"{}", "b.tar.zst.age": pyrage.encrypt(b"base", [key.to_public()])}
    found = fetched(monkeypatch, tmp_path, ["cat", str(sent(tmp_path, members))])
    assert list(found) == ["point.json", "b.json", "b.tar.zst"]
    assert json.loads(found["point.json"]) == {"at": "@2026-11-23T14:05:00Z", "host": "aipbx.org"}
    assert (found["b.json"], found["b.tar.zst"]) == (b"{}", b"base")

    monkeypatch.setattr(encryption, "identities", lambda _: ([pyrage.x25519.Identity.generate()], ""))
    with pytest.raises(OperatorError, match="cannot be opened here"):
        fetched(monkeypatch, tmp_path, ["cat", str(sent(tmp_path, members))])


def test_what_breaks_off_is_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = sent(tmp_path, {"b.json": b"{}" * 2000})
    for command in (["head", "--bytes=1000", str(path)], ["sh", "-c", f"cat {path}; exit 1"]):
        with pytest.raises(FailedError, match="did not arrive"):
            fetched(monkeypatch, tmp_path, command)
