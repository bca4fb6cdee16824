"""`pyinfra inventory.py deploys/bootstrap.py`, as an operator types it, and what its output says."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet.checkout import ROOT
from tests.lab import evidence

PYINFRA = str(Path(sys.executable).parent / "pyinfra")
DEADLINE_SECONDS = 600
NEEDED = (
    "aipbx_agent",
    "config.py",
    "inventory.py",
    "deploys",
    "files",
    "fleet",
    "group_data",
    "operators",
    "templates",
)


@dataclass(frozen=True)
class Run:
    """A finished run: its exit code, and what it printed."""

    code: int
    output: str
    plan: list[dict[str, Any]] = field(default_factory=list)

    def succeeded(self) -> Run:
        """Assert that it did, showing its output when not."""
        assert self.code == 0, self.output
        return self

    def refused(self, *said: str) -> Run:
        """Assert that it failed with a message, not with a traceback, and said all of these."""
        assert self.code != 0, self.output
        assert "Traceback" not in self.output, self.output
        for text in said:
            assert text in self.output, f"{text!r} is not in:\n{self.output}"
        return self

    @property
    def changes(self) -> list[str]:
        """Operations that would change something, without their file's name."""
        return [
            operation["name"].rpartition(" | ")[2]
            for operation in self.plan
            if operation["hosts_with_change"] or operation["hosts_with_conditional_change"]
        ]

    @property
    def changed(self) -> int:
        """How many operations changed something, over all hosts."""
        total = re.search(r"Grand total +\S+ +(\S+)", self.output)
        assert total, self.output
        return 0 if total[1] == "-" else int(total[1])


class Bootstrap:
    """Runs the command against the lab.

    Args:
        ssh_config: the lab's.
        tree: the folder to run it in: this checkout, or a copy that a story has changed.
        concerns: the files of deploys/.
        data: what the inventory is overruled by: its images take seconds to come, and it has a story of its own.
    """

    def __init__(
        self,
        ssh_config: Path,
        tree: Path = ROOT,
        concerns: tuple[str, ...] = ("bootstrap",),
        data: tuple[str, ...] = ("--data", "monitoring=false"),
    ) -> None:
        self.ssh_config = ssh_config
        self.tree = tree
        self.concerns = concerns
        self.data = data

    def only(self, *concerns: str) -> Bootstrap:
        """Files of deploys/ in bootstrap's place: all that a story needs of it, and seconds instead of a dozen."""
        return Bootstrap(self.ssh_config, self.tree, concerns, self.data)

    @property
    def _environment(self) -> dict[str, str]:
        return {**operators_shell(), "AIPBX_SSH_CONFIG": str(self.ssh_config), "PYINFRA_PROGRESS": "off"}

    def command(self, *options: str) -> list[str]:
        """What is typed."""
        files = (f"deploys/{concern}.py" for concern in self.concerns)
        return [PYINFRA, "inventory.py", *files, *self.data, *options]

    def _finished(self, command: list[str], errors: int) -> subprocess.CompletedProcess[str]:
        return finished(command, self.tree, self._environment, DEADLINE_SECONDS, errors)

    def __call__(self, *options: str) -> Run:
        done = self._finished(self.command(*options), subprocess.STDOUT)
        return Run(done.returncode, done.stdout)

    def look(self, *options: str) -> Run:
        """The least that a run can do: log in, and look around."""
        done = self._finished([PYINFRA, "inventory.py", "exec", "-y", *options, "--", "true"], subprocess.STDOUT)
        return Run(done.returncode, done.stdout)

    def dry(self, *options: str) -> Run:
        """What a run would change."""
        done = self._finished(self.command("--dry", "--json", *options), subprocess.PIPE)
        assert done.returncode == 0, done.stderr
        return Run(done.returncode, done.stderr, json.loads(done.stdout)["plan"])

    def started(self, *options: str) -> subprocess.Popen[str]:
        """A run that continues while the story does something to it."""
        return subprocess.Popen(
            self.command(*options),
            cwd=self.tree,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def in_a_copy(self, folder: Path) -> Bootstrap:
        """The same, run in a copy of this checkout that a story may change."""
        for name in NEEDED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / name)
        return Bootstrap(self.ssh_config, folder, self.concerns, self.data)


def operators_shell() -> dict[str, str]:
    """This process's variables, but for the one that forbids Python to keep bytecode: no operator has that."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def finished(
    command: list[str], tree: Path, environment: dict[str, str], seconds: float, errors: int, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run what an operator types to its end, and record it for a story that fails."""
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            env=environment,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as problem:
        output = problem.output or b""
        evidence.COMMANDS.add(command, None, output if isinstance(output, str) else output.decode(errors="replace"))
        raise
    evidence.COMMANDS.add(command, done.returncode, done.stdout + (done.stderr or ""))
    return done


def kill(run: subprocess.Popen[str]) -> None:
    """kill -9, as the kernel or an impatient operator does."""
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(timeout=10)
    if run.stdout:
        run.stdout.close()


def read_until(run: subprocess.Popen[str], said: str) -> None:
    """Wait until the run prints something."""
    assert run.stdout
    heard = ""
    for line in run.stdout:
        heard += line
        if said in line:
            return
    raise AssertionError(f"the run ended before it said {said!r}:\n{heard}")
