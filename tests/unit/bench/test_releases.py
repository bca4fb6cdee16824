"""What a release cost, added up over hosts."""

from __future__ import annotations

import re
from typing import Any

from bench import releases
from lab.load import Met


def call(lost: int = 0, backends: int = 1, ended: str = "by the caller") -> dict[str, Any]:
    return {"sent": 500, "lost": lost, "backends": backends, "ended": ended}


def test_hosts_are_added_up() -> None:
    met = [Met(300, ["a", "b"], 20, [call(lost=7)]), Met(100, [], 1, [call(), call()])]
    one = releases.sample("manual", 12.34, 0.5, met)
    assert one == releases.Sample("manual", 2, 12.3, 400, ("a", "b"), 21, 1500, 7, 3, 1, 0.5)
    head, line = releases.table([one]).splitlines()
    assert head.split("  ")[-1].strip() == "load before"
    assert re.split(r" {2,}", line.strip())[2:] == ["12.3", "2 of 400", "21 of 40", "7 of 1500", "1 of 3", "0.5"]
