"""`inv …`, as an operator types it, in a copy of this checkout whose inventory a story may change."""

from __future__ import annotations

import json
import pprint
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.checkout import ROOT
from fleet.env.dotenv import dotenv_file
from lab.world import mail_server
from tests.lab import screen
from tests.lab.pyinfra_run import NEEDED, Bootstrap, Run, finished, operators_shell
from tests.lab.terminal import Terminal

INV = str(Path(sys.executable).parent / "inv")
DEADLINE_SECONDS = 400
FILLED = {
    "ADMIN_EMAIL": "admin@aipbx.test",
    "OPENAI_API_KEY": "sk-proj-$HOME 'a' \"b\" \\ `id` # 0123456789",
    "STRIPE_SECRET_KEY": "sk_live_abcdefghijklmnop0123456789",
}
# Optional ones; the lab's world has this mail server.
MAIL = {"MAIL_HOST": mail_server.NAME, "MAIL_USER": "robot@aipbx.test", "MAIL_PASS": "lab-mail-password"}


# Hours away from now: a nightly backup in the middle of a story is none that it asked for.
BACKUP_TIME = "15:00" if datetime.now(UTC).hour in {21, 22, 23, 0, 1, 2, 3} else "03:00"
# The stand-in boots as long as the real application does, unless its env file has this.
QUICK_BOOT = "BOOT_MILLISECONDS='300'\n"


class Inv:
    """An operator's machine.

    Args:
        ssh_config: the lab's.
        tree: a folder that gets the copy.
        data: what the inventory says of each host; a story changes it by `set`.
    """

    def __init__(self, ssh_config: Path, tree: Path, data: dict[str, dict[str, Any]]) -> None:
        self.tree = tree
        self.ssh_config = tree / "ssh" / "config"
        self.ssh_config.parent.mkdir(parents=True)
        self.ssh_config.write_text(ssh_config.read_text())
        shutil.copytree(ssh_config.parent / "operators", self.ssh_config.parent / "operators")
        (self.ssh_config.parent / "env").mkdir()
        (tree / ".venv").symlink_to(Path(sys.executable).parent.parent)
        for name in (*NEEDED, "tasks.py", "lab", "docs", "requirements.lock"):
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, tree / name)
        self._data = data
        self._write()

    def _write(self) -> None:
        # Stories run at any minute of the day; monitoring has a story of its own.
        common = {"role": "of a story", "application_timers": {}, "backup_time_utc": BACKUP_TIME, "monitoring": False}
        hosts = [(name, common | values) for name, values in self._data.items()]
        (self.tree / "inventory.py").write_text(f'"""A story\'s."""\n\nproduction = {pprint.pformat(hosts)}\n')

    def set(self, host: str, **values: Any) -> None:
        """Change what the inventory says of a host, which may be a new one."""
        self._data[host] = self._data.get(host, {}) | values
        self._write()

    def forget(self, host: str) -> None:
        """The inventory has a host no longer."""
        del self._data[host]
        self._write()

    @contextmanager
    def changed(self, host: str, **values: Any) -> Iterator[None]:
        """What the inventory says of a host is something else within this block."""
        before = dict(self._data[host])
        self.set(host, **values)
        try:
            yield
        finally:
            self._data[host] = before
            self._write()

    @property
    def bootstrap(self) -> Bootstrap:
        """pyinfra in the same copy."""
        return Bootstrap(self.ssh_config, self.tree, data=())

    @property
    def environment(self) -> dict[str, str]:
        """The shell's variables."""
        cache = str(self.tree / "cache")
        state = str(self.tree / "state")
        # The question on the screen is the one that a story reads, however wide its terminal.
        return {
            **operators_shell(),
            "AIPBX_SSH_CONFIG": str(self.ssh_config),
            "XDG_CACHE_HOME": cache,
            "XDG_STATE_HOME": state,
            "COLUMNS": "200",
        }

    def _finished(self, words: tuple[str, ...], errors: int, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return finished([INV, *words], self.tree, self.environment, DEADLINE_SECONDS, errors, stdin)

    def __call__(self, *words: str, stdin: str = "") -> Run:
        """Run it to its end."""
        done = self._finished(words, subprocess.STDOUT, stdin)
        return Run(done.returncode, done.stdout)

    def json(self, *words: str) -> Any:
        """What it prints on standard output, as JSON."""
        done = self._finished(words, subprocess.PIPE)
        # `status` and `doctor` end with 1 where something is not well.
        assert done.returncode in {0, 1}, done.stderr
        return json.loads(done.stdout)

    def started(self, *words: str) -> subprocess.Popen[str]:
        """A run that continues while the story does something to it."""
        return subprocess.Popen(
            [INV, *words],
            cwd=self.tree,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def typed(self, keys: bytes, *words: str) -> str:
        """What a terminal shows when someone runs it there and types `keys`."""
        return screen.shown([INV, *words], self.tree, self.environment, keys, DEADLINE_SECONDS).output

    def at_terminal(self, *words: str, **variables: str) -> Terminal:
        """A run at a terminal, whose questions a story answers."""
        return Terminal(self.tree, self.environment | variables, words)

    def configured(self, host: str) -> None:
        """Write the env file of a host, fill it in, and push it."""
        self("env.init", f"--host={host}").succeeded()
        self.fill_in(host)
        self("env.push", f"--host={host}", "--yes").succeeded()

    def fill_in(self, host: str) -> None:
        """Replace what `inv env.init` left open in the env file of a host."""
        path = self.ssh_config.parent / "env" / f"{host}.env"
        text = path.read_text()
        for name, value in FILLED.items():
            text = text.replace(f"{name}='<fill in>'", dotenv_file.assignment(name, value))
        for name, value in MAIL.items():
            text = text.replace(f"# {name}=\n", f"{dotenv_file.assignment(name, value)}\n")
        path.write_text(text + QUICK_BOOT)
