"""The PBX asked over HTTP: the lab's stand-in for Asterisk answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from aipbx_data.ari import Ari
from aipbx_data.config import Config
from aipbx_data.errors import Failed

from lab.world.pbx_stand_in import Call, Pbx


class _Nobody:
    """A registered application that hears nothing."""

    def write(self, _: bytes) -> None:
        """Nothing."""


@pytest.fixture
def pbx() -> Iterator[tuple[Pbx, str]]:
    """A PBX, and where its ARI is."""
    made, loop, started = Pbx("u:p"), asyncio.new_event_loop(), threading.Event()
    port = 0

    async def serve() -> None:
        nonlocal port
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        started.set()

    loop.create_task(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    started.wait(10)
    yield made, f"http://127.0.0.1:{port}/ari/"
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def test_who_is_registered_and_who_gets_calls(pbx: tuple[Pbx, str]) -> None:
    exchange, url = pbx
    ari = Ari(url, "u", "p", "AIBOT")
    assert ari.channels("aipbx-blue") is None
    assert ari.gets_new_calls() == ""
    ari.hand_over("aipbx-blue")
    assert ari.gets_new_calls() == "aipbx-blue"
    nobody: Any = _Nobody()
    exchange.applications["aipbx-blue"] = nobody
    assert ari.channels("aipbx-blue") == []
    exchange.live["call-1"] = Call("call-1", "aipbx-blue", 60)
    assert ari.channels("aipbx-blue") == ["call-1"]
    ari.hang_up("call-1")
    assert exchange.live["call-1"].ended == "hung up"
    ari.hang_up("gone")


def test_a_wrong_password_is_told_without_it(pbx: tuple[Pbx, str]) -> None:
    with pytest.raises(Failed) as told:
        Ari(pbx[1], "u", "wr0ng-one", "AIBOT").gets_new_calls()
    assert "401" in told.value.why
    assert "wr0ng-one" not in str(told.value)


def test_nobody_there_is_told() -> None:
    with pytest.raises(Failed, match=r"does not do what it is asked at http://127\.0\.0\.1:1/ari"):
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
    config = Config({"switch_mode": mode, "ari_variable": "AIBOT"}, {}, secrets)
    assert (Ari.of(config) is not None) == known
