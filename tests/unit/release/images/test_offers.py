"""Which images a host lacks, and by which digest they are pulled: known before the question; a token is in no text."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent.release.registry import TOKEN
from aipbx_agent.release.releases import Release
from fleet import agent
from fleet.errors import OperatorError
from fleet.release.images import offers, registry_token

WANTED = Release("1" * 40, "2" * 40)
DIGEST = f"sha256:{'3' * 64}"
WORD = "ghp_0123456789abcdef"
HERE = {"here": True, "digest": "", "why": ""}
OFFERED = {"here": False, "digest": DIGEST, "why": ""}


def host(*, restricted: bool = False, images_from: str = "registry") -> Any:
    repositories = {"backend": "ghcr.io/team/b", "frontend": "ghcr.io/team/f"}
    data = SimpleNamespace(images_from=images_from, repositories=repositories)
    return SimpleNamespace(name="aipbx.ru", restricted=restricted, settings=data)


class Hosts:
    """Answers as a host's agent: what it has of the backend, by the token that came along."""

    def __init__(self, **by_token: dict[str, Any]) -> None:
        self.by_token = by_token
        self.tokens: list[str] = []

    def __call__(self, _: Any, verb: list[str], body: bytes, **__: Any) -> dict[str, Any]:
        request = json.loads(body)
        assert (verb, request["anyway"]) == (["offered"], False)
        assert request["images"]["backend"] == {"repository": "ghcr.io/team/b", "sha": "1" * 40, "digest": ""}
        self.tokens.append(request["token"])
        return {"images": {"backend": self.by_token[request["token"] or "none"], "frontend": HERE}}


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator without a token, not at a terminal."""
    monkeypatch.delenv(TOKEN, raising=False)
    monkeypatch.setattr(registry_token, "_answered", [])


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """An operator at a terminal."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(registry_token, "getpass", lambda _: text)


def denied(words: str = "unauthorized: authentication required") -> dict[str, Any]:
    return {"here": False, "digest": "", "why": words}


def test_what_is_missing_is_pulled_by_the_digest_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "query", Hosts(none=OFFERED))
    found = offers.digests(host(), WANTED)
    assert found == {"backend": DIGEST}
    assert offers.lines(host().settings, WANTED, found) == [
        f"The backend's image is pulled: ghcr.io/team/b:111111111111, as {DIGEST}."
    ]


def test_a_host_that_builds_and_ci_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "query", lambda *_, **__: pytest.fail("asked"))
    assert offers.digests(host(images_from="build"), WANTED) == {}
    assert offers.digests(host(restricted=True), WANTED) == {}


def test_a_private_package_without_a_token_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "query", Hosts(none=denied()))
    with pytest.raises(OperatorError) as refused:
        offers.digests(host(), WANTED)
    assert "cannot pull the backend's image ghcr.io/team/b:" in refused.value.what
    assert "The package is private" in refused.value.do
    assert TOKEN in refused.value.do


def test_at_a_terminal_the_token_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Hosts(none=denied(), **{WORD: OFFERED})
    monkeypatch.setattr(agent, "query", asked)
    typed(monkeypatch, f"  {WORD}\n")
    assert offers.digests(host(), WANTED) == {"backend": DIGEST}
    assert offers.digests(host(), WANTED) == {"backend": DIGEST}
    assert asked.tokens == ["", WORD, WORD]


def test_who_has_no_token_ends_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(_: str) -> str:
        raise EOFError

    typed(monkeypatch, "")
    monkeypatch.setattr(registry_token, "getpass", ended)
    monkeypatch.setattr(agent, "query", Hosts(none=denied()))
    with pytest.raises(OperatorError, match="cannot pull the backend's image"):
        offers.digests(host(), WANTED)


@pytest.mark.parametrize(
    "words", ["denied: denied", "permission_denied: The token provided does not match expected scopes."]
)
def test_a_wrong_token_is_another_message_and_is_not_in_it(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setenv(TOKEN, f"{WORD}\n")
    monkeypatch.setattr(agent, "query", Hosts(**{WORD: denied(words)}))
    with pytest.raises(OperatorError) as refused:
        offers.digests(host(), WANTED)
    assert "not expired, a classic one with read:packages" in refused.value.do
    assert "unset AIPBX_REGISTRY_TOKEN" in refused.value.do
    assert WORD not in str(refused.value)


@pytest.mark.parametrize("broken", [f"{WORD}\n{WORD}", f"{WORD} x", "пароль", "x" * 5000])
def test_what_no_token_can_be_is_sent_nowhere(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    monkeypatch.setattr(agent, "query", lambda *_, **__: pytest.fail("asked"))
    monkeypatch.setenv(TOKEN, broken)
    with pytest.raises(OperatorError, match="cannot be one") as refused:
        offers.digests(host(), WANTED)
    assert broken not in str(refused.value)
