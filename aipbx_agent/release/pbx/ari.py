"""Asterisk's REST interface, as far as a switch needs it: who is registered, who gets new calls, who has old ones."""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, cast

from aipbx_agent.contract import ARI_VARIABLE
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.core.text import one_line
from aipbx_agent.release.pbx import own_addresses

SECONDS = 15
# What an answer may be at most: a thousand calls are some 50 KiB.
LIMIT = 1 << 20
GONE = 404
# Of what a stranger's PBX may name: calls that any real one can have, and words that fit on a screen.
MOST_CALLS, MOST_WORDS = 2000, 200
# Of each family. A name may have any number of addresses, and each may be silent until the time is over.
ADDRESSES = 2


class _Stays(urllib.request.HTTPRedirectHandler):
    """A password goes where it was meant to go, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


class _InTime(io.RawIOBase):
    """A socket read until a deadline: its own timeout begins again with every byte."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket) -> None:
        self._raw, self._connection = raw, connection
        self._end = time.monotonic() + (connection.gettimeout() or SECONDS)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what there is."""
        remaining = self._end - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(remaining)
        return cast("int | None", self._raw.readinto(buffer))

    def close(self) -> None:
        """Close the socket as well."""
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer whose headers and content come before one deadline."""

    def __init__(self, sock: socket.socket, *arguments: Any, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        self.fp = io.BufferedReader(_InTime(self.fp.detach(), sock))


class _Connection(http.client.HTTPConnection):
    response_class = _Answer


class _SecureConnection(http.client.HTTPSConnection):
    response_class = _Answer


def _connected(host: str, port: int, seconds: float) -> socket.socket:
    """Connect to one of a name's first addresses, which share the time."""
    problem = OSError("the name has no address")
    addresses = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    first = [
        info
        for kind in (socket.AF_INET6, socket.AF_INET)
        for info in [f for f in addresses if f[0] == kind][:ADDRESSES]
    ]
    for family, kind, protocol, _, address in first:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(seconds / len(first))
            connection.connect(address)
        except OSError as failed:
            connection.close()
            problem = failed
        else:
            connection.settimeout(seconds)
            return connection
    raise problem


class _Foreign(http.client.HTTPConnection):
    """A connection that ends where it turns out to lead to this host or its cloud, before anything is asked.

    A name that was checked before may lead somewhere else by now: only the connection itself says where it went.
    """

    response_class = _Answer

    def connect(self) -> None:
        """Connect, and look where that led."""
        self.sock = _connected(self.host, self.port, self.timeout or SECONDS)
        if own_addresses.is_own(self.sock.getpeername()[0]):
            self.close()
            raise OSError("its address is this host's own or its cloud's")


class _SecureForeign(http.client.HTTPSConnection, _Foreign):
    """The same over TLS: checked before the handshake."""


def _opener(
    plain: type[http.client.HTTPConnection],
    secure: type[http.client.HTTPSConnection],
    *more: urllib.request.BaseHandler,
) -> urllib.request.OpenerDirector:
    """Return what asks over connections of these kinds."""

    class Http(urllib.request.HTTPHandler):
        def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(plain, request)

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(secure, request)

    return urllib.request.build_opener(_Stays, Http, Https, *more)


_OPENER = _opener(_Connection, _SecureConnection)
# Without a proxy of the environment's, which would connect in our place.
_FOREIGN = _opener(_Foreign, _SecureForeign, urllib.request.ProxyHandler({}))


class Ari:
    """The PBX of this host.

    Args:
        url: where its ARI is, as `https://pbx.example:8089/ari`.
        user, password: of ari.conf; they travel in a header.
        variable: the dialplan's global that its Stasis() names.
        seconds: how long an answer may take.
        foreign: whether the URL is a stranger's, so that it must not lead to this host or its cloud.
    """

    def __init__(
        self, url: str, user: str, password: str, variable: str, seconds: float = SECONDS, *, foreign: bool = False
    ) -> None:
        self.url, self.variable, self.seconds = url.rstrip("/"), variable, seconds
        self._opener = _FOREIGN if foreign else _OPENER
        self._header = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    @classmethod
    def of(cls, config: Config) -> Ari | None:
        """Return the PBX that this host is configured for; None without one."""
        if not config.hands_over:
            return None
        url, user, password = (config.secrets[name] for name in ("ARI_URL", "ARI_USER", "ARI_PASSWORD"))
        return cls(url, user, password, ARI_VARIABLE)

    def channels(self, application: str) -> list[str] | None:
        """Return the calls of an application; None when no one is registered under that name."""
        answer = self._ask("GET", f"/applications/{urllib.parse.quote(application, safe='')}")
        if answer is None:
            return None
        if not isinstance(calls := answer.get("channel_ids", []), list):
            raise self._silent("it names no list of calls")
        if len(calls) > MOST_CALLS:
            raise self._silent(f"it names {len(calls)} calls")
        return [str(call) for call in calls]

    def gets_new_calls(self) -> str:
        """Return the application that the dialplan names now; empty when the global was never set."""
        answer = self._ask("GET", f"/asterisk/variable?{urllib.parse.urlencode({'variable': self.variable})}")
        return str((answer or {}).get("value") or "")

    def hand_over(self, application: str) -> None:
        """Let an application get every new call."""
        query = urllib.parse.urlencode({"variable": self.variable, "value": application})
        self._ask("POST", f"/asterisk/variable?{query}")

    def hang_up(self, channel: str) -> None:
        """End a call; nothing happens when it has ended."""
        self._ask("DELETE", f"/channels/{urllib.parse.quote(channel, safe='')}")

    def _ask(self, method: str, path: str) -> dict[str, Any] | None:
        try:
            request = urllib.request.Request(  # noqa: S310  the format of ARI_URL was checked before it was pushed
                self.url + path, method=method, headers={"Authorization": self._header}
            )
            with self._opener.open(request, timeout=self.seconds) as answer:
                content = answer.read(LIMIT + 1)
            if len(content) > LIMIT:
                raise ValueError(f"of an answer of more than {LIMIT} bytes")
            if answer.length:
                raise http.client.IncompleteRead(content, answer.length)
            parsed = json.loads(content) if content else {}
        except urllib.error.HTTPError as problem:
            if problem.code == GONE:
                return None
            raise self._silent(
                f"{method} {path.partition('?')[0]} was answered {problem.code} {problem.reason}"
            ) from None
        except urllib.error.URLError as problem:
            raise self._silent(str(problem.reason)) from None
        # RecursionError: of an answer that is nested as deeply as no PBX's is.
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as problem:
            raise self._silent(f"{type(problem).__name__} {problem}") from None
        return parsed if isinstance(parsed, dict) else {}

    def _silent(self, why: str) -> Failed:
        return Failed(
            f"The PBX refuses requests at {one_line(self.url, MOST_WORDS)}.",
            one_line(why, MOST_WORDS),
            "Check Asterisk's http.conf and ari.conf, and ARI_* (inv env.edit, inv env.push).",
        )
