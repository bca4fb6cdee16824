"""People who use a host from outside: visitors with requests and WebSockets, callers through a stand-in of the PBX."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import wait
from lab.world import pbx_stand_in, visitors

if TYPE_CHECKING:
    from lab.machines.host import Host
    from lab.running import Running

_COLUMNS = 'name, location, sip_host, "uniqueId", ari_url, ari_user, password, "createdAt", "updatedAt"'
PORT, USER, PASSWORD = 8088, "fleet", "s3cret-of-the-story"


@dataclass(frozen=True)
class Pbx:
    """The stand-in for Asterisk, on the machine outside.

    Args:
        lab: the lab.
        port: its own, where there are several.
    """

    lab: Running
    port: int = PORT

    def start(self) -> None:
        """Let it run, again."""
        client, name = self.lab.client, f"/root/pbx-{self.port}"
        client.run(f"cat >{name}.py", stdin=Path(pbx_stand_in.__file__).read_bytes())
        client.run(f"[ ! -e {name}.pid ] || kill $(cat {name}.pid)", check=False)  # a run that was cut off left it
        words = f"python3 {name}.py {self.port} {USER} {PASSWORD}"
        client.run(f"setsid {words} >{name}.log 2>&1 & echo $! >{name}.pid")

    def stop(self) -> None:
        """End it."""
        self.lab.client.run(f"kill $(cat /root/pbx-{self.port}.pid)")

    @property
    def variables(self) -> dict[str, str]:
        """What the env file of its host says of it."""
        return {"ARI_URL": self.url, "ARI_USER": USER, "ARI_PASSWORD": PASSWORD}

    @property
    def url(self) -> str:
        """Where its ARI is."""
        return f"http://{self.lab.client.address4}:{self.port}/ari"

    def enter(self, host: Host) -> None:
        """Enter it in the application's table of PBXs, as its administrator does; the application finds it there."""
        name, now = f"pbx-{self.port}", "now()"
        values = [name, "lab", f"{self.lab.client.address4}:{self.port}", name, self.url, USER, PASSWORD]
        given = ", ".join([*(f"'{value}'" for value in values), now, now])
        self._sql(host, f'INSERT INTO "PbxServers" ({_COLUMNS}) VALUES ({given}) ON CONFLICT DO NOTHING')  # noqa: S608

    def take_out(self, host: Host) -> None:
        """Take it out of that table."""
        self._sql(host, f"DELETE FROM \"PbxServers\" WHERE ari_url = '{self.url}'")  # noqa: S608

    def _sql(self, host: Host, sql: str) -> None:
        host.run("docker exec -i aipbx-postgres-1 psql -q -U aipbx_user -d aipbx_production", stdin=sql.encode())

    def ask(self, path: str, method: str = "GET") -> Any:
        """Return what it answers."""
        words = ["curl", "-sS", "-u", f"{USER}:{PASSWORD}", "-X", method, f"http://127.0.0.1:{self.port}{path}"]
        output = self.lab.client.run(shlex.join(words)).stdout
        return json.loads(output) if output else None

    def calls(self) -> list[dict[str, Any]]:
        """All calls so far."""
        found: list[dict[str, Any]] = self.ask("/stand-in/calls")
        return found

    def keep(self, calls: int, seconds: float) -> None:
        """So many at a time, of so many seconds each, new ones as old ones end."""
        self.ask(f"/stand-in/keep?calls={calls}&seconds={seconds}", "POST")
        if calls:
            wait.until(lambda: len(self.ask("/ari/channels")) == calls, 20, "they call", "look at the stand-in")


@dataclass
class Met:
    """What visitors and callers met."""

    requests: int = 0
    failed: list[str] = field(default_factory=list)
    broken_sockets: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def broken_calls(self) -> list[dict[str, Any]]:
        """Those that did not end as their callers wanted, lost a packet, or moved to another backend."""
        return [c for c in self.calls if c["ended"] != "by the caller" or c["lost"] or c["backends"] != 1]


@contextmanager
def on(host: Host, pbx: Pbx, *, visits: float, sockets: int, calls: int, seconds: float) -> Iterator[Met]:
    """People use a host within this block; what they met is known after it.

    Args:
        pbx: its PBX.
        visits: requests a second.
        sockets: WebSockets that stay.
        calls: calls at a time.
        seconds: how long each of them is.
    """
    lab, met = pbx.lab, Met()
    lab.client.run("cat >/root/visitors.py", stdin=Path(visitors.__file__).read_bytes())
    words = ["docker", "-H", lab.docker.address, "exec", "-i", lab.client.container, "python3", "/root/visitors.py"]
    words += [host.name, host.address4, str(visits), str(sockets)]
    here = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    begun = len(pbx.calls())
    pbx.keep(calls, seconds)
    try:
        yield met
    finally:
        pbx.keep(0, seconds)
        measured = json.loads(here.communicate(timeout=60)[0])
    wait.until(lambda: not pbx.ask("/ari/channels"), 60, "all calls have ended", "look at the stand-in")
    met.requests, met.failed, met.broken_sockets = measured["requests"], measured["failed"], measured["broken_sockets"]
    met.calls = pbx.calls()[begun:]
