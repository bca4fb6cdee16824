"""How long a backup and a restore take beside the usual commands, on a lab host that runs aiPBX."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import process, throughput
from bench.throughput import Sample, Side, Work
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings
from lab import demo, lifecycle, wait
from lab.access import guard
from lab.machines.host import Host
from lab.progress import Steps
from lab.topology import Lab

HOST = "aipbx.org"
REPEATS = 3
# Rows of the largest tables (aipbx.sql): these make a database of 1.2 GB.
SCALE = {"calls": 600_000, "chunks": 10_000}
SECONDS = 1800
CONTAINER = "aipbx-postgres-1"
SCRATCH = "bench_restored"
# Below the host's own backups, where its program looks for dumps.
FOLDER = "/app/aipbx/backups/incoming"


@dataclass(frozen=True)
class Bench:
    """The host, ready to be measured.

    Attributes:
        host: it runs aiPBX, with the data of aipbx.sql.
        steps: shows what happens.
        user: the server's superuser.
        database: the live one.
    """

    host: Host
    steps: Steps
    user: str
    database: str

    def run(self, command: str, stdin: str = "") -> str:
        """Run a command on the host as root, and return what it printed."""
        return self.host.run(command, SECONDS, stdin=stdin.encode()).stdout

    def sql(self, query: str, database: str = "postgres") -> str:
        """Ask the server."""
        return self.run(f"docker exec -i {CONTAINER} psql -v ON_ERROR_STOP=1 -qAtU {self.user} -d {database}", query)

    def limit(self, cpus: float) -> None:
        """Let the server's container use so many CPUs."""
        self.run(f"docker update --cpus {cpus:g} {CONTAINER}")

    @contextmanager
    def clock(self, samples: list[Sample], work: Work, cpus: str, side: Side) -> Iterator[None]:
        """Measure what runs inside; the server has written everything before, the log is kept, and the disk idle."""
        self.sql("CHECKPOINT")
        # Archiving a restore's log takes long after it: the next one would pay for that.
        wait.until(self.log_is_kept, SECONDS, "the log of the run before is kept", f"inv lab.ssh {HOST}")
        self.run("sync")
        load, began = os.getloadavg()[0], time.perf_counter()
        yield
        samples.append(Sample(work, cpus, side, round(time.perf_counter() - began, 2), load))
        self.steps.say(f"{work}, {cpus} CPUs, {side}: {samples[-1].seconds:.1f} s (load average {load:.1f})")

    def log_is_kept(self) -> bool:
        """Return whether every closed segment of the server's log is where it stays."""
        waiting = self.sql("SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'")
        return waiting.strip() == "0" and not self.run("ls /app/aipbx/backups/spool").strip()

    def back_up(self, samples: list[Sample], cpus: str, side: Side) -> None:
        """Make a dump, or a set, in one of the ways."""
        path = dump(side)
        self.run(f"rm -f {path}")
        with self.clock(samples, "back up", cpus, side):
            if side == "manual":
                self.run(throughput.manual_back_up(CONTAINER, self.user, self.database, path))
            elif side == "ours":
                self.run(throughput.ours("back up", self.database, path), throughput.OURS)
            else:
                self.run("aipbx-agent backup")

    def restore(self, samples: list[Sample], cpus: str, side: Side) -> None:
        """Load what the same way made, into an empty database; the verb: put it in the place of the live one."""
        before = self.rows(self.database)
        self.sql(f"DROP DATABASE IF EXISTS {SCRATCH}")
        self.sql(f"CREATE DATABASE {SCRATCH}")
        newest = self.run("ls /app/aipbx/backups/sets | tail -n 1").strip()
        self.run(f"cat {dump(side) if side != 'verb' else f'/app/aipbx/backups/sets/{newest}/*'} >/dev/null")
        with self.clock(samples, "restore", cpus, side):
            if side == "manual":
                self.run(throughput.manual_restore(CONTAINER, self.user, SCRATCH, dump(side)))
            elif side == "ours":
                self.run(throughput.ours("restore", SCRATCH, dump(side)), throughput.OURS)
            else:
                self.run(shlex.join(["aipbx-agent", "restore", newest]))
        if side == "verb":
            self.run("aipbx-agent discard")
        if self.rows(self.database if side == "verb" else SCRATCH) != before:
            raise OperatorError(
                f"What {side} restored is not what was backed up.",
                "The numbers of rows differ.",
                f"Look at {HOST}: inv lab.ssh {HOST}",
            )
        self.sql(f"DROP DATABASE {SCRATCH}")

    def rows(self, database: str) -> str:
        """Return how many rows each of the tables has that grow."""
        names = ("aiCdr", "aiEvents", "aiAnalytics", "billingRecords", "operator_analytics", "knowledgeChunks")
        counts = (f'SELECT count(*) FROM "{name}";' for name in names)  # noqa: S608 - names of our own tables
        return self.sql("\n".join(counts), database)


