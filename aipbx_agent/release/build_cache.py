"""Docker's build cache: what builds on this host have left, and how much of it stays for the next one.

Asked of the Engine's API: the command line prints sizes as `8.1GB`, and its option for what stays has had three names.
"""

from __future__ import annotations

from aipbx_agent.core import engine_api

# Dependencies of both images, with npm's and apt's own caches: one build of each has left 2 GB.
KEPT = 4 << 30
_ABOUT = "its build cache"


def size() -> int:
    """Return its bytes, those left out that images have too.

    Raises:
        Failed: Docker does not answer.
    """
    cache = engine_api.ask("GET", "/system/df?type=build-cache", _ABOUT)["BuildCache"] or []
    return sum(record["Size"] for record in cache if not record["Shared"])


def prune() -> None:
    """Delete the parts of it that were not used for longest, down to `KEPT`.

    Raises:
        Failed: Docker does not answer.
    """
    engine_api.ask("POST", f"/build/prune?all=true&keep-storage={KEPT}", _ABOUT)
