"""Commands that the lab runs for its user, shown as an operator types them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.topology import Lab


def run(lab: Lab, command: Sequence[str]) -> None:
    """Show a command, and run it in the checkout with the lab's SSH configuration.

    Args:
        command: A program of the checkout's Python environment, and its arguments.

    Raises:
        LabError: It failed; its own output says why.
    """
    print(f"\n$ {shlex.join(command)}", flush=True)
    began = time.monotonic()
    done = subprocess.run(
        [Path(sys.executable).with_name(command[0]), *command[1:]],
        cwd=lab.root,
        env={**os.environ, "AIPBX_SSH_CONFIG": str(lab.directory / "ssh_config")},
        check=False,
    )
    if done.returncode != 0:
        raise LabError(
            f"{shlex.join(command)} ended with exit code {done.returncode}",
            "its own lines above say why",
            "fix that, then run the same command again: what is done stays done",
        )
    print(f"({time.monotonic() - began:.0f} s)", flush=True)
