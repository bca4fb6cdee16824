"""What the kernel counts of a container: memory, CPU time, processes killed for want of memory; cgroup v1 and v2."""

from __future__ import annotations

from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
PROC = Path("/proc")


def usage(process: int) -> dict[str, float]:
    """Return what a container has used; what the kernel does not say is left out.

    Args:
        process: the container's first, as the host counts.
    """
    groups = _groups(process)
    figures = _version_1(groups) if "memory" in groups else _version_2(MOUNT / groups.get("", "").lstrip("/"))
    return {name: value for name, value in figures.items() if value is not None}


def _groups(process: int) -> dict[str, str]:
    """Return the path of each controller's group; under the empty name that of version 2."""
    try:
        lines = (PROC / str(process) / "cgroup").read_text("utf-8").splitlines()
    except OSError:
        return {}
    paths: dict[str, str] = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path)
    return paths


def _version_1(groups: dict[str, str]) -> dict[str, float | None]:
    memory = MOUNT / "memory" / groups["memory"].lstrip("/")
    cpu = MOUNT / "cpuacct" / groups.get("cpuacct", "").lstrip("/")
    nanoseconds = _number(cpu / "cpuacct.usage")
    return {
        "memory_bytes": _working_set(memory / "memory.usage_in_bytes", memory / "memory.stat", "total_inactive_file"),
        "cpu_seconds_total": None if nanoseconds is None else nanoseconds / 1e9,
        "oom_kills_total": _field(memory / "memory.oom_control", "oom_kill"),
    }


def _version_2(group: Path) -> dict[str, float | None]:
    microseconds = _field(group / "cpu.stat", "usage_usec")
    return {
        "memory_bytes": _working_set(group / "memory.current", group / "memory.stat", "inactive_file"),
        "cpu_seconds_total": None if microseconds is None else microseconds / 1e6,
        "oom_kills_total": _field(group / "memory.events", "oom_kill"),
    }


def _working_set(total: Path, stat: Path, cache: str) -> float | None:
    """Return what cannot be taken back at once, as `docker stats` counts."""
    used = _number(total)
    return None if used is None else max(0, used - (_field(stat, cache) or 0))


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _field(path: Path, name: str) -> float | None:
    try:
        fields = dict(line.split(None, 1) for line in path.read_text("utf-8").splitlines())
        return float(fields[name])
    except (OSError, ValueError, KeyError):
        return None
