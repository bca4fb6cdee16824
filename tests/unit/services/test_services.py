"""What starting, stopping and restarting services means, said before it is done."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.services import services
from fleet.services.services import Action
from fleet.state import survey

UP = {"image": "b", "status": "running", "restarts": 0, "health": "healthy", "started": "t"}
DOWN = UP | {"status": "exited", "health": ""}


@pytest.mark.parametrize(
    ("action", "named", "state", "lines"),
    [
        ("start", [], {}, []),
        (
            "restart",
            ["backend"],
            {"calls": 2},
            [
                "INTERRUPTS: API, Socket.IO and calls end while it starts (backend).",
                "2 RTP flows are live and will be cut.",
            ],
        ),
        ("stop", ["frontend"], {"calls": 2}, ["INTERRUPTS: pages are not served until inv start (frontend)."]),
        ("restart", ["backend"], {"containers": {"backend": DOWN}}, []),
        ("stop", [], {"containers": {"nginx": UP}}, ["INTERRUPTS: nothing is served until inv start (nginx)."]),
    ],
)
def test_what_users_notice(action: Action, named: list[str], state: dict[str, Any], lines: list[str]) -> None:
    every = dict.fromkeys(("postgres", "backend", "frontend", "nginx"), UP)
    found = survey.parse({"containers": every, "calls": 0} | state)
    assert services.consequences(action, named, found) == lines
