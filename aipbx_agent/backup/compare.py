"""Whether a restored database holds what the manifest says, named table by table."""

from __future__ import annotations

from collections.abc import Mapping

from aipbx_agent.databases.contents import Contents

# So many differences are named; the rest is counted.
NAMED = 12


def differences(expected: Contents, actual: Contents) -> list[str]:
    """Return what is not as it was, a line each; empty when nothing was lost and nothing came in."""
    lines = _compared("table", expected.tables, actual.tables, "rows")
    lines += _compared("sequence", expected.sequences, actual.sequences, "as its last value")
    lines += [f"extension {name} is missing" for name in sorted(expected.extensions.keys() - actual.extensions.keys())]
    if expected.large_objects != actual.large_objects:
        lines.append(f"{actual.large_objects} large objects instead of {expected.large_objects}")
    lines += [
        f"{expected.programs[name]} {name} is missing" for name in sorted(expected.programs.keys() - actual.programs)
    ]
    if expected.views != actual.views:
        lines.append(f"{actual.views} views instead of {expected.views}")
    return lines


def properties(expected: Contents, actual: Contents) -> list[str]:
    """Return what the database itself has otherwise than it had; nothing where a set does not say (MySQL)."""
    if not expected.properties:
        return []
    names = sorted(expected.properties.keys() | actual.properties.keys())
    pairs = [(name, expected.properties.get(name, "none"), actual.properties.get(name, "none")) for name in names]
    return [f"{name}: {was}; now: {now}" for name, was, now in pairs if was != now]


def remarks(expected: Contents, actual: Contents) -> list[str]:
    """Return what differs and is no loss: a dump names an extension, and the server's image has its version."""
    both = sorted(expected.extensions.keys() & actual.extensions.keys())
    return [
        f"Extension {name} was {expected.extensions[name]} and is {actual.extensions[name]}."
        for name in both
        if expected.extensions[name] != actual.extensions[name]
    ]


def stays(contents: Contents) -> list[str]:
    """Return what a load leaves out, a line each."""
    return [f"Left out: the {what}. A restore does not bring it: create it again." for what in contents.stays]


def shown(lines: list[str]) -> str:
    """Differences in one line, the first of many."""
    more = len(lines) - NAMED
    return "; ".join(lines[:NAMED]) + (f"; and {more} more" if more > 0 else "")


def _compared(what: str, expected: Mapping[str, int], actual: Mapping[str, int], unit: str) -> list[str]:
    lines = []
    for name in sorted(expected.keys() | actual.keys()):
        if name not in actual:
            lines.append(f"{what} {name} is missing ({expected[name]} {unit})")
        elif name not in expected:
            lines.append(f"{what} {name} was not there before ({actual[name]} {unit})")
        elif expected[name] != actual[name]:
            lines.append(f"{what} {name} has {actual[name]} {unit} instead of {expected[name]}")
    return lines
