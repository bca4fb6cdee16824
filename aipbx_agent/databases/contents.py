"""What a database holds: enough to tell whether a restored one is the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Contents:
    """What a database holds: enough to tell whether a restored one is the same.

    Args:
        tables: rows by `schema.table` (MySQL: by table).
        sequences: last value by name, where it was used.
        extensions: version by name.
        large_objects: how many.
        views: how many views and materialized views.
        programs: MySQL's triggers, procedures, functions and events: what each is, by name.
        properties: what the database itself has, as people read it, by name: locale, limits, comment, settings, rights.
        roles: those that it needs, without passwords (databases/postgres/properties.py).
        stays: what a load leaves out.
    """

    tables: dict[str, int]
    sequences: dict[str, int] = field(default_factory=dict)
    extensions: dict[str, str] = field(default_factory=dict)
    large_objects: int = 0
    views: int = 0
    programs: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    stays: list[str] = field(default_factory=list)
