"""GitHub's REST API: one request at a time, each with a deadline. The token goes to this one address only."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from email.message import Message
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError

from fleet.env.secret_store.deadline import within
from fleet.errors import OperatorError

ADDRESS = "https://api.github.com"
SECONDS = 15.0
# As many entries of a list as GitHub gives at once.
PAGE = 100
LOGIN = "Give it to this one command: GITHUB_TOKEN=$(gh auth token) inv github.…"
PERMISSIONS = "Administration, Environments and Secrets (write) and Actions (read)"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to another address."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


class Api:
    """The API, with one token."""

    def __init__(self, token: str, seconds: float = SECONDS) -> None:
        self._token, self._seconds = token, seconds
        self._opener = urllib.request.build_opener(_NoRedirect)

    def get(self, path: str, *fields: str) -> dict[str, Any]:
        """Return what is there, with these fields.

        Raises:
            OperatorError: GitHub cannot be reached, or refuses.
        """
        answer = self._answer("GET", path)
        if not isinstance(answer, dict) or not answer.keys() >= set(fields):
            raise _unreachable("What answers there is not GitHub's API.")
        return answer

    def entries(self, path: str, field: str) -> list[dict[str, Any]]:
        """Return all entries of a list, which comes in pages."""
        collected: list[dict[str, Any]] = []
        for number in range(1, 1000):
            page = self.get(f"{path}?per_page={PAGE}&page={number}", field)[field]
            collected += page
            if len(page) < PAGE:
                break
        return collected

    def send(self, method: str, path: str, content: dict[str, Any]) -> None:
        """Create or replace something.

        Raises:
            OperatorError: GitHub cannot be reached, or refuses.
        """
        self._answer(method, path, json.dumps(content).encode())

    def _answer(self, method: str, path: str, body: bytes | None = None) -> Any:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "User-Agent": "aipbx-fleet",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        request = urllib.request.Request(f"{ADDRESS}{path}", body, headers, method=method)  # noqa: S310  https, by ADDRESS
        try:
            return within(self._seconds, lambda: self._read(request))
        except HTTPError as error:
            raise _refusal(error.code, error.headers, path) from None
        except TimeoutError:
            raise _unreachable(f"No answer within {self._seconds:g} s.") from None
        except URLError as error:
            raise _unreachable(f"No connection: {error.reason}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise _unreachable(f"Its answer cannot be read ({type(error).__name__}).") from None

    def _read(self, request: urllib.request.Request) -> Any:
        with self._opener.open(request, timeout=self._seconds) as answer:
            return json.loads(answer.read() or b"{}")


def of_environment() -> Api:
    """Return the API with the token of this shell.

    Raises:
        OperatorError: there is none.
    """
    token = (os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN") or "").strip()
    if not token:
        raise OperatorError(
            "There is no token for GitHub.",
            "It comes from GITHUB_TOKEN or GH_TOKEN in the environment, never from the command line.",
            LOGIN,
        )
    return Api(token)


def _refusal(status: int, headers: Message, path: str) -> OperatorError:
    """Return what a status means. GitHub's own text is not shown: it may quote what was sent."""
    repository = "/".join(path.split("?")[0].split("/")[2:4])
    if status == 429 or headers.get("Retry-After") or (status == 403 and headers.get("X-RateLimit-Remaining") == "0"):
        return OperatorError(
            "GitHub accepts no more requests of this token for now.",
            f"Its rate limit is used up; it ends in {_wait(headers)}.",
            "Run this again then.",
        )
    if status == 401:
        return OperatorError("GitHub does not accept the token.", "It has expired, or was revoked (401).", LOGIN)
    if status == 403:
        return OperatorError(
            f"{repository}: the token may not do this.",
            f"GitHub answered 403 to {path.split('?')[0]}.",
            f"Give it {PERMISSIONS} of this repository; a classic token needs `repo`.",
        )
    if status in (301, 302, 307, 308, 404):
        return OperatorError(
            f"{repository}: GitHub has no such repository for this token.",
            f"It was renamed, or the token cannot see it ({status}).",
            "Compare backend_repository and frontend_repository in group_data/all.py, and the token's repositories.",
        )
    if status == 422:
        return OperatorError(
            f"{repository}: GitHub does not accept this.",
            f"Environments and their branches in a private repository need a paid plan ({status}).",
            "See the billing settings of its owner at GitHub; public repositories need no paid plan.",
        )
    return OperatorError(
        f"{repository}: GitHub answered with an error.",
        f"Status {status} to {path.split('?')[0]}.",
        "https://www.githubstatus.com shows disturbances; then run this again.",
    )


def _wait(headers: Message) -> str:
    """Return how long a rate limit lasts, as people read it."""
    try:
        seconds = float(headers.get("Retry-After") or float(headers.get("X-RateLimit-Reset") or "") - time.time())
    except ValueError:
        return "an hour at most"
    return f"{max(1, round(seconds / 60))} min"


def _unreachable(why: str) -> OperatorError:
    return OperatorError(
        f"GitHub cannot be reached: {ADDRESS}", why, "Check this machine's network (HTTPS_PROXY); then run this again."
    )
