"""Stands in for a site's visitors: requests at a steady rate, and WebSockets that stay; tells what went wrong.

Runs by itself outside the hosts (standard library only): `python3 visitors.py NAME ADDRESS RATE SOCKETS`, until its
standard input ends; then one JSON line: requests, failed (each with its moment and reason), sockets that broke.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import sys
import time

# Pages, what the backend ships, and the API, for which nginx has a limit of ten a second and address.
PATHS = (*("/", "/static/fonts/lab-sans.ttf") * 6, "/api/nothing-of-that-name")
GOOD = (b" 200 ", b" 404 ")
SECONDS = 15.0


class Visitors:
    """All of them, and what they met."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.requests, self.broken = 0, 0
        self.failed: list[str] = []
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.ends = asyncio.Event()

    async def connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the site."""
        return await asyncio.open_connection(self.address, 443, ssl=self.context, server_hostname=self.name)

    async def visit(self, path: str) -> None:
        """One request, over a connection that was idle if there is one, as browsers do."""
        self.requests += 1
        try:
            async with asyncio.timeout(SECONDS):
                self.idle = [(reader, writer) for reader, writer in self.idle if not reader.at_eof()]
                reader, writer = self.idle.pop() if self.idle else await self.connected()
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.name}\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [
                    line.split(b": ")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-l")
                ]
                if lengths:
                    await reader.readexactly(int(lengths[0]))
                else:
                    while await reader.readuntil(b"\r\n") != b"0\r\n":
                        pass
                    await reader.readuntil(b"\r\n")
                if b"\r\nconnection: close" not in head.lower():
                    self.idle.append((reader, writer))
        except (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError) as problem:
            self.failed.append(f"{time.strftime('%H:%M:%S')} {path} {type(problem).__name__} {problem}")
        else:
            if not any(good in head.split(b"\r\n")[0] for good in GOOD):
                self.failed.append(f"{time.strftime('%H:%M:%S')} {path} {head.splitlines()[0].decode()}")

    async def stay(self) -> None:
        """One Socket.IO connection, which should not end before everything does."""
        reader, writer = await self.connected()
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {self.name}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x81\x82\x00\x00\x00\x0040")  # Socket.IO's hello
        while data := await reader.read(4096):
            # Engine.IO's ping is the text `2`; anyone who does not say `3` is taken for gone.
            if data.endswith(b"\x81\x012"):
                writer.write(b"\x81\x81\x00\x00\x00\x003")
        if not self.ends.is_set():
            self.broken += 1

    async def all(self, rate: float, sockets: int) -> None:
        """Visit until standard input ends, then tell."""
        work = [asyncio.ensure_future(self.stay()) for _ in range(sockets)]
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: self.ends.set())
        begun, count, open_ = loop.time(), 0, set()
        while not self.ends.is_set():
            task = asyncio.ensure_future(self.visit(PATHS[count % len(PATHS)]))
            open_.add(task)
            task.add_done_callback(open_.discard)
            count += 1
            await asyncio.sleep(max(0, begun + count / rate - loop.time()))
        await asyncio.gather(*open_)
        for one in work:
            one.cancel()
        print(json.dumps({"requests": self.requests, "failed": self.failed, "broken_sockets": self.broken}))


if __name__ == "__main__":
    asyncio.run(Visitors(sys.argv[1], sys.argv[2]).all(float(sys.argv[3]), int(sys.argv[4])))
