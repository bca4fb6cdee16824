"""An encrypted copy on its way to an operator: what opens it, and what is wrong with it, told apart."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyrage
import pytest

from fleet.errors import FailedError, OperatorError
from fleet.offsite import copies as offsite
from fleet.offsite import encrypted_set, key

NAME = "20261123T030000Z"
FILES = {"database.dump": b"PGDMP" * 50_000, "volume-backend_static.tar.zst": b""}


def packed(files: dict[str, bytes] | None = None, manifest: dict[str, Any] | None = None) -> bytes:
    hashes = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in FILES.items()
    }
    told = {"host": "aipbx.org", "name": NAME, "files": hashes} | (manifest or {})
    return tarred({"manifest.json": json.dumps(told).encode(), **(FILES if files is None else files)})


def tarred(content: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, text in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return made.getvalue()


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AIPBX_AGE_IDENTITY", str(tmp_path / "age.key"))
    _, made = key.make()
    return made


def stored(tmp_path: Path, public: str, tar: bytes) -> tuple[list[str], dict[str, Any]]:
    content = pyrage.encrypt(tar, [pyrage.x25519.Recipient.from_str(public)])
    path = tmp_path / "copy.age"
    path.write_bytes(content)
    told = {"name": NAME, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return ["cat", str(path)], told


def test_a_good_copy_is_proved_and_kept(tmp_path: Path, public: str) -> None:
    command, told = stored(tmp_path, public, packed())
    encrypted_set.prove(command, told)
    path = tmp_path / "here" / "set.tar"
    encrypted_set.receive(command, told, path)
    assert path.read_bytes() == packed()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["set.tar"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda _: b"",
        lambda content: content + b"x",
        lambda content: content[:70_000] + bytes([content[70_000] ^ 1]) + content[70_001:],
        lambda content: content[:30] + b"?" + content[31:],
    ],
)
def test_a_harmed_copy_is_damaged_and_nothing_is_kept(tmp_path: Path, public: str, harm: Any) -> None:
    command, told = stored(tmp_path, public, packed())
    copy = Path(command[1])
    copy.write_bytes(harm(copy.read_bytes()))
    with pytest.raises(FailedError, match="is damaged"):
        encrypted_set.prove(command, told)
    with pytest.raises(FailedError, match="is damaged"):
        encrypted_set.receive(command, told, tmp_path / "here" / "set.tar")
    assert list((tmp_path / "here").iterdir()) == []


def test_another_key_opens_nothing(tmp_path: Path, public: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command, told = stored(tmp_path, public, packed())
    monkeypatch.setenv("AIPBX_AGE_IDENTITY", str(tmp_path / "other.key"))
    key.make()
    with pytest.raises(OperatorError, match="cannot be opened here") as refused:
        encrypted_set.prove(command, told)
    assert refused.value.code == 2
    monkeypatch.setenv("AIPBX_AGE_IDENTITY", str(tmp_path / "none.key"))
    with pytest.raises(OperatorError, match="no key here"):
        encrypted_set.prove(command, told)


def test_a_copy_that_does_not_come_reports_why(tmp_path: Path, public: str) -> None:
    _, told = stored(tmp_path, public, packed())
    with pytest.raises(FailedError) as failed:
        encrypted_set.prove(["sh", "-c", "echo 'There is no such file.' >&2; exit 1"], told)
    assert "no such file" in failed.value.why


@pytest.mark.parametrize(
    ("tar", "why"),
    [
        (packed(files={"database.dump": FILES["database.dump"]}), "volume-backend_static.tar.zst"),
        (packed(files=FILES | {"database.dump": b"PGDMQ"}), "database.dump"),
        (packed(files=FILES | {"more": b""}), "more"),
        (packed(manifest={"name": "20261122T030000Z"}), "It is 20261122T030000Z"),
        (packed(manifest={"files": []}), "cannot be read"),
        (b"", "Empty file"),
        (tarred(FILES), "manifest.json"),
        (b"no tar", ""),
        (packed()[512 * 300 :], ""),
    ],
)
def test_what_was_opened_is_compared_with_its_manifest(tmp_path: Path, public: str, tar: bytes, why: str) -> None:
    command, told = stored(tmp_path, public, tar)
    with pytest.raises(FailedError, match="is not a complete") as failed:
        encrypted_set.prove(command, told)
    assert why.lower() in failed.value.why.lower()


def test_the_private_key_is_only_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIPBX_AGE_IDENTITY", str(tmp_path / "new" / "age.key"))
    place, public = key.make()
    assert place.stat().st_mode & 0o777 == 0o600
    text = place.read_text()
    assert "AGE-SECRET-KEY-1" in text
    assert "AGE-SECRET" not in key.advice(place, public)
    assert f'backup_recipients = ["{public}"]' in key.advice(place, public)
    with pytest.raises(OperatorError, match="exists already"):
        key.make()
    assert place.read_text() == text


COPIES = [
    {"name": "20261121T030000Z", "whole": True},
    {"name": "20261122T030000Z", "whole": True},
    {"name": "20261123T030000Z", "whole": False},
]


@pytest.mark.parametrize(("name", "meant"), [("", "20261122T030000Z"), ("20261121T030000Z", "20261121T030000Z")])
def test_the_newest_whole_copy_is_meant(name: str, meant: str) -> None:
    assert offsite.chosen("aipbx.org", COPIES, name)["name"] == meant


@pytest.mark.parametrize(
    ("copies", "name", "said"),
    [
        ([], "", "no off-site copy that is whole"),
        (COPIES[2:], "", "no off-site copy that is whole"),
        (COPIES, "20261120T030000Z", "no off-site copy 20261120T030000Z"),
        (COPIES, "20261123T030000Z", "is incomplete"),
    ],
)
def test_a_copy_that_is_not_there_is_refused(copies: list[dict[str, Any]], name: str, said: str) -> None:
    with pytest.raises(OperatorError, match=said):
        offsite.chosen("aipbx.org", copies, name)


def test_a_copy_that_someone_exchanged_is_not_the_origin_s() -> None:
    copy = {"name": NAME, "sha256": "a"}
    offsite.refuse_exchanged("aipbx.org", copy, [])
    offsite.refuse_exchanged("aipbx.org", copy, [{"name": NAME, "offsite": {}}, {"name": "x", "problem": "…"}])
    offsite.refuse_exchanged("aipbx.org", copy, [{"name": NAME, "offsite": {"sha256": "a"}}])
    with pytest.raises(FailedError, match="is not the one that"):
        offsite.refuse_exchanged("aipbx.org", copy, [{"name": NAME, "offsite": {"sha256": "b"}}])


def test_the_commands_of_an_introduction() -> None:
    assert offsite.make_key("aipbx.net") == (
        "set -e; umask 077; [ -d /etc/aipbx/offsite ]; [ -s /etc/aipbx/offsite/id_ed25519 ] || "
        "{ rm -f /etc/aipbx/offsite/id_ed25519.new /etc/aipbx/offsite/id_ed25519.new.pub; "
        "ssh-keygen -q -t ed25519 -N '' -C aipbx.net -f /etc/aipbx/offsite/id_ed25519.new; "
        "rm /etc/aipbx/offsite/id_ed25519.new.pub; sync /etc/aipbx/offsite/id_ed25519.new; "
        "mv /etc/aipbx/offsite/id_ed25519.new /etc/aipbx/offsite/id_ed25519; }; "
        "ssh-keygen -y -f /etc/aipbx/offsite/id_ed25519"
    )
    assert offsite.host_key("/app/aipbx", "aipbx.net") == (
        "getent passwd aipbxoffsite-aipbx-net >/dev/null && [ -d /app/aipbx/offsite/aipbx.net/sets ] && "
        "cat /etc/ssh/ssh_host_ed25519_key.pub"
    )
