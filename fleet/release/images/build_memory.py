"""Whether a host has the memory that a build takes: said before the question, for a build without it is killed."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet.inventory.settings import Settings
    from fleet.state.survey import Survey

# MiB at the peak of a build: the application's commits of August 2026, measured in the slice that builds run in.
PEAK = {"backend": 2366, "frontend": 2805}


def shortage(state: Survey, settings: Settings, services: Collection[str]) -> str:
    """Return what is to be said of builds on this host; empty: it has room for them, or builds nothing.

    Args:
        services: whose images may be built.
    """
    if settings.images_from != "build" or not services:
        return ""
    service = max(services, key=PEAK.__getitem__)
    room = f"The build of the {service} takes up to {PEAK[service]} MiB"
    if settings.build_memory_mib < PEAK[service]:
        return f"{room}, and build_memory_mib gives it {settings.build_memory_mib}: it may be killed."
    if state.memory_free_mib < PEAK[service]:
        return f"{room}, and {state.memory_free_mib} MiB are free: it is slow, or killed. CI can build: images_from."
    return ""
