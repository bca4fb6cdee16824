"""What a deploy says that it will cost, and for how long calls may continue."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fleet.errors import OperatorError
from fleet.release import switch
from fleet.release.rollout import each_host
from fleet.state.preflight import Preflight

HOST: Any = SimpleNamespace(settings=SimpleNamespace(switch_mode="colours", drain_seconds=1800))
PLAIN: Any = SimpleNamespace(settings=SimpleNamespace(switch_mode="recreate", drain_seconds=1800))


@pytest.mark.parametrize(
    ("host", "services", "calls", "drain", "pbx", "said"),
    [
        (HOST, ["frontend"], 3, 60, False, "Interrupts nothing: the new release starts beside"),
        (HOST, ["backend"], 0, 60, False, "Interrupts nothing: the new release starts beside"),
        (HOST, ["backend"], None, 60, True, "Interrupts nothing: the new release starts beside"),
        (
            HOST,
            ["backend"],
            3,
            60,
            True,
            "Interrupts nothing: 3 RTP flows continue on the old backend, for 60 s at most.",
        ),
        (HOST, ["backend"], 3, 60, False, "Waits until no call is live: 3 RTP flows are live; after 60 s"),
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


def test_a_release_that_fails_costs_a_start_where_the_pbx_knows_one_name() -> None:
    assert "starts once more" in switch.after_failure(HOST, ["backend"], hands_over=False)
    assert switch.after_failure(HOST, ["backend"], hands_over=True) == ""
    assert switch.after_failure(HOST, ["frontend"], hands_over=False) == ""
    assert switch.after_failure(PLAIN, ["backend"], hands_over=False) == ""


@pytest.mark.parametrize(
    ("given", "now", "seconds"), [(-1, False, 1800), (0, False, 0), (60, False, 60), (-1, True, 0)]
)
def test_how_long_calls_may_continue(given: int, now: bool, seconds: int) -> None:
    assert each_host.drain_seconds(HOST, given, now=now) == seconds


@pytest.mark.parametrize(("given", "now"), [(60, True), (each_host.LONGEST_DRAIN_SECONDS + 1, False)])
def test_what_makes_no_sense_is_refused(given: int, now: bool) -> None:
    with pytest.raises(OperatorError):
        each_host.drain_seconds(HOST, given, now=now)


def test_pbxs_that_are_left_out_are_named_with_what_it_costs() -> None:
    found: dict[str, Any] = {"count": 2, "silent": {}, "strange": [], "unset": []}
    met = Preflight("aipbx.ru", {"pbxs": found})
    assert switch.about_pbxs(met, hands_over=True) == ["PBXs: 2, of which 2 are handed over."]
    found |= {"count": 4, "silent": {"a (pbx:1)": "timed out"}, "strange": ["b"], "unset": ["c"]}
    assert switch.about_pbxs(met, hands_over=True) == [
        "PBXs: 4, of which 3 are handed over.",
        "a (pbx:1) is not handed over: timed out. Once the old backend has ended, new calls there reach no one, until "
        "the hourly aipbx-watch finds it again.",
        "b does not know the backend that runs: no calls come from there.",
        "c was never handed over. If its dialplan does not say Stasis(${GLOBAL(AIBOT)},…), new calls reach no one.",
    ]
    none = "PBXs: 4 in the application's table; none is handed over (ARI_* are not set)."
    assert switch.about_pbxs(met, hands_over=False) == [none]
    found["shut_out"] = {"d (pbx:1)": "203.0.113.9"}
    silent = "d (pbx:1) is at 203.0.113.9, from where the firewall lets no RTP in (pbx_addresses)."
    assert switch.about_pbxs(met, hands_over=False) == [none, silent]
    assert switch.about_pbxs(met, hands_over=True)[-1] == silent


def test_unknown_pbxs_do_not_prevent_a_rollback() -> None:
    met = Preflight("aipbx.ru", {"pbxs": {"error": {"what": "It is down.", "why": "", "do": "", "code": 1}}})
    assert switch.about_pbxs(met, hands_over=True) == ["PBXs: unknown. aipbx.ru: It is down."]
