"""SFTP, against another implementation of it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aipbx_data import sftp

PEER = str(Path(__file__).with_name("sftp_peer.py"))


@pytest.fixture
def there(tmp_path: Path) -> Path:
    (tmp_path / "sets").mkdir()
    return tmp_path


@pytest.fixture
def session(there: Path) -> Iterator[sftp.Session]:
    made = sftp.Session([sys.executable, PEER, str(there)], 60)
    yield made
    made.close()


@pytest.mark.parametrize("size", [0, 1, sftp.CHUNK - 1, sftp.CHUNK, sftp.CHUNK * (2 * sftp.WINDOW + 1) + 7])
def test_a_stream_arrives_and_comes_back_byte_for_byte(session: sftp.Session, there: Path, size: int) -> None:
    content = os.urandom(size)
    pieces = [content[begin : begin + 1_000_003] for begin in range(0, size, 1_000_003)]
    session.write_new("sets/a", pieces)
    assert (there / "sets" / "a").read_bytes() == content
    assert b"".join(session.read("sets/a")) == content
    assert session.size("sets/a") == size


def test_an_existing_file_is_not_written(session: sftp.Session, there: Path) -> None:
    (there / "sets" / "a").write_bytes(b"old")
    with pytest.raises(sftp.Denied):
        session.write_new("sets/a", [b"new"])
    assert (there / "sets" / "a").read_bytes() == b"old"


def test_lists_names_sizes_and_kinds(session: sftp.Session, there: Path) -> None:
    for number in range(300):  # more than one answer holds
        (there / "sets" / f"{number:03}").write_bytes(b"x" * number)
    (there / "sets" / "folder").mkdir()
    found = {entry.name: entry for entry in session.entries("sets")}
    assert len(found) == 301
    assert found["299"] == sftp.Entry("299", 299, True)
    assert not found["folder"].ordinary


def test_what_is_not_there_is_told_apart_from_what_fails(session: sftp.Session) -> None:
    assert not session.exists("sets/none")
    with pytest.raises(sftp.Denied) as denied:
        session.size("sets/none")
    assert denied.value.code == sftp.NO_SUCH_FILE
    with pytest.raises(sftp.Denied):
        list(session.read("sets/none"))


def test_rename_and_a_refused_rename(session: sftp.Session, there: Path) -> None:
    session.write_new("sets/.part-a", [b"a"])
    session.rename("sets/.part-a", "sets/a")
    assert session.exists("sets/a")
    session.write_new("sets/.part-a", [b"other"])
    with pytest.raises(sftp.Denied):
        session.rename("sets/.part-a", "sets/a")
    assert (there / "sets" / "a").read_bytes() == b"a"


def test_what_the_server_does_not_do_is_denied(session: sftp.Session) -> None:
    with pytest.raises(sftp.Denied):
        session.free("sets")


def test_a_cut_connection_says_what_ssh_said(there: Path) -> None:
    said = "import sys; sys.stderr.write('banner\\nHost key verification failed.\\n'); sys.exit(255)"
    with pytest.raises(sftp.Broken, match=r"Host key verification failed\."):
        sftp.Session([sys.executable, "-c", said], 60)


def test_a_server_that_speaks_something_else_is_noticed() -> None:
    with pytest.raises(sftp.Broken, match="no SFTP"):
        sftp.Session(["sh", "-c", "head -c 9 >/dev/null; echo 'This service allows sftp connections only.'"], 60)


def test_a_deadline_ends_it() -> None:
    with pytest.raises(sftp.Broken, match="did not end within"):
        sftp.Session(["sleep", "60"], 0.2)


def test_a_connection_that_is_cut_in_the_middle_ends_a_write(there: Path) -> None:
    session = sftp.Session([sys.executable, PEER, str(there)], 60)

    def chunks() -> Iterator[bytes]:
        yield b"x" * 1_000_000
        session._ssh.kill()  # as a cut line ends ssh
        while True:
            yield b"x" * 1_000_000

    with pytest.raises(sftp.Broken):
        session.write_new("sets/.part-a", chunks())
    session.close()
