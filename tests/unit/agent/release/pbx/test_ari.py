"""The PBX asked over HTTP: the lab's stand-in for Asterisk answers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.release.pbx.ari import LIMIT, Ari
from lab.world.pbx_stand_in import Call, Pbx
from tests.unit.agent.release.pbx import exchange


@pytest.fixture
def pbx() -> Iterator[tuple[Pbx, str]]:
    """A PBX, and where its ARI is."""
    with exchange.serving() as made:
        yield made


def test_who_is_registered_and_who_gets_calls(pbx: tuple[Pbx, str]) -> None:
    made, url = pbx
    ari = Ari(url, "u", "p", "AIBOT")
    assert ari.channels("aipbx-blue") is None
    assert ari.gets_new_calls() == ""
    ari.hand_over("aipbx-blue")
    assert ari.gets_new_calls() == "aipbx-blue"
    exchange.register(made, "aipbx-blue")
    assert ari.channels("aipbx-blue") == []
    made.live["call-1"] = Call("call-1", "aipbx-blue", 60)
    assert ari.channels("aipbx-blue") == ["call-1"]
    ari.hang_up("call-1")
    assert made.live["call-1"].ended == "hung up"
    ari.hang_up("gone")


def test_a_wrong_password_is_reported_without_it(pbx: tuple[Pbx, str]) -> None:
    with pytest.raises(Failed) as told:
        Ari(pbx[1], "u", "wr0ng-one", "AIBOT").gets_new_calls()
    assert "401" in told.value.why
    assert "wr0ng-one" not in str(told.value)


def test_a_silent_address_is_reported() -> None:
    with pytest.raises(Failed, match=r"refuses requests at http://127\.0\.0\.1:1/ari"):
        Ari("http://127.0.0.1:1/ari", "u", "p", "AIBOT").hand_over("x")


@pytest.mark.parametrize(
    ("mode", "secrets", "known"),
    [
        ("colours", {"ARI_URL": "http://pbx/ari", "ARI_USER": "u", "ARI_PASSWORD": "p"}, True),
        ("recreate", {"ARI_URL": "http://pbx/ari", "ARI_USER": "u", "ARI_PASSWORD": "p"}, False),
        ("colours", {"ARI_URL": "http://pbx/ari", "ARI_USER": "u"}, False),
        ("colours", {}, False),
    ],
)
def test_only_two_colours_and_a_known_pbx_hand_over(mode: str, secrets: dict[str, str], known: bool) -> None:
    config = Config({"switch_mode": mode}, {}, secrets)
    assert (Ari.of(config) is not None) == known


def test_a_password_goes_nowhere_else(pbx: tuple[Pbx, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pbx, "answer", lambda *_: (302, {}))
    with pytest.raises(Failed) as told:
        Ari(pbx[1], "u", "p", "AIBOT").gets_new_calls()
    assert "was answered 302" in told.value.why


def drips(listening: socket.socket, head: bytes) -> None:
    """Answer with a byte after another, for as long as someone listens."""
    connection, _ = listening.accept()
    with closing(connection):
        connection.recv(65536)
        connection.sendall(head)
        for _ in range(100):
            time.sleep(0.1)
            try:
                connection.sendall(b"x")
            except OSError:
                return


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"])
def test_an_answer_that_drips_is_not_waited_for(head: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drips, args=(listening, head), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(Failed) as told:
            Ari(f"http://127.0.0.1:{listening.getsockname()[1]}/ari", "u", "p", "AIBOT", 0.5).gets_new_calls()
        assert time.monotonic() - began < 5
        assert "timed out" in told.value.why


@pytest.mark.parametrize("content", [b"", b'{"channel_ids": ["' + b"x" * LIMIT + b'"]}', b'{"channel_ids": null}'])
def test_an_answer_that_is_cut_off_or_endless_or_none_is_no_empty_list(content: bytes) -> None:
    def answers(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with closing(connection):
            connection.recv(65536)
            length = len(content) or 50
            try:
                connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + content)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answers, args=(listening,), daemon=True).start()
        with pytest.raises(Failed):
            Ari(f"http://127.0.0.1:{listening.getsockname()[1]}/ari", "u", "p", "AIBOT").channels("aipbx-blue")


class Stranger:
    """A PBX whose answers are its owner's."""

    def __init__(self, content: bytes) -> None:
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content

    def __enter__(self) -> str:
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/ari"

    def _serve(self) -> None:
        with closing(self.socket.accept()[0]) as connection:
            connection.recv(4096)
            connection.sendall(self.answer)

    def __exit__(self, *_: object) -> None:
        self.socket.close()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[" * 200_000, "RecursionError"),
        (b'{"channel_ids": [' + b",".join([b'"x"'] * 3000) + b"]}", "it names 3000 calls"),
    ],
    ids=["nested", "invented"],
)
def test_an_answer_that_no_pbx_gives_is_none(content: bytes, why: str) -> None:
    with Stranger(content) as url, pytest.raises(Failed) as told:
        Ari(url, "u", "p", "AIBOT").channels("x")
    assert why in told.value.why


def test_only_the_first_addresses_of_a_name_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    class Silent(socket.socket):
        def connect(self, address: object) -> None:
            tried.append(address)
            raise TimeoutError("timed out")

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"203.0.113.{last}", 80)) for last in range(100)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket, "socket", Silent)
    with pytest.raises(Failed, match="refuses requests"):
        Ari("http://pbx.example/ari", "u", "p", "AIBOT", foreign=True).gets_new_calls()
    assert tried == [("203.0.113.0", 80), ("203.0.113.1", 80)]
