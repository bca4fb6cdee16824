"""What an operator is told of a lock: whose, for how long, and whether anyone will ever give it back."""

from __future__ import annotations

import pytest

from fleet.release.lock import lock_status

OWNER = "boris@desk, deploy, since 2026-11-26 10:00:00 UTC"


@pytest.mark.parametrize(("seconds", "told"), [(119, "119 s"), (120, "2 min"), (7199, "119 min"), (90000, "25 h")])
def test_for_how_long(seconds: int, told: str) -> None:
    assert lock_status.refusal("aipbx.org", OWNER, seconds, "").what == f"aipbx.org is locked: {OWNER} (for {told})."


@pytest.mark.parametrize(
    ("standing", "why", "do"),
    [
        ("", "a mixture of both", "Wait for it (--wait); if"),
        ("open", "connection that took the lock is open", "Wait for it (--wait); if"),
        ("runs", "The host carries it out", "Wait for it (--wait); if"),
        ("ended", "Its run is over", "inv unlock --host=aipbx.org, then run this again."),
        ("by hand", "It was taken by hand (inv lock)", "Ask its owner. --wait waits"),
        (
            "stopped",
            "has ended without giving the lock back",
            "journalctl -u aipbx-agent-switch there says why; then inv",
        ),
    ],
)
def test_whether_to_wait_or_to_break_it(standing: str, why: str, do: str) -> None:
    told = lock_status.refusal("aipbx.org", OWNER, 5, standing)
    assert why in told.why
    assert told.do.startswith(do)
    assert (standing in lock_status.GONE) == ("then run this again" in told.do)
