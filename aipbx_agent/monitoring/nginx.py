"""Figures of nginx: connections as it counts them itself, answers as its log shows them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from aipbx_agent.contract import NGINX_CONNECTIONS, NGINX_LOCAL
from aipbx_agent.core.config import Config
from aipbx_agent.core.docker import SECONDS
from aipbx_agent.core.metrics import sample
from aipbx_agent.core.process import run
from aipbx_agent.monitoring import access_log

PROC = Path("/proc")
_NUMBERS = re.compile(r"Active connections: (\d+)\s+server accepts handled requests\s+(\d+) (\d+) (\d+)")


def figures(config: Config, container: dict[str, Any]) -> Iterator[str]:
    """All of them.

    Args:
        config: the host's.
        container: nginx's, as `docker inspect` shows it.

    Raises:
        AgentError: it does not answer.
        OSError: its log cannot be read.
    """
    argv = ["nsenter", "--target", str(container["State"]["Pid"]), "--net", "curl", "--silent", "--max-time", "5"]
    yield from fullest_worker(container["State"]["Pid"])
    yield from connections(run([*argv, f"http://{NGINX_LOCAL}/status"], seconds=SECONDS).decode(errors="replace"))
    sums = access_log.counted(Path(container["LogPath"]), list(config.raw.get("slow_paths", [])))
    yield from answers(sums)


def fullest_worker(process: int) -> Iterator[str]:
    """How many connections the worker has that has most, upstream ones too; `stub_status` counts visitors' alone.

    Each worker may have as many: one that has all of them takes no visitor, whatever is left to another.

    Args:
        process: nginx's first, as the host counts.
    """
    with suppress(OSError):  # a reload has just ended one
        children = (PROC / str(process) / "task" / str(process) / "children").read_text("utf-8").split()
        # Beside connections a worker has a dozen files.
        most = max((len(list((PROC / child / "fd").iterdir())) for child in children), default=0)
        yield sample("aipbx_nginx_worker_connections", most)
        yield sample("aipbx_nginx_worker_connections_most", NGINX_CONNECTIONS)


def connections(status: str) -> Iterator[str]:
    """Of what `stub_status` prints."""
    if match := _NUMBERS.search(status):
        active, accepted, handled, requests = map(int, match.groups())
        yield sample("aipbx_nginx_connections", active)
        yield sample("aipbx_nginx_connections_most", NGINX_CONNECTIONS * (os.cpu_count() or 1))
        yield sample("aipbx_nginx_connections_dropped_total", accepted - handled)
        yield sample("aipbx_nginx_requests_total", requests)


def answers(sums: dict[str, Any]) -> Iterator[str]:
    """Of the sums of the log: a counter of each class of status, and a histogram of seconds."""
    for status in ("2xx", "3xx", "4xx", "5xx"):
        yield sample("aipbx_nginx_answers_total", sums["statuses"].get(status, 0), status=status)
    begin = "aipbx_nginx_answer_seconds"
    yield f"# TYPE {begin} histogram"
    for end, count in zip(access_log.BUCKETS, sums["buckets"], strict=True):
        yield sample(f"{begin}_bucket", count, le=f"{end:g}")
    yield sample(f"{begin}_bucket", sums["count"], le="+Inf")
    yield sample(f"{begin}_sum", sums["seconds"])
    yield sample(f"{begin}_count", sums["count"])
