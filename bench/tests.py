"""Which tests of the last run were the dearest: text from the durations that every run of pytest keeps."""

from __future__ import annotations

from collections import defaultdict

SHOWN = 10
Durations = dict[str, dict[str, float | str]]


def table(durations: Durations) -> str:
    """Return the dearest tests and files, in seconds of one worker, set-up and tear-down included.

    Args:
        durations: as tests/durations.py keeps them.
    """
    tests = {name: _seconds(test) for name, test in durations.items()}
    files: dict[str, float] = defaultdict(float)
    for name, seconds in tests.items():
        files[name.partition("::")[0]] += seconds
    workers: dict[str, float] = defaultdict(float)
    for name, test in durations.items():
        workers[str(test["worker"]) or "one process"] += tests[name]
    return "\n\n".join((_dearest("tests", tests), _dearest("files", files), _dearest("workers", workers)))


def _dearest(what: str, seconds: dict[str, float]) -> str:
    shown = sorted(seconds.items(), key=lambda one: -one[1])[:SHOWN]
    lines = [f"{value:8.1f} s  {name}" for name, value in shown]
    return "\n".join([f"{what}: {len(seconds)}, {sum(seconds.values()):.0f} s", *lines])


def _seconds(test: dict[str, float | str]) -> float:
    return sum(value for value in test.values() if isinstance(value, float))
