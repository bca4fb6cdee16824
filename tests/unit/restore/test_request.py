"""What an operator names, and what they read before they say yes."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest
from invoke.exceptions import ParseError
from invoke.parser.context import ParserContext
from invoke.parser.parser import Parser

from fleet.errors import OperatorError
from fleet.restore import tasks
from fleet.restore.request import Request, announcement, looking, named
from tests.unit.agent.backup.test_sets import NAME, made

LIVE = {"database": "aipbx_production", "bytes": 5 << 20}
SET = Request("aipbx.org", NAME, None, "2026-11-23T03:00:00Z", 55, 1200)


def packed(folder: Path) -> Path:
    path = folder / "set.tar"
    one = made(folder)
    with tarfile.open(path, "w") as tar:
        tar.add(one / "manifest.json", "manifest.json")
        tar.add(one / "database.dump", "database.dump")
    return path


def test_a_set_by_its_name_and_of_a_host() -> None:
    assert named(NAME) == Request("", NAME)
    assert named(f"aipbx.org/{NAME}") == Request("aipbx.org", NAME)


def test_a_set_in_a_file_says_whose_it_is(tmp_path: Path) -> None:
    path = packed(tmp_path)
    found = named(str(path))
    assert found == Request("aipbx.org", NAME, path, "2026-11-23T03:00:00+00:00", 1, 3, volumes=False)
    assert found.place() != found.place()
    assert found.place().startswith(".upload-")
    assert found.place().endswith("-set.tar")


def test_an_old_file_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "aipbx_20261123_030000.sql.gz"
    path.write_bytes(gzip.compress(b"PGDMP"))
    assert named(str(path)) == Request("", path.name, path, volumes=False)


@pytest.mark.parametrize("what", ["", "nothing.sql", "2026-11-23", f"{NAME}/", f"a b/{NAME}", "/", "."])
def test_what_is_no_backup_is_refused(what: str) -> None:
    with pytest.raises(OperatorError, match="is not a backup"):
        named(what)


def test_an_empty_or_damaged_file_is_refused_here(tmp_path: Path) -> None:
    path = packed(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"PGDMP", b"PGDMQ"))
    with pytest.raises(OperatorError, match="not a complete backup set"):
        named(str(path))
    path.write_bytes(b"")
    with pytest.raises(OperatorError, match="is empty"):
        named(str(path))


def test_a_tar_of_pg_dump_s_is_no_set_and_is_called_by_its_own_name(tmp_path: Path) -> None:
    path, toc = tmp_path / "old.tar", tmp_path / "toc.dat"
    toc.write_bytes(b"PGDMP")
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.add(toc, "toc.dat")
    with pytest.raises(OperatorError, match=r"old\.tar is a tar archive, as `pg_dump --format=tar` makes it"):
        named(str(path))


def test_what_a_restore_says_before_it_asks() -> None:
    text = "\n".join(announcement("aipbx.org", SET, LIVE, 2))
    assert text.startswith(f"aipbx.org: restore of {NAME} (taken 2026-11-23T03:00:00Z, 1200 rows of 55 tables)")
    assert "replaces aipbx_production (5.0 MiB), and its files that of the live ones" in text
    assert "2 RTP flows are live and would be cut" in text
    assert "TAKEN ON" not in text
    assert "RTP" not in "\n".join(announcement("aipbx.org", SET, LIVE, None))


def test_a_set_of_another_host_is_loud() -> None:
    assert "IT WAS TAKEN ON aipbx.org" in "\n".join(announcement("aipbx.ru", SET, LIVE, 0))
    assert "IT WAS TAKEN ON aipbx.org" in "\n".join(looking("aipbx.ru", SET, LIVE, ""))


def test_a_look_says_that_nothing_changes() -> None:
    text = "\n".join(looking("aipbx.org", Request("", "old.sql.gz", Path("x")), LIVE, "users,calls"))
    assert "it does not say when" in text
    assert "with the rows of users,calls. aipbx_production stays as it is." in text
    assert "Interrupts" not in text


def parsed(*words: str) -> dict[str, object]:
    task = tasks.restore
    context = ParserContext(name="restore", args=task.get_arguments())
    found = Parser(contexts=[context]).parse_argv(["restore", *words])[0]
    return {argument.name: argument.value for argument in found.args.values()}


def test_a_flag_stands_in_place_of_what_is_restored() -> None:
    assert parsed("x.tar", "--yes")["what"] == "x.tar"
    for flag in ("undo", "discard"):
        told = parsed(f"--{flag}", "--host=a")
        assert (told["what"], told[flag], told["host"]) == ("", True, "a")
        assert parsed("x.tar", f"--{flag}")["what"] == "x.tar", "refused by the task itself"
    with pytest.raises(ParseError, match="what"):
        parsed("--host=a")
