"""Figures for node_exporter's textfile collector: a file of each capability, replaced in one step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from aipbx_agent.contract import METRICS
from aipbx_agent.core import files

FOLDER = Path(METRICS)


def gauges(figures: Mapping[str, tuple[str, float]]) -> list[str]:
    """Return the lines that Prometheus reads.

    Args:
        figures: by name: one line of help, and the value.
    """
    return [
        line
        for name, (description, value) in figures.items()
        for line in (f"# HELP {name} {description}", f"# TYPE {name} gauge", f"{name} {value:.15g}")
    ]


def write(name: str, lines: list[str]) -> None:
    """Replace the figures of one capability; anyone who collects them sees the old or the new ones.

    Args:
        name: its: `backup` becomes aipbx_backup.prom.
        lines: as Prometheus reads them.

    Raises:
        OSError: they cannot be written.
    """
    # Collected are names that end in .prom only; readable, because the exporter is not root.
    files.write(FOLDER / f"aipbx_{name}.prom", "".join(f"{line}\n" for line in lines), mode=0o644)


def sample(name: str, value: float, **labels: str) -> str:
    """Return one line of a figure with labels."""
    label_text = ",".join(f"{label}={json.dumps(text, ensure_ascii=False)}" for label, text in labels.items())
    return f"{name}{{{label_text}}} {value:.15g}" if label_text else f"{name} {value:.15g}"
