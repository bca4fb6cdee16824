"""What a failing story leaves to find out why: its commands and their output, and what each host of the lab said."""

from __future__ import annotations

import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lab import running
from lab.errors import LabError
from lab.machines.host import Host
from lab.topology import Lab

FOLDER = "failed"
# Since the story began: the journal, processes, containers, and what those said.
HOST_SAYS = """
date --utc --iso-8601=ns; uptime; df -h / /var/lib/docker
ps -eo pid,ppid,etimes,stat,wchan:20,args --forest
docker ps --all
cat /proc/locks
for container in $(docker ps --all --quiet); do
	docker inspect --format '=== {{{{.Name}}}} {{{{json .State}}}} {{{{json .NetworkSettings.Networks}}}}' $container
	timeout 10 docker logs --timestamps --since {since} $container
done
docker exec aipbx-postgres-1 psql -U aipbx_admin -d postgres -xc 'SELECT * FROM pg_stat_activity'
journalctl --no-pager --output short-precise --since @{since}
"""


@dataclass
class Commands:
    """What operators typed in the story that runs, and what they read."""

    began: float = 0
    done: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Forget those of the story before."""
        self.began = time.time()
        self.done.clear()

    def add(self, command: list[str], code: int | None, output: str) -> None:
        """Record one; without an exit code it did not end in time."""
        at = time.strftime("%H:%M:%S", time.gmtime())
        self.done.append(f"{at} $ {' '.join(command)}\n{output}\nexit code: {code}\n")


COMMANDS = Commands()


def folder(story: str) -> Path:
    """Where a story's evidence is kept."""
    name = re.sub(r"[^\w.-]+", "-", story.removeprefix("tests/lab/")).strip("-")
    return Lab.here().directory / FOLDER / name[:120]


def keep(story: str, report: str) -> Path:
    """Write down everything about a story that has just failed, before anything is cleaned up.

    Args:
        story: pytest's name for it.
        report: what pytest says of it.
    """
    kept = folder(story)
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    (kept / "report.txt").write_text(report)
    (kept / "commands.txt").write_text("\n".join(COMMANDS.done))
    with suppress(LabError):  # without its engine a lab says nothing
        up = running.current(Lab.here())
        for host in up.running_hosts if up else []:
            (kept / f"{host.name}.txt").write_text(_said(host))
    return kept


def _said(host: Host) -> str:
    script = HOST_SAYS.format(since=int(COMMANDS.began))
    try:
        return host.run(f"{{ {script} }} 2>&1", check=False, timeout=120).stdout
    except LabError as problem:  # a host that hangs is what failed, perhaps; the run goes on
        return str(problem)
