"""Runs both tools on the lab's hosts, by turns, under a clock."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import commands, process, results
from bench.results import Kind, Sample, Tool
from fleet.errors import OperatorError
from lab import lifecycle
from lab.progress import Steps
from lab.topology import Lab


@dataclass(frozen=True)
class Bench:
    """What a measurement needs.

    Attributes:
        lab: whose hosts are converged.
        steps: shows what happens.
        connections: a folder for the sockets of Ansible's open connections.
    """

    lab: Lab
    steps: Steps
    connections: Path

    @property
    def directory(self) -> Path:
        """Where the comparison keeps its files."""
        return self.lab.directory / "bench"

    @property
    def _venv(self) -> Path:
        return self.directory / "ansible-venv"

    @property
    def _ansible(self) -> Path:
        return self.lab.root / "bench" / "ansible"

    @property
    def inventory(self) -> Path:
        """The file that Ansible reads hosts and data from."""
        return self.directory / "inventory.json"

    def prepare(self) -> None:
        """Make Ansible's virtual environment unless it is there and made from the present lock."""
        lock, stamp = self._ansible / "requirements.lock", self._venv / "made-from"
        if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
            return
        with self.steps.step("Ansible in a virtual environment of its own"):
            for command in commands.make_venv(sys.executable, self._venv, lock):
                self._run(command, os.environ)
        stamp.write_bytes(lock.read_bytes())

    def versions(self) -> dict[str, str]:
        """Return what is compared, in the tools' own words."""
        told = {
            "pyinfra": self._run([str(Path(sys.executable).parent / "pyinfra"), "--version"], os.environ),
            "ansible": self._run([str(self._venv / "bin" / "ansible-playbook"), "--version"], self._environment()),
        }
        return {tool: text.splitlines()[0] for tool, text in told.items()}

    def reset(self, hosts: Sequence[str]) -> None:
        """Make hosts again, as a cloud delivers them."""
        self.close_connections()
        for name in hosts:
            lifecycle.reset(self.lab, name, self.steps)

    def close_connections(self) -> None:
        """End what Ansible's ControlPersist keeps open."""
        for socket in self.connections.iterdir():
            subprocess.run(commands.close_connection(socket), capture_output=True, timeout=30, check=False)

    def first(self, tool: Tool, hosts: Sequence[str]) -> Sample:
        """Measure a tool on fresh hosts."""
        self.reset(hosts)
        return self._sample("first convergence", tool, hosts)

    def again(self, tool: Tool, hosts: Sequence[str]) -> Sample:
        """Measure a tool on converged hosts."""
        return self._sample("no-op", tool, hosts)

    def differences(self, hosts: Sequence[str]) -> tuple[dict[str, list[str]], int]:
        """Ask pyinfra what it would change, and how many operations it checked."""
        return results.planned(self._run(self._command("pyinfra", hosts, dry=True), os.environ))

    def settle(self, hosts: Sequence[str]) -> None:
        """Let pyinfra make what differences there are, without the clock."""
        self._run(self._command("pyinfra", hosts), os.environ)

    def _sample(self, kind: Kind, tool: Tool, hosts: Sequence[str]) -> Sample:
        command = self._command(tool, hosts, first_contact=kind == "first convergence")
        environment = os.environ if tool == "pyinfra" else self._environment()
        began = time.perf_counter()
        output = self._run(command, environment)
        sample = Sample(kind, len(hosts), tool, time.perf_counter() - began)
        changes = results.CHANGES[tool](output)
        if not results.is_what_it_claims(kind, hosts, changes):
            raise OperatorError(
                f"This was no {kind} of {', '.join(hosts)} by {tool}: changes by host: {changes}.",
                "A first convergence changes every host and a no-op none; otherwise its time says nothing.",
                "Run it again; if it stays, bench/ansible/ and deploys/ undo each other's work.",
            )
        self.steps.say(f"{kind}, {len(hosts)} host{'s' * (len(hosts) > 1)}, {tool}: {sample.seconds:.1f} s")
        return sample

    def _command(
        self, tool: Tool, hosts: Sequence[str], *, dry: bool = False, first_contact: bool = False
    ) -> list[str]:
        if tool == "pyinfra":
            return commands.pyinfra(Path(sys.executable).parent, hosts, dry=dry)
        playbook = self._ansible / "site.yml"
        return commands.ansible(self._venv, self.inventory, playbook, hosts, first_contact=first_contact)

    def _environment(self) -> dict[str, str]:
        return commands.ansible_environment(
            os.environ,
            self.lab.directory / "ssh_config",
            self.directory / "ansible-home",
            self.connections,
            self._ansible / "ansible.cfg",
        )

    def _run(self, command: Sequence[str], environment: Mapping[str, str]) -> str:
        return process.run(command, folder=self.lab.root, environment=environment, log=self.directory / "failed.log")
