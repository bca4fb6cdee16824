"""Asterisk's REST interface, as far as a switch needs it: who is registered, who gets new calls, who has old ones."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from aipbx_data.config import Config
from aipbx_data.errors import Failed

SECONDS = 15
GONE = 404


class _Stays(urllib.request.HTTPRedirectHandler):
    """A password goes where it was meant to go, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


_OPENER = urllib.request.build_opener(_Stays)


class Ari:
    """The PBX of this host.

    Args:
        url: where its ARI is, as `https://pbx.example:8089/ari`.
        user, password: of ari.conf; they travel in a header.
        variable: the dialplan's global that its Stasis() names.
        seconds: how long an answer may take.
    """

    def __init__(self, url: str, user: str, password: str, variable: str, seconds: float = SECONDS) -> None:
        self.url, self.variable, self.seconds = url.rstrip("/"), variable, seconds
        self._header = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    @classmethod
    def of(cls, config: Config) -> Ari | None:
        """The PBX that this host was told of; None when it was told of none."""
        if not config.hands_over:
            return None
        url, user, password = (config.secrets[name] for name in ("ARI_URL", "ARI_USER", "ARI_PASSWORD"))
        return cls(url, user, password, str(config.raw["ari_variable"]))

    def channels(self, application: str) -> list[str] | None:
        """The calls of an application; None when nobody is registered under that name."""
        found = self._ask("GET", f"/applications/{urllib.parse.quote(application, safe='')}")
        return None if found is None else [str(one) for one in found.get("channel_ids", [])]

    def gets_new_calls(self) -> str:
        """The application that the dialplan names now; empty when the global was never set."""
        found = self._ask("GET", f"/asterisk/variable?{urllib.parse.urlencode({'variable': self.variable})}")
        return str((found or {}).get("value") or "")

    def hand_over(self, application: str) -> None:
        """Let an application get every new call."""
        query = urllib.parse.urlencode({"variable": self.variable, "value": application})
        self._ask("POST", f"/asterisk/variable?{query}")

    def hang_up(self, channel: str) -> None:
        """End a call; nothing happens when it has ended."""
        self._ask("DELETE", f"/channels/{urllib.parse.quote(channel, safe='')}")

    def _ask(self, method: str, path: str) -> dict[str, Any] | None:
        request = urllib.request.Request(  # noqa: S310  the format of ARI_URL was checked before it was pushed
            self.url + path, method=method, headers={"Authorization": self._header}
        )
        try:
            with _OPENER.open(request, timeout=self.seconds) as answer:
                content = answer.read()
            told = json.loads(content) if content else {}
        except urllib.error.HTTPError as problem:
            if problem.code == GONE:
                return None
            raise self._silent(
                f"{method} {path.partition('?')[0]} was answered {problem.code} {problem.reason}"
            ) from None
        except urllib.error.URLError as problem:
            raise self._silent(str(problem.reason)) from None
        except (OSError, ValueError, http.client.HTTPException) as problem:
            raise self._silent(f"{type(problem).__name__} {problem}") from None
        return told if isinstance(told, dict) else {}

    def _silent(self, why: str) -> Failed:
        return Failed(
            f"The PBX does not do what it is asked at {self.url}.",
            why,
            "Look at Asterisk's http.conf and ari.conf, and at ARI_* (inv env.edit, inv env.push).",
        )
