"""`make bench`: pyinfra and Ansible bring the same hosts to the same state; who takes how long?"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import data, results
from bench.measure import Bench
from bench.results import Sample, Tool
from fleet import hosts
from fleet.access import operator_keys
from fleet.errors import OperatorError
from lab import guard, lifecycle
from lab.errors import LabError
from lab.progress import Steps
from lab.topology import Lab

TOOLS: tuple[Tool, ...] = ("pyinfra", "Ansible")


def compare(bench: Bench, fleet: list[str], repeats: int) -> tuple[list[Sample], dict[str, list[str]], int]:
    """Measure both tools, first on fresh hosts, then on converged ones.

    Args:
        bench: what runs them.
        fleet: the hosts; measured are the first one alone, and all of them.
        repeats: how often the no-op is measured.

    Returns: the runs; what pyinfra would still change after Ansible; and how many operations it looked at.
    """
    sizes = (fleet[:1], fleet)
    samples = [bench.first(tool, some) for some in sizes for tool in TOOLS]
    differences, operations = bench.differences(fleet)
    if differences:
        bench.settle(fleet)
    samples += [bench.again(tool, some) for some in sizes for _ in range(repeats) for tool in TOOLS]
    return samples, differences, operations


def run(repeats: int) -> None:
    """Bring the lab up, compare, print the table, and write it to .lab/bench.json.

    Raises:
        LabError: the hosts are not the lab's, or the lab has a problem.
        OperatorError: a tool failed.
    """
    lab = Lab.here()
    fleet = [host.name for host in hosts.load()]
    load = os.getloadavg()[0]
    with Steps().shown() as steps, tempfile.TemporaryDirectory(prefix="bench-") as connections:
        steps.say(f"The lab's hosts are made anew: {', '.join(fleet)}. Load average before: {load:.1f}.")
        lifecycle.up(lab, steps)
        ssh_config = lab.directory / "ssh_config"
        guard.require_lab_addresses(ssh_config, fleet)
        os.environ["AIPBX_SSH_CONFIG"] = str(ssh_config)
        bench = Bench(lab, steps, Path(connections))
        bench.directory.mkdir(exist_ok=True)
        bench.prepare()
        bench.inventory.write_text(json.dumps(data.inventory(lab.root, hosts.load(), operator_keys())), "utf-8")
        circumstances = {"began": datetime.now(UTC).isoformat(), "load_before": load, **bench.versions()}
        try:
            samples, differences, operations = compare(bench, fleet, repeats)
        finally:
            bench.close_connections()
    measured = results.rows(samples)
    written = lab.directory / "bench.json"
    written.write_text(json.dumps(results.report(measured, differences, circumstances), indent=2) + "\n", "utf-8")
    print(f"\n{results.table(measured)}\n\n{results.same_state(differences, operations)}\n{written}")


def main() -> int:
    """Read the command line; say what went wrong in three lines."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="runs of each no-op, of which the median counts (5)")
    try:
        run(max(1, parser.parse_args().repeats))
    except (LabError, OperatorError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
