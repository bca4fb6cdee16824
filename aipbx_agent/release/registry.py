"""The application's images in their registry: what it has, and why it does not give one."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote

from aipbx_agent.core import docker, engine_api
from aipbx_agent.core.errors import Failed
from aipbx_agent.core.process import run

# GitHub's registry takes any name beside a token.
USER = "token"
# In the operator's environment, or in a run of CI's.
TOKEN = "AIPBX_REGISTRY_TOKEN"  # noqa: S105  a name
# A registry's words for a login that is missing, wrong or expired, or that may not read the package.
_DENIED = re.compile(r"denied|unauthorized|authentication required|no basic auth|docker login|forbidden", re.IGNORECASE)
_UNKNOWN = re.compile(r"manifest unknown|name unknown|not found|no such manifest", re.IGNORECASE)
# The kernel's words for a full disk, as Docker repeats them.
_FULL = "no space left on device"


@dataclass(frozen=True)
class Image:
    """An image of the application.

    Args:
        repository: the registry's name included.
        sha: the commit that its tag and its label name.
        digest: what it has to be; empty: as its registry says.
    """

    repository: str
    sha: str
    digest: str = ""

    @property
    def name(self) -> str:
        """As a release names it."""
        return f"{self.repository}:{self.sha}"

    @property
    def reference(self) -> str:
        """As it is pulled."""
        return f"{self.repository}@{self.digest}" if self.digest else self.name

    @property
    def is_here(self) -> bool:
        """Whether this host has it."""
        known = digests(self.name)
        return known is not None and (not self.digest or self.reference in known)


def digests(image: str) -> Collection[str] | None:
    """Return the names by digest of an image on this host; None: it is not here."""
    argv = ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", image]
    try:
        return list(json.loads(run(argv, seconds=docker.SECONDS)) or [])
    except Failed:
        return None


def digest(image: Image, token: str) -> str:
    """Ask the registry for the digest of an image.

    Raises:
        Failed: it does not say; `why` has its words.
    """
    path = f"/distribution/{quote(image.name, safe='')}/json"
    answer = engine_api.ask("GET", path, image.name, engine_api.login(USER, token))
    return str(answer["Descriptor"]["digest"])


def is_unknown(words: str) -> bool:
    """Whether a registry says that it has no such image."""
    return bool(_UNKNOWN.search(words))


def is_denied(words: str) -> bool:
    """Whether a registry says that it wants a login, or another one."""
    return bool(_DENIED.search(words)) and not is_unknown(words)


def advice(host: str, words: str, *, token: bool) -> str:
    """Return what to do about an image that a registry did not give.

    Args:
        words: Docker's, or the registry's.
        token: whether it was asked with one.
    """
    if _FULL in words:
        return f"Make room there (`df -h`; inv prune --host={host}), then run this again."
    if is_denied(words) and token:
        return (
            "Is the token whole, not expired, a classic one with read:packages, and is its owner let in to the "
            f"package? A public package needs none: unset {TOKEN}."
        )
    if is_denied(words):
        return f"The package is private, or does not exist: docs/deploy.md says how to give a token ({TOKEN})."
    if is_unknown(words):
        return "Has CI built and pushed this commit? Its run must be green first."
    return "Is the registry up, and does this host reach it?"
