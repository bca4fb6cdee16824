"""`make bench`: how long `inv --list` takes; pyinfra and Ansible bring hosts to the same state; and backups."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import backup, data, releases, results, startup, tests, throughput
from bench.measure import Bench
from bench.results import Sample, Tool
from bench.startup import Startup
from fleet.checkout import operator_keys
from fleet.errors import OperatorError
from fleet.inventory import hosts
from lab import demo, lifecycle, running
from lab.access import guard
from lab.progress import Steps
from lab.topology import Lab

TOOLS: tuple[Tool, ...] = ("pyinfra", "Ansible")


def compare(bench: Bench, fleet: list[str], repeats: int) -> tuple[list[Sample], dict[str, list[str]], int]:
    """Measure both tools, first on fresh hosts, then on converged ones.

    Args:
        bench: what runs them.
        fleet: the hosts; measured are the first one alone, and all of them.
        repeats: how often the no-op is measured.

    Returns: the runs; what pyinfra would still change after Ansible; and how many operations it checked.
    """
    sizes = (fleet[:1], fleet)
    samples = [bench.first(tool, some) for some in sizes for tool in TOOLS]
    differences, operations = bench.differences(fleet)
    if differences:
        bench.settle(fleet)
    samples += [bench.again(tool, some) for some in sizes for _ in range(repeats) for tool in TOOLS]
    return samples, differences, operations


def run(repeats: int, started: Startup) -> None:
    """Bring the lab up, compare, print the table, and write it to .lab/bench.json.

    Args:
        repeats: how often each no-op is measured.
        started: how long `inv --list` takes; goes into the same file.

    Raises:
        LabError: the hosts are not the lab's, or the lab has a problem.
        OperatorError: a tool failed.
    """
    lab = Lab.here()
    fleet = [host.name for host in hosts.load()]
    load = os.getloadavg()[0]
    with Steps().shown() as steps, tempfile.TemporaryDirectory(prefix="bench-") as connections:
        steps.say(f"The lab's hosts are made anew: {', '.join(fleet)}. Load average before: {load:.1f}.")
        lifecycle.up(lab, steps, stories=True)
        ssh_config = lab.directory / "ssh_config"
        guard.require_lab_addresses(ssh_config, fleet)
        os.environ["AIPBX_SSH_CONFIG"] = str(ssh_config)
        bench = Bench(lab, steps, Path(connections))
        bench.directory.mkdir(exist_ok=True)
        bench.prepare()
        bench.inventory.write_text(json.dumps(data.inventory(lab.root, hosts.load(), operator_keys())), "utf-8")
        circumstances: dict[str, Any] = {
            "began": datetime.now(UTC).isoformat(),
            "load_before": load,
            **bench.versions(),
        }
        circumstances["inv_list"] = {**asdict(started), "ratio": started.ratio}
        try:
            samples, differences, operations = compare(bench, fleet, repeats)
        finally:
            bench.close_connections()
    measured = results.rows(samples)
    written = keep(lab, results.report(measured, differences, circumstances))
    print(f"\n{results.table(measured)}\n\n{results.same_state(differences, operations)}\n{written}")


def back_up() -> None:
    """Bring the lab up, compare backups and restores with the usual commands, print and write the table.

    Raises:
        LabError: the host is not the lab's, or the lab has a problem.
        OperatorError: a command failed, or a restore was not one.
    """
    lab = Lab.here()
    with Steps().shown() as steps:
        steps.say(f"The lab's {backup.HOST} is made anew. Load average before: {os.getloadavg()[0]:.1f}.")
        samples, circumstances = backup.measure(lab, steps)
    written = keep(lab, {"backup": throughput.report(samples, circumstances)})
    print(f"\n{throughput.table(throughput.rows(samples))}\n{written}")


def release() -> None:
    """Make the lab's hosts again, let people use them while a release comes, and print the table.

    Raises:
        LabError: the lab has a problem.
        OperatorError: a command failed.
    """
    lab = Lab.here()
    with Steps().shown() as steps:
        lifecycle.up(lab, steps, stories=True)
        lifecycle.reset(lab, "all", steps)
    demo.show(lab, Steps())
    with Steps().shown() as steps:
        samples = releases.measure(running.required(lab), steps)
    written = keep(lab, {"releases": [asdict(sample) for sample in samples]})
    print(f"\n{releases.table(samples)}\n{written}")


def dearest() -> int:
    """Print which tests of the last run took longest; return the exit code."""
    path = Lab.here().directory / "durations.json"
    if not path.exists():
        print(f"No run of the tests is on record: {path} is not there. Run make test first.", file=sys.stderr)
        return 1
    print(tests.table(json.loads(path.read_text("utf-8"))))
    return 0


def keep(lab: Lab, part: dict[str, Any]) -> Path:
    """Write a part of the report to .lab/bench.json, and leave the other parts as they were measured last."""
    path = lab.directory / "bench.json"
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps(kept | part, indent=2) + "\n", "utf-8")
    return path


def main() -> int:
    """Read the command line; say what went wrong in three lines."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--startup", action="store_true", help="only `inv --list`; needs no lab")
    only.add_argument("--backup", action="store_true", help="only backups and restores, beside the usual commands")
    only.add_argument("--tests", action="store_true", help="only which tests of the last run of pytest took longest")
    only.add_argument("--releases", action="store_true", help="only what a release costs, beside recreated containers")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each no-op, of which the median counts (5)")
    chosen = parser.parse_args()
    if chosen.tests:
        return dearest()
    try:
        if not chosen.backup and not chosen.releases:
            started = startup.measure(Lab.here().root)
            print(started, flush=True)
            if not chosen.startup:
                run(max(1, chosen.repeats), started)
        if not chosen.startup and not chosen.releases:
            back_up()
        if not chosen.startup and not chosen.backup:
            release()
    except OperatorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
