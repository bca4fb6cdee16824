"""Secrets in a file of sops: read, written, and each way in which that fails; no value is in a message or on the disk.

By a stand-in, and by the real sops where this machine has one.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pyrage
import pytest

from fleet.env import moving
from fleet.env.dotenv import dotenv_file, files
from fleet.env.secret_store import merging, place
from fleet.env.secret_store.sops import SopsStore
from fleet.errors import OperatorError
from fleet.inventory.secret_sources import Sops
from tests.unit.env.dotenv.test_checks import GOOD

HOST, SOURCE = "aipbx.org", Sops(kind="sops")
NEW = "the-new-one-of-it"
SECRET = "pa$$ # ' \" \\ é-and-more"  # noqa: S105  of no database


@pytest.fixture
def file(sops: Path) -> Path:
    return sops / f"{HOST}.sops.yaml"


def store() -> SopsStore:
    return SopsStore(HOST)


def test_what_is_written_is_read_and_not_in_clear(file: Path) -> None:
    empty = store().read()
    assert empty.values == {}
    store().write({"DB_PASS": SECRET, "MAIL_PASS": "one"}, empty.version)
    assert SECRET not in file.read_text()
    found = store().read()
    assert found.values == {"DB_PASS": SECRET, "MAIL_PASS": "one"}
    store().write({}, found.version)
    assert not file.exists()
    assert [path.name for path in file.parent.iterdir()] == [".sops.yaml"]


def test_another_s_write_is_not_undone(file: Path) -> None:
    store().write({"DB_PASS": SECRET}, "")
    before = store().read().version
    store().write({"DB_PASS": "another"}, before)
    with pytest.raises(OperatorError, match="changed by someone else"):
        store().write({"DB_PASS": SECRET}, before)
    assert store().read().values == {"DB_PASS": "another"}


def fails(words: str) -> str:
    with pytest.raises(OperatorError, match=words) as failed:
        store().read()
    assert SECRET not in str(failed.value)
    assert failed.value.code == 2
    return str(failed.value)


def test_each_failure_is_one_message(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store().write({"DB_PASS": SECRET}, "")
    whole = file.read_text()
    file.write_text("A: b\n")
    assert "not encrypted by sops" in fails("cannot be used")
    file.write_text("[1")
    fails("cannot be used")
    file.write_text(whole)
    (tmp_path / "other.key").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(tmp_path / "other.key"))
    assert "SOPS_AGE_KEY_FILE" in fails("the store refused")
    (file.parent / ".sops.yaml").unlink()
    with pytest.raises(OperatorError, match="did not encrypt"):
        store().write({"DB_PASS": "x"}, store()._version())
    assert file.read_text() == whole
    monkeypatch.setenv("PATH", str(tmp_path))
    fails("sops is not installed")


def test_a_program_that_hangs_or_prints_something_else(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("x")
    program = tmp_path / "odd" / "sops"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    for says, words in (("sleep 9", "did not answer in time"), ('echo "[1]"', "cannot be used"), ("echo x", "be used")):
        program.write_text(f"#!/bin/sh\nexec {says}\n")
        program.chmod(0o755)
        with pytest.raises(OperatorError, match=words):
            SopsStore(HOST, 0.5).read()
    program.write_text("#!/bin/sh\necho '{\"PORT\": 5}'\n")
    with pytest.raises(OperatorError) as odd:
        SopsStore(HOST).read()
    assert "Not text: PORT" in str(odd.value)


def test_a_value_that_was_changed_by_hand_is_not_used(file: Path) -> None:
    store().write({"DB_PASS": SECRET}, "")
    text = file.read_text()
    at = text.index("data:") + 5 if "data:" in text else len(text) - 12
    file.write_text(text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :])
    assert "damaged" in fails("cannot be used")


def test_values_are_on_no_command_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    really = subprocess.run

    def run(argv: list[str], **more: object) -> object:
        calls.append(" ".join(argv))
        return really(argv, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", run)
    store().write({"DB_PASS": SECRET}, "")
    store().read()
    assert len(calls) == 2
    assert SECRET not in repr(calls)


def test_secrets_move_there_and_a_new_value_is_written_there(file: Path) -> None:
    plain = file.with_name(f"{HOST}.env")
    files.save(plain, dotenv_file.written({**GOOD, "DB_PASS": SECRET}).encode())
    move = moving.plan(HOST, SOURCE, "sops")
    moving.carry_out(HOST, move)
    assert move.next.startswith(f"git add {files.shown(file)}, then ")
    assert SECRET not in plain.read_text() + file.read_text()
    stands = place.of(merging.load(HOST, SOURCE), SOURCE, "DB_PASS")
    assert stands.to_commit == files.shown(file)
    stands.put(NEW)
    assert merging.load(HOST, SOURCE).values()["DB_PASS"] == NEW
    stands.take_back(NEW)
    assert merging.load(HOST, SOURCE).values()["DB_PASS"] == SECRET
