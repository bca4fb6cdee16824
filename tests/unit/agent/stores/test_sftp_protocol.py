"""SFTP, against another implementation of it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipbx_agent.stores import sftp_protocol

PEER = str(Path(__file__).with_name("sftp_peer.py"))


@pytest.fixture
def there(tmp_path: Path) -> Path:
    (tmp_path / "sets").mkdir()
    return tmp_path


@pytest.fixture
def session(there: Path) -> Iterator[sftp_protocol.Session]:
    made = sftp_protocol.Session([sys.executable, PEER, str(there)], 60)
    yield made
    made.close()


@pytest.mark.parametrize(
    "size",
    [0, 1, sftp_protocol.CHUNK - 1, sftp_protocol.CHUNK, sftp_protocol.CHUNK * (2 * sftp_protocol.WINDOW + 1) + 7],
)
def test_a_stream_arrives_and_comes_back_byte_for_byte(session: sftp_protocol.Session, there: Path, size: int) -> None:
    content = os.urandom(size)
    pieces = [content[begin : begin + 1_000_003] for begin in range(0, size, 1_000_003)]
    session.write_new("sets/a", pieces)
    assert (there / "sets" / "a").read_bytes() == content
    assert b"".join(session.read("sets/a")) == content
    assert session.size("sets/a") == size


def test_an_existing_file_is_not_written(session: sftp_protocol.Session, there: Path) -> None:
    (there / "sets" / "a").write_bytes(b"old")
    with pytest.raises(sftp_protocol.Denied):
        session.write_new("sets/a", [b"new"])
    assert (there / "sets" / "a").read_bytes() == b"old"


def test_lists_names_sizes_and_kinds(session: sftp_protocol.Session, there: Path) -> None:
    for number in range(300):  # more than one answer holds
        (there / "sets" / f"{number:03}").write_bytes(b"x" * number)
    (there / "sets" / "folder").mkdir()
    found = {entry.name: entry for entry in session.entries("sets")}
    assert len(found) == 301
    assert found["299"] == sftp_protocol.Entry("299", 299, True)
    assert not found["folder"].ordinary


def test_what_is_missing_is_distinguished_from_what_fails(session: sftp_protocol.Session) -> None:
    assert not session.exists("sets/none")
    with pytest.raises(sftp_protocol.Denied) as denied:
        session.size("sets/none")
    assert denied.value.code == sftp_protocol.NO_SUCH_FILE
    with pytest.raises(sftp_protocol.Denied):
        list(session.read("sets/none"))


def test_rename_and_a_refused_rename(session: sftp_protocol.Session, there: Path) -> None:
    session.write_new("sets/.part-a", [b"a"])
    session.rename("sets/.part-a", "sets/a")
    assert session.exists("sets/a")
    session.write_new("sets/.part-a", [b"other"])
    with pytest.raises(sftp_protocol.Denied):
        session.rename("sets/.part-a", "sets/a")
    assert (there / "sets" / "a").read_bytes() == b"a"


def test_what_the_server_does_not_do_is_denied(session: sftp_protocol.Session) -> None:
    with pytest.raises(sftp_protocol.Denied):
        session.free("sets")


def test_a_cut_connection_says_what_ssh_said(there: Path) -> None:
    said = "import sys; sys.stderr.write('banner\\nHost key verification failed.\\n'); sys.exit(255)"
    with pytest.raises(sftp_protocol.Broken, match=r"Host key verification failed\."):
        sftp_protocol.Session([sys.executable, "-c", said], 60)


def test_a_server_that_speaks_something_else_is_noticed() -> None:
    with pytest.raises(sftp_protocol.Broken, match="not SFTP"):
        sftp_protocol.Session(
            ["sh", "-c", "head -c 9 >/dev/null; echo 'This service allows sftp connections only.'"], 60
        )


def test_a_deadline_ends_it() -> None:
    with pytest.raises(sftp_protocol.Broken, match="did not end within"):
        sftp_protocol.Session(["sleep", "60"], 0.2)


def test_a_connection_that_is_cut_in_the_middle_ends_a_write(there: Path) -> None:
    session = sftp_protocol.Session([sys.executable, PEER, str(there)], 60)

    def chunks() -> Iterator[bytes]:
        yield b"x" * 1_000_000
        session._ssh.kill()  # as a cut line ends ssh
        while True:
            yield b"x" * 1_000_000

    with pytest.raises(sftp_protocol.Broken):
        session.write_new("sets/.part-a", chunks())
    session.close()
