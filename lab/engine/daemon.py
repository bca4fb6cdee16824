"""The lab's own Docker engine: for a machine that has none, in folders of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lab import wait
from lab.engine.docker import Docker
from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN = Path("/run/aipbx-lab")
DATA = Path("/var/lib/aipbx-lab")
SOCKET = RUN / "docker.sock"
ADDRESS = f"unix://{SOCKET}"
LOG = DATA / "engine.log"
_EXEC = RUN / "exec"
_PID = RUN / "docker.pid"
_CONTAINERD_PID = _EXEC / "containerd" / "containerd.pid"
_START_DEADLINE = 60
_STOP_DEADLINE = 60


def start_command() -> list[str]:
    """Return the command that runs the engine."""
    command = ["dockerd", "--data-root", str(DATA / "engine"), "--exec-root", str(_EXEC)]
    # Only the lab's own networks: a default bridge would take a private range of the machine.
    return [*command, "--pidfile", str(_PID), "-H", ADDRESS, "--bridge", "none"]


def running_pid(pid_file: Path, program: str, proc: Path = Path("/proc")) -> int | None:
    """Return the process that a pid file names, when it runs and is that program with the lab's folders.

    Args:
        pid_file: The file.
        program: The program's name.
        proc: Where the kernel lists processes.
    """
    try:
        pid = int(pid_file.read_text())
        words = (proc / str(pid) / "cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    ours = Path(os.fsdecode(words[0])).name == program and any(os.fsencode(RUN) in word for word in words)
    return pid if ours else None


def start() -> None:
    """Start the engine, also after one that was killed, and wait until it answers.

    Raises:
        LabError: It ended, or did not answer in time; the message quotes its log.
    """
    DATA.mkdir(parents=True, exist_ok=True)
    RUN.mkdir(parents=True, exist_ok=True)
    process = _launch() if running_pid(_PID, "dockerd") is None else None

    def settled() -> bool:
        return (process is not None and process.poll() is not None) or Docker(ADDRESS).answers()

    wait.until(settled, _START_DEADLINE, "the lab's own Docker engine answers", f"read {LOG}")
    if process is not None and process.poll() is not None:
        raise LabError(
            "the lab's own Docker engine did not start",
            f"its log ends: {last_complaints(LOG.read_text(errors='replace'))}",
            f"read {LOG}, or install a Docker engine as your system does",
        )


def last_complaints(log: str) -> str:
    """Return the last lines of an engine's log that are more than information, as one line."""
    lines = [line for line in log.splitlines() if "level=info" not in line and "level=debug" not in line]
    return " / ".join(lines[-2:])[-600:]


def stop() -> bool:
    """Stop the lab's own engine, and say whether it ran.

    Raises:
        LabError: It did not stop in time.
    """
    pid = running_pid(_PID, "dockerd")
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    # An ended process whose parent has not asked for its result yet has no command line any more.
    line = Path(f"/proc/{pid}/cmdline")
    wait.until(
        lambda: not (line.exists() and line.read_bytes()),
        _STOP_DEADLINE,
        "the lab's own Docker engine has stopped",
        f"read {LOG}",
    )
    return True


def remove_data() -> None:
    """Delete everything that the lab's own engine kept; it must have stopped.

    Raises:
        LabError: It still runs, or something could not be deleted.
    """
    if running_pid(_PID, "dockerd") is not None:
        raise LabError("the lab's own engine still runs", "its data is in use", "run inv lab.clean again")
    for mount in mounts_below((RUN, DATA), Path("/proc/self/mountinfo").read_text()):
        subprocess.run(["umount", mount], check=False, timeout=30, capture_output=True)
    try:
        for folder in (RUN, DATA):
            if folder.exists():
                shutil.rmtree(folder)
    except OSError as error:
        raise LabError(
            f"{error.filename} could not be deleted", str(error.strerror), "delete it by hand, as root"
        ) from None


def mounts_below(folders: Sequence[Path], mountinfo: str) -> list[str]:
    """Return the mount points below folders, the innermost first.

    Args:
        folders: The folders; a mount on one of them itself does not count.
        mountinfo: The text of ``/proc/self/mountinfo``.
    """
    points = [line.split()[4] for line in mountinfo.splitlines()]
    return [point for point in reversed(points) if any(folder in Path(point).parents for folder in folders)]


def _launch() -> subprocess.Popen[bytes]:
    _clear_stale()
    with LOG.open("ab") as log:
        return subprocess.Popen(
            start_command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )


def _clear_stale() -> None:
    """Remove what a killed engine leaves behind and a new one would stumble over.

    A pid file whose number now belongs to another program reads as "already running".
    """
    for pid_file, program in ((_PID, "dockerd"), (_CONTAINERD_PID, "containerd")):
        if running_pid(pid_file, program) is None:
            pid_file.unlink(missing_ok=True)