def dump(side: Side) -> str:
    """Return where a side keeps its dump."""
    return f"{FOLDER}/bench-{side}.dump"


def prepared(lab: Lab, steps: Steps) -> Bench:
    """Make the host again, with aiPBX and its data on it.

    Raises:
        LabError: it is not the lab's, or the lab has a problem.
        OperatorError: a command failed.
    """
    lifecycle.up(lab, steps, stories=True)
    ssh_config = lab.directory / "ssh_config"
    guard.require_lab_addresses(ssh_config, [HOST])
    host = lifecycle.reset(lab, HOST, steps).host(HOST)
    env = lab.directory / "env" / f"{HOST}.env"
    if not env.exists():
        _typed(lab, ("inv", "env.init", f"--host={HOST}"))
        env.write_text(demo.filled(env.read_text(), HOST))
    with steps.step(f"{HOST}: converged, deployed"):
        _typed(lab, (*demo.CONVERGE, "--limit", HOST))
        _typed(lab, ("inv", "env.push", f"--host={HOST}", "--yes"))
        _typed(lab, ("inv", "deploy", f"--host={HOST}", "--yes"))
    told = json.loads(host.run("cat /app/aipbx/environment.json").stdout)["services"]
    names = told["postgres"]["environment"]["POSTGRES_USER"], told["backend"]["environment"]["DB_NAME"]
    bench = Bench(host, steps, *names)
    with steps.step("data like aiPBX's"):
        bench.limit(os.cpu_count() or 1)
        variables = "".join(f"\\set {name} {value}\n" for name, value in SCALE.items())
        bench.sql(variables + (lab.root / "bench" / "aipbx.sql").read_text("utf-8"), bench.database)
    return bench


def _typed(lab: Lab, command: Sequence[str]) -> None:
    words = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    environment = {**os.environ, "AIPBX_SSH_CONFIG": str(lab.directory / "ssh_config")}
    process.run(words, folder=lab.root, environment=environment, log=lab.directory / "bench-failed.log")


def measure(lab: Lab, steps: Steps) -> tuple[list[Sample], dict[str, Any]]:
    """Measure all sides by turns, with the stack's own limit of CPUs and with all that the machine has.

    Returns: the runs, and under which circumstances.

    Raises:
        LabError: the host is not the lab's, or the lab has a problem.
        OperatorError: a command failed, or what came back was not what had been there.
    """
    usual = settings.of_host(HOST, hosts.select(HOST, hosts.load())[0].data).cpus["postgres"]
    most = os.cpu_count() or 1
    samples: list[Sample] = []
    bench = prepared(lab, steps)
    size = int(bench.sql(f"SELECT pg_database_size('{bench.database}')"))
    if size < throughput.LEAST_BYTES:
        raise OperatorError(
            f"The database has only {size} bytes.", "1 GiB is the least that says anything.", "Enlarge SCALE."
        )
    circumstances = {
        "began": datetime.now(UTC).isoformat(),
        "cpus": most,
        "database_bytes": size,
        "server": bench.sql("SHOW server_version").strip(),
    }
    for cpus, shown in ((usual, f"{usual:g} (the stack's)"), (most, f"{most} (all)")):
        bench.limit(cpus)
        for round_ in range(REPEATS):
            for side in throughput.turns(round_):
                bench.back_up(samples, shown, side)
                bench.restore(samples, shown, side)
    sizes = bench.run(f"stat -c %s {dump('manual')} {dump('ours')}").split()
    circumstances["dump_bytes"] = dict(zip(("manual", "ours"), map(int, sizes), strict=True))
    return samples, circumstances
