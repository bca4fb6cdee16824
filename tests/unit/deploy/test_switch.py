"""What a deploy says that it will cost, and for how long calls may go on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fleet.deploy import switch, tasks
from fleet.errors import OperatorError

HOST: Any = SimpleNamespace(settings=SimpleNamespace(switch_mode="colours", drain_seconds=1800))
PLAIN: Any = SimpleNamespace(settings=SimpleNamespace(switch_mode="recreate", drain_seconds=1800))


@pytest.mark.parametrize(
    ("host", "services", "calls", "drain", "pbx", "said"),
    [
        (HOST, ["frontend"], 3, 60, False, "Interrupts nothing: the new release starts beside"),
        (HOST, ["backend"], 0, 60, False, "Interrupts nothing: the new release starts beside"),
        (HOST, ["backend"], None, 60, True, "Interrupts nothing: the new release starts beside"),
        (HOST, ["backend"], 3, 60, True, "Interrupts nothing: 3 RTP flows go on on the old backend, for 60 s at most."),
        (HOST, ["backend"], 3, 60, False, "Waits for a moment without a call: 3 RTP flows are live; after 60 s"),
        (HOST, ["backend"], 3, 0, True, "Interrupts calls: 3 RTP flows are live and will be cut (--now)."),
        (PLAIN, ["backend", "frontend"], 3, 60, True, "Interrupts: API, Socket.IO and calls, pages, until"),
        (PLAIN, ["backend"], 3, 60, True, "3 RTP flows are live and will be cut."),
        (
            PLAIN,
            ["frontend"],
            3,
            60,
            True,
            "Interrupts: pages, until the new release is ready (switch_mode = recreate).",
        ),
    ],
)
def test_what_it_will_cost(host: Any, services: list[str], calls: int | None, drain: int, pbx: bool, said: str) -> None:
    assert said in switch.interrupts(host, services, calls, drain_seconds=drain, hands_over=pbx)


@pytest.mark.parametrize(
    ("given", "now", "seconds"), [(-1, False, 1800), (0, False, 0), (60, False, 60), (-1, True, 0)]
)
def test_how_long_calls_may_go_on(given: int, now: bool, seconds: int) -> None:
    assert tasks._drain_seconds(HOST, given, now=now) == seconds


@pytest.mark.parametrize(("given", "now"), [(60, True), (tasks.LONGEST_DRAIN_SECONDS + 1, False)])
def test_what_makes_no_sense_is_refused(given: int, now: bool) -> None:
    with pytest.raises(OperatorError):
        tasks._drain_seconds(HOST, given, now=now)
