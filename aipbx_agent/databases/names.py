"""What a restore calls the databases and folders that it makes beside the live ones."""

from __future__ import annotations

import re

# PostgreSQL's longest name, in bytes; MySQL's is 64 characters.
LONGEST = 63
RESTORED = "restore"  # loaded, and not in place yet
IMPORTED = "import"  # carried over from MySQL, and not in place yet
COPY = "ready"  # a copy of that, for a throwaway backend
BEFORE = "before"  # what was live until a restore
AFTER = "after"  # what a restore had brought, until it was undone
LOOK = "look"  # to inspect
_LABEL = r"\d{8}T\d{6}Z"


def database(live: str, kind: str, label: str) -> str:
    """Return the name of a database beside the live one, cut to what a server takes.

    Args:
        live: the live one's name.
        kind: RESTORED and the like.
        label: the set's name, or another moment in the same form.
    """
    tail = f"_{kind}_{label}"
    return live.encode()[: LONGEST - len(tail)].decode(errors="ignore") + tail


def left_over(live: str, existing: list[str]) -> list[str]:
    """Return those of these databases that only a restore or an import that is under way may have."""
    wanted = {name for name in existing if re.search(rf"_({RESTORED}|{IMPORTED}|{COPY})_{_LABEL}$", name)}
    return sorted(name for name in wanted if database(live, *name.rsplit("_", 2)[1:]) == name)


def folder(kind: str, label: str) -> str:
    """Return what a volume's folder is called beside the live `_data`."""
    return f"_data.{kind}-{label}"
