"""What `inv doctor` found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: its name, how it is, and what to do; also about what is well, but not complete."""

    name: str
    text: str
    well: bool = True
    do: str = ""
