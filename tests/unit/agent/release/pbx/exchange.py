"""The lab's stand-in for Asterisk, on a port of this machine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.world.pbx_stand_in import Pbx


class _Nobody:
    """A registered application that hears nothing."""

    def write(self, _: bytes) -> None:
        """Nothing."""


def register(pbx: Pbx, application: str) -> None:
    """Let an application be registered."""
    nobody: Any = _Nobody()
    pbx.applications[application] = nobody


@contextmanager
def serving() -> Iterator[tuple[Pbx, str]]:
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
    try:
        yield made, f"http://127.0.0.1:{port}/ari/"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
