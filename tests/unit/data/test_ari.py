"""The PBX asked over HTTP: the lab's stand-in for Asterisk answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aipbx_data.ari import Ari
from aipbx_data.config import Config
from aipbx_data.errors import Failed

from lab.world.pbx_stand_in import Call, Pbx
from tests.unit.data import exchange


@pytest.fixture
def pbx() -> Iterator[tuple[Pbx, str]]:
    """A PBX, and where its ARI is."""
    with exchange.serving() as made:
        yield made


def test_who_is_registered_and_who_gets_calls(pbx: tuple[Pbx, str]) -> None:
    made, url = pbx
    ari = Ari(url, "u", "p", "AIBOT")
    assert ari.channels("aipbx-blue") is None
    assert ari.gets_new_calls() == ""
    ari.hand_over("aipbx-blue")
    assert ari.gets_new_calls() == "aipbx-blue"
    exchange.register(made, "aipbx-blue")
    assert ari.channels("aipbx-blue") == []
    made.live["call-1"] = Call("call-1", "aipbx-blue", 60)
    assert ari.channels("aipbx-blue") == ["call-1"]
    ari.hang_up("call-1")
    assert made.live["call-1"].ended == "hung up"
    ari.hang_up("gone")


def test_a_wrong_password_is_told_without_it(pbx: tuple[Pbx, str]) -> None:
    with pytest.raises(Failed) as told:
        Ari(pbx[1], "u", "wr0ng-one", "AIBOT").gets_new_calls()
    assert "401" in told.value.why
    assert "wr0ng-one" not in str(told.value)


def test_nobody_there_is_told() -> None:
    with pytest.raises(Failed, match=r"does not do what it is asked at http://127\.0\.0\.1:1/ari"):
        Ari("http://127.0.0.1:1/ari", "u", "p", "AIBOT").hand_over("x")


@pytest.mark.parametrize(
    ("mode", "secrets", "known"),
    [
        ("colours", {"ARI_URL": "http://pbx/ari", "ARI_USER": "u", "ARI_PASSWORD": "p"}, True),
        ("recreate", {"ARI_URL": "http://pbx/ari", "ARI_USER": "u", "ARI_PASSWORD": "p"}, False),
        ("colours", {"ARI_URL": "http://pbx/ari", "ARI_USER": "u"}, False),
        ("colours", {}, False),
    ],
)
def test_only_two_colours_and_a_known_pbx_hand_over(mode: str, secrets: dict[str, str], known: bool) -> None:
    config = Config({"switch_mode": mode, "ari_variable": "AIBOT"}, {}, secrets)
    assert (Ari.of(config) is not None) == known


def test_a_password_goes_nowhere_else(pbx: tuple[Pbx, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pbx, "answer", lambda *_: (302, {}))
    with pytest.raises(Failed) as told:
        Ari(pbx[1], "u", "p", "AIBOT").gets_new_calls()
    assert "was answered 302" in told.value.why
