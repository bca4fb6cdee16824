"""The warning about a host that has not got the memory for a build."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.inventory import hosts, settings
from fleet.release.images import build_memory
from fleet.state import survey

DATA = settings.of_host("aipbx.ru", hosts.load()[0].data).model_copy(update={"images_from": "build"})


@pytest.mark.parametrize(
    ("limit", "free", "services", "warning"),
    [
        (3072, 3000, ["backend", "frontend"], ""),
        (3072, 2500, ["backend"], ""),
        (
            3072,
            2500,
            ["backend", "frontend"],
            "The build of the frontend takes up to 2805 MiB, and 2500 MiB are free: it may be slow, or be "
            "killed. CI can build it instead: images_from.",
        ),
        (
            2048,
            9000,
            ["backend"],
            "The build of the backend takes up to 2366 MiB, and build_memory_mib gives it 2048: "
            "it may be killed. Raise that.",
        ),
        (3072, 10, [], ""),
    ],
)
def test_it_is_shown_beforehand(limit: int, free: int, services: list[str], warning: str) -> None:
    state = replace(survey.parse({}), memory_free_mib=free)
    data = DATA.model_copy(update={"build_memory_mib": limit})
    assert build_memory.shortage(state, data, services) == warning
    assert build_memory.shortage(state, data.model_copy(update={"images_from": "registry"}), services) == ""
