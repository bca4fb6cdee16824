"""Whether a restored database holds what the manifest says, named table by table."""

from __future__ import annotations

from collections.abc import Mapping

from aipbx_agent.databases.contents import Contents

# So many differences are named; the rest is counted.
NAMED = 12


def differences(expected: Contents, found: Contents) -> list[str]:
    """What is not as it was, a line each; empty when nothing was lost and nothing came in."""
    lines = _compared("table", expected.tables, found.tables, "rows")
    lines += _compared("sequence", expected.sequences, found.sequences, "as its last value")
    lines += [f"extension {name} is missing" for name in sorted(expected.extensions.keys() - found.extensions.keys())]
    if expected.large_objects != found.large_objects:
        lines.append(f"{found.large_objects} large objects instead of {expected.large_objects}")
    lines += [
        f"{expected.programs[name]} {name} is missing" for name in sorted(expected.programs.keys() - found.programs)
    ]
    if expected.views != found.views:
        lines.append(f"{found.views} views instead of {expected.views}")
    return lines


def properties(expected: Contents, found: Contents) -> list[str]:
    """What the database itself has otherwise than it had; nothing where a set does not say (MySQL)."""
    if not expected.properties:
        return []
    names = sorted(expected.properties.keys() | found.properties.keys())
    pairs = [(name, expected.properties.get(name, "none"), found.properties.get(name, "none")) for name in names]
    return [f"{name}: {was}; now: {now}" for name, was, now in pairs if was != now]


def remarks(expected: Contents, found: Contents) -> list[str]:
    """What differs and is no loss: a dump names an extension, and the server's image has its version."""
    both = sorted(expected.extensions.keys() & found.extensions.keys())
    return [
        f"Extension {name} was {expected.extensions[name]} and is {found.extensions[name]}."
        for name in both
        if expected.extensions[name] != found.extensions[name]
    ]


def stays(contents: Contents) -> list[str]:
    """What a load leaves out, a line each."""
    return [f"Left out: the {what}. A restore does not bring it: create it again." for what in contents.stays]


def shown(lines: list[str]) -> str:
    """Differences in one line, the first of many."""
    more = len(lines) - NAMED
    return "; ".join(lines[:NAMED]) + (f"; and {more} more" if more > 0 else "")


def _compared(what: str, expected: Mapping[str, int], found: Mapping[str, int], unit: str) -> list[str]:
    lines = []
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            lines.append(f"{what} {name} is missing ({expected[name]} {unit})")
        elif name not in expected:
            lines.append(f"{what} {name} was not there before ({found[name]} {unit})")
        elif expected[name] != found[name]:
            lines.append(f"{what} {name} has {found[name]} {unit} instead of {expected[name]}")
    return lines
