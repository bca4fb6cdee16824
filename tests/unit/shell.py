"""What a host does with a command: its shell, on a folder of the test's own, with stand-ins for what it lacks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

DASH = "/bin/sh"


def sh(command: str, stubs: Path | None = None, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    """Run `command` in the shell that hosts have; programs in `stubs` come before those of this machine."""
    found = os.environ["PATH"]
    done = subprocess.run(
        [DASH, "-c", command],
        env={"PATH": f"{stubs}:{found}" if stubs else found, "LC_ALL": "C"},
        input=stdin,
        capture_output=True,
        timeout=20,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def stub(folder: Path, name: str, script: str) -> Path:
    """Make the program `name` in `folder`; `script` is for sh. Returns `folder`."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!{DASH}\n{script}\n")
    program.chmod(0o755)
    return folder


def stub_ssh(folder: Path, script: str) -> Path:
    """Make an `ssh` in `folder` that connects nowhere; how a host would be reached (`-G`), the real one says."""
    real = "/usr/bin/ssh"
    return stub(folder, "ssh", f'for word in "$@"; do [ "$word" != -G ] || exec {real} "$@"; done\n{script}')
