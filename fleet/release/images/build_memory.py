"""Whether a host has the memory for a build: shown before the question, as a build without it is killed."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet.inventory.settings import Settings
    from fleet.state.survey import Survey

# MiB at the peak of a build: the application's commits of August 2026, measured in the slice that builds run in.
PEAK = {"backend": 2366, "frontend": 2805}


def shortage(state: Survey, settings: Settings, services: Collection[str]) -> str:
    """Return a warning about builds on this host; empty: it has the memory, or builds nothing.

    Args:
        services: whose images may be built.
    """
    if settings.images_from != "build" or not services:
        return ""
    service = max(services, key=PEAK.__getitem__)
    room = f"The build of the {service} takes up to {PEAK[service]} MiB"
    if settings.build_memory_mib < PEAK[service]:
        return f"{room}, and build_memory_mib gives it {settings.build_memory_mib}: it may be killed. Raise that."
    if state.memory_free_mib < PEAK[service]:
        free = f"{state.memory_free_mib} MiB are free"
        return f"{room}, and {free}: it may be slow, or be killed. CI can build it instead: images_from."
    return ""
