"""What visitors and callers meet while a release comes: `inv deploy` beside `docker compose up -d --force-recreate`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from bench import process
from fleet.env.dotenv import dotenv_file
from lab import load, wait
from lab.load import Met, Pbx
from lab.machines.host import Host
from lab.progress import Steps
from lab.running import Running

Side = Literal["inv deploy", "manual"]

VISITS_A_SECOND, SOCKETS, CALLS, CALL_SECONDS = 100, 20, 5, 10
# Load before and after, so that a boot that continues behind a command's back counts.
AROUND_SECONDS = 5
BACK_SECONDS = 120
# Calls end long before that; a shorter drain may begin closer to a timer (application_timers), and then it waits.
DEPLOY = ("--drain-timeout=60", "--wait", "--yes")
# What one types without this project, for the services that a release changes: the same files and variables.
MANUAL = """
import sys
sys.path.insert(0, "/usr/local/lib/aipbx/agent")
from aipbx_agent.contract import SERVICES
from aipbx_agent.core import config
from aipbx_agent.release.containers import colours
here = config.load(stack=True)
here.raw["switch_mode"] = "colours"  # so that it registers with the PBX under the name that it had
for service in SERVICES:
    colours.start(here, colours.serving(here, service), here.app / "images.env")
"""


@dataclass(frozen=True)
class Sample:
    """What one release cost.

    Attributes:
        side: how it came.
        hosts: to how many hosts.
        seconds: from the command to its end and to the public name's answer.
        requests: of visitors.
        failed: those that were not answered, or with a 5xx or 429: when, what, why.
        sockets: WebSockets that broke, of SOCKETS for each host.
        packets, lost: of RTP.
        calls, broken: calls; those that lost a packet, moved, or did not end as their caller wanted.
        load: average before.
    """

    side: Side
    hosts: int
    seconds: float
    requests: int
    failed: tuple[str, ...]
    sockets: int
    packets: int
    lost: int
    calls: int
    broken: int
    load: float


def sample(side: Side, seconds: float, load_before: float, met: Sequence[Met]) -> Sample:
    """Add up what was met on each host."""
    calls = [call for one in met for call in one.calls]
    return Sample(
        side=side,
        hosts=len(met),
        seconds=round(seconds, 1),
        requests=sum(one.requests for one in met),
        failed=tuple(reason for one in met for reason in one.failed),
        sockets=sum(one.broken_sockets for one in met),
        packets=sum(call["sent"] for call in calls),
        lost=sum(call["lost"] for call in calls),
        calls=len(calls),
        broken=sum(len(one.broken_calls) for one in met),
        load=load_before,
    )


def table(samples: Sequence[Sample]) -> str:
    """Return the comparison as text, a line for each release."""
    lines = [("", "hosts", "s", "requests failed", "WebSockets broken", "packets lost", "calls broken", "load before")]
    for one in samples:
        of = (f"{len(one.failed)} of {one.requests}", f"{one.sockets} of {SOCKETS * one.hosts}")
        heard = (f"{one.lost} of {one.packets}", f"{one.broken} of {one.calls}")
        lines.append((one.side, str(one.hosts), f"{one.seconds:.1f}", *of, *heard, f"{one.load:.1f}"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def measure(lab: Running, steps: Steps) -> list[Sample]:
    """Measure both on one host, and ours on all at once.

    Args:
        lab: the lab, after `make demo`.
        steps: shows what happens.

    Raises:
        LabError: the lab has a problem.
        OperatorError: a command failed, or a host did not answer again.
    """
    exchanges = {host.name: Pbx(lab, load.PORT + number) for number, host in enumerate(lab.hosts)}
    for name, exchange in exchanges.items():
        exchange.start()
        _know(lab, name, exchange)
        exchange.enter(lab.host(name))
    _typed(lab, "env.push", "--host=all", "--yes")
    _typed(lab, "deploy", "--host=all", "--now", "--yes")
    hosts = lab.hosts
    one = hosts[0]
    ways: list[tuple[Side, list[Host], Callable[[], object]]] = [
        ("manual", [one], lambda: one.run("python3 -", 300, stdin=MANUAL.encode())),
        ("inv deploy", [one], lambda: _typed(lab, "deploy", f"--host={one.name}", *DEPLOY)),
        ("inv deploy", hosts, lambda: _typed(lab, "deploy", "--host=all", *DEPLOY)),
    ]
    found = []
    try:
        for side, some, act in ways:
            found.append(_measured(side, some, exchanges, act))
            steps.say(f"{side}, {len(some)} hosts: {asdict(found[-1])}")
    finally:
        for exchange in exchanges.values():
            exchange.stop()
    return found


def _measured(side: Side, hosts: Sequence[Host], pbxs: dict[str, Pbx], act: Callable[[], object]) -> Sample:
    before = os.getloadavg()[0]
    with ExitStack() as stack:
        known = {"visits": VISITS_A_SECOND, "sockets": SOCKETS, "calls": CALLS, "seconds": CALL_SECONDS}
        met = [stack.enter_context(load.on(host, pbxs[host.name], **known)) for host in hosts]
        time.sleep(AROUND_SECONDS)
        began = time.perf_counter()
        act()
        for host in hosts:
            wait.until(partial(_answers, host), BACK_SECONDS, f"{host.name} answers again", "inv status")
        seconds = time.perf_counter() - began
        time.sleep(AROUND_SECONDS)
    return sample(side, seconds, before, met)


def _answers(host: Host) -> bool:
    url = f"https://{host.name}/api/prices/public"
    words = f"curl -sk -o /dev/null -m 5 -w '%{{http_code}}' --resolve {host.name}:443:127.0.0.1 {url}"
    return host.run(words, check=False).stdout in {"200", "404"}


def _know(lab: Running, host: str, pbx: Pbx) -> None:
    path = lab.lab.directory / "env" / f"{host}.env"
    lines = [line for line in path.read_text("utf-8").splitlines() if line.partition("=")[0] not in pbx.variables]
    lines += [dotenv_file.assignment(name, value) for name, value in pbx.variables.items()]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _typed(lab: Running, *words: str) -> None:
    folder = lab.lab.directory
    process.run(
        [str(Path(sys.executable).with_name("inv")), *words],
        folder=lab.lab.root,
        environment={**os.environ, "AIPBX_SSH_CONFIG": str(folder / "ssh_config")},
        log=folder / "bench-failed.log",
    )
