"""Old copies of sets are deleted: by this host where its store lets it, by the peer's own root where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from aipbx_agent.backup import retention, sets
from aipbx_agent.core import events
from aipbx_agent.offsite import stored
from aipbx_agent.stores.base import Copies


def prune(kept: Copies, keep: Mapping[str, int], moments: Mapping[str, datetime] | None = None) -> list[str]:
    """Delete the copies of a store that are old.

    Args:
        kept: the store.
        keep: how many days, weeks and months keep their newest copy.
        moments: when copies were taken, by the set's name, where the name itself is not to be trusted.

    Returns: the names of the sets whose copies are gone.
    """
    whole = [copy for copy in stored.copies(kept) if copy["whole"]]
    taken = {copy["name"]: (moments or {}).get(copy["name"]) or sets.moment_of(copy["name"]) for copy in whole}
    expired = sorted(set(taken) - retention.kept(taken, keep, [copy["name"] for copy in whole if copy["verified"]]))
    names = kept.names("sets") if expired else {}
    for name in expired:
        # Its description first: without it, what is left is no copy.
        for file in (stored.label(name), stored.verified(name), stored.sealed(name)):
            if file in names:
                kept.remove(f"sets/{file}")
        events.note(f"{kept.where}: deleted {name}, which is too old")
    return expired
