"""Statuses and times of nginx's answers, counted in its log as it grows: nginx itself counts neither."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from aipbx_agent.core import files

STATE = Path("/var/lib/aipbx/access-log.json")
# templates/nginx/nginx.conf.j2, log_format aipbx
LINE = re.compile(
    r'^\S+ - - \[[^\]]*\] "\S+ (?P<path>\S*) [^"]*" (?P<status>\d{3}) \d+ "[^"]*" "[^"]*" \S+ (?P<seconds>[\d.]+) '
)
# Upper ends of the buckets, in seconds.
BUCKETS = (0.1, 0.3, 1.0, 3.0, 10.0)
# What is kept open on purpose says nothing of how long a visitor waits.
LONG = ("/socket.io/", "/ws/")
# After a night without a reader: what is read at once.
MOST_BYTES = 32 << 20


def counted(log: Path, slow_paths: list[str]) -> dict[str, Any]:
    """Count what the log has gained since the last time, and return the sums.

    Args:
        log: the file that Docker writes, a JSON object a line. What was written to one that Docker has put aside since
            the last time is not counted.
        slow_paths: beginnings of paths whose answers take long on purpose.
    """
    state = files.read_json(STATE)
    sums = {
        "statuses": dict(state.get("statuses", {})),
        "buckets": list(state.get("buckets", [0] * len(BUCKETS))),
        "count": state.get("count", 0),
        "seconds": state.get("seconds", 0.0),
    }
    about = log.stat()
    offset = state.get("offset", 0) if state.get("inode") == about.st_ino else 0
    # The first time of all, what is older is none of ours.
    offset = offset if state and offset <= about.st_size else about.st_size if not state else 0
    with log.open("rb") as file:
        file.seek(offset)
        read = file.read(MOST_BYTES)
    whole = read[: read.rfind(b"\n") + 1]
    for line in whole.splitlines():
        _count(sums, _text(line), (*LONG, *slow_paths))
    files.write_json(STATE, {**sums, "inode": about.st_ino, "offset": offset + len(whole)})
    return sums


def _text(line: bytes) -> str:
    try:
        return str(json.loads(line)["log"])
    except (ValueError, KeyError, TypeError):
        return ""


def _count(sums: dict[str, Any], text: str, long: tuple[str, ...]) -> None:
    matched = LINE.match(text)
    if not matched:
        return
    kind = f"{matched['status'][0]}xx"
    sums["statuses"][kind] = sums["statuses"].get(kind, 0) + 1
    if matched["path"].startswith(long):
        return
    seconds = float(matched["seconds"])
    sums["count"] += 1
    sums["seconds"] = round(sums["seconds"] + seconds, 3)
    for number, end in enumerate(BUCKETS):
        sums["buckets"][number] += seconds <= end
