"""Stands in for Asterisk: enough of ARI to hand calls from one backend to another, and callers who send RTP.

Runs by itself on a machine of the lab (standard library only): `python3 pbx_stand_in.py PORT USER PASSWORD`. What it
keeps of Asterisk's ways: an application exists while a WebSocket holds its name; who comes last under a name has it;
a new call goes to the application that the dialplan's global names; a call for no one is lost.
Its own, below /stand-in: `POST /stand-in/keep?calls=5&seconds=10` keeps so many calls up, each of that length, new
ones coming as old ones end; `calls=0` lets them run out. `GET /stand-in/calls` tells what each of them met.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

PACKET_SECONDS = 0.02
# How long a packet's answer may take before it counts as lost, and a call to be answered before it counts as failed.
LATE_SECONDS = 10.0
ANSWER_SECONDS = 20.0
VOICE = bytes(160)
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass
class Call:
    """A call, and what its caller met."""

    name: str
    application: str
    seconds: float
    begun: float = field(default_factory=time.time)
    to: str = ""
    sent: int = 0
    received: set[int] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    ended: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return what the world is told of it."""
        return {
            "name": self.name,
            "application": self.application,
            "to": self.to,
            "sent": self.sent,
            "lost": self.sent - len(self.received),
            "first_lost": sorted(set(range(self.sent)) - self.received)[:5],
            "backends": len(self.sources),
            "ended": self.ended,
        }


class Caller(asyncio.DatagramProtocol):
    """Hears what comes back: its number, and the sender's mark (SSRC), which changes when another backend answers."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def datagram_received(self, data: bytes, _: object) -> None:
        """One packet."""
        self.call.received.add(struct.unpack("!I", data[4:8])[0])
        self.call.sources.add(data[8:12].hex())


class Pbx:
    """The exchange."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.applications: dict[str, asyncio.StreamWriter] = {}
        self.variables: dict[str, str] = {}
        self.live: dict[str, Call] = {}
        self.calls: list[Call] = []
        self.keep, self.seconds, self.number = 0, 10.0, 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def caller_comes(self) -> None:
        """New calls as long as too few are up."""
        while True:
            if len(self.live) < self.keep:
                self.number += 1
                call = Call(f"call-{self.number}", self.variables.get("AIBOT", "aiPBXBot"), self.seconds)
                self.calls.append(call)
                self.live[call.name] = call
                task = asyncio.create_task(self._through(call))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
            await asyncio.sleep(0.1)

    async def _through(self, call: Call) -> None:
        if not self.tell(call, "StasisStart"):
            call.ended = "nobody is registered"
        end = time.time() + ANSWER_SECONDS
        while not call.ended and not call.to:
            await asyncio.sleep(0.02)
            call.ended = call.ended or ("nobody answered" if time.time() > end else "")
        if not call.ended:
            await self._talk(call)
            call.ended = call.ended or "by the caller"
        del self.live[call.name]
        self.tell(call, "StasisEnd")

    async def _talk(self, call: Call) -> None:
        host, _, port = call.to.rpartition(":")
        loop = asyncio.get_running_loop()
        socket, _ = await loop.create_datagram_endpoint(lambda: Caller(call), local_addr=("0.0.0.0", 0))  # noqa: S104
        begun = loop.time()
        while loop.time() - begun < call.seconds and not call.ended:
            header = struct.pack("!BBHII", 0x80, 0, call.sent & 0xFFFF, call.sent, 0)
            socket.sendto(header + VOICE, (host, int(port)))
            call.sent += 1
            await asyncio.sleep(max(0, begun + call.sent * PACKET_SECONDS - loop.time()))
        late = loop.time() + LATE_SECONDS
        while len(call.received) < call.sent and loop.time() < late:
            await asyncio.sleep(0.05)
        socket.close()

    def tell(self, call: Call, kind: str) -> bool:
        """Tell a call's application of it; False when there is none."""
        socket = self.applications.get(call.application)
        if not socket:
            return False
        text = json.dumps({"type": kind, "application": call.application, "channel": {"id": call.name}}).encode()
        size = bytes([len(text)]) if len(text) < 126 else bytes([126]) + struct.pack("!H", len(text))
        socket.write(b"\x81" + size + text)
        return True

    def answer(self, method: str, path: str, query: dict[str, str]) -> tuple[int, object]:
        """Return what a request gets: status and content."""
        if path == "/stand-in/keep":
            self.keep, self.seconds = int(query["calls"]), float(query.get("seconds", 10))
            return 204, None
        if path == "/stand-in/calls":
            return 200, [call.as_dict() for call in self.calls]
        kind, _, name = path.strip("/").removeprefix("ari/").partition("/")
        if kind == "channels":
            return self._channels(method, name, query)
        if kind == "applications":
            if name not in self.applications:
                return 404, {"message": "Application not found"}
            return 200, {"name": name, "channel_ids": [c.name for c in self.live.values() if c.application == name]}
        if path.endswith("/asterisk/variable"):
            if method == "POST":
                self.variables[query["variable"]] = query["value"]
                return 204, None
            return 200, {"value": self.variables.get(query["variable"], "")}
        return 404, {"message": "Resource not found"}

    def _channels(self, method: str, name: str, query: dict[str, str]) -> tuple[int, object]:
        if method == "GET":
            return 200, [{"id": each, "state": "Up"} for each in self.live]
        call = self.live.get(query["channelId"] if name == "externalMedia" else name)
        if not call:
            return 404, {"message": "Channel not found"}
        if method == "DELETE":
            call.ended = "hung up"
            return 204, None
        call.to = query["external_host"]
        return 200, {"id": f"media-{call.name}"}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        given = (
            query.get("api_key") or base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode()
        )
        if given != self.key:
            self.respond(writer, 401, {"message": "Authentication required"})
        elif headers.get("upgrade", "").lower() == "websocket":
            await self.registered(reader, writer, query["app"], headers["sec-websocket-key"])
        else:
            self.respond(writer, *self.answer(method, unquote(parts.path), query))
        writer.close()

    def respond(self, writer: asyncio.StreamWriter, status: int, content: object) -> None:
        """Send an answer."""
        body = b"" if content is None else json.dumps(content).encode()
        head = f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)

    async def registered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str, key: str) -> None:
        """Hold an application's name as long as its WebSocket is there."""
        proof = base64.b64encode(hashlib.sha1(key.encode() + WEBSOCKET).digest()).decode()  # noqa: S324  RFC 6455
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(f"{head}Sec-WebSocket-Accept: {proof}\r\n\r\n".encode())
        self.applications[name] = writer
        try:
            while await reader.read(4096):
                pass
        except OSError:
            pass
        if self.applications.get(name) is writer:
            del self.applications[name]


async def main(port: int, key: str) -> None:
    """Answer until it is ended."""
    pbx = Pbx(key)
    server = await asyncio.start_server(pbx.serve, "0.0.0.0", port)  # noqa: S104
    async with server:
        await pbx.caller_comes()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), f"{sys.argv[2]}:{sys.argv[3]}"))
