"""Tables in a narrow terminal."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table

from fleet import tables


def test_what_is_to_be_typed_is_never_cut() -> None:
    table = Table(*tables.typed("host", "set (UTC)"), "age", "size", "rows", "release", "verified", "off-site")
    many = ["3 h", "1.4 GiB", "1200000", "backend aaaaaaaa, frontend bbbbbbbb", "2026-11-23 03:00", "2026-11-23 03:00"]
    table.add_row("aipbx.org", "20261123T030000Z", *many)
    narrow = Console(file=io.StringIO(), width=80, force_terminal=True)
    narrow.print(table)
    assert "20261123T030000Z" in narrow.file.getvalue()  # type: ignore[attr-defined]
