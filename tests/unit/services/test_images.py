"""What `inv images` says of an image, and its exit codes."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent.status.images import Image
from fleet import agent
from fleet.errors import FailedError
from fleet.services import images

DIGEST = f"sha256:{'b' * 64}"
NGINX = {
    "service": "nginx",
    "image": "nginx:1",
    "running": [f"sha256:{'a' * 64}"],
    "built": "2026-08-01T10:11:12Z",
    "newest": DIGEST,
    "why": "",
}


@pytest.mark.parametrize(
    ("reported", "verdict"),
    [
        ({}, "newer: sha256:bbbbbbbbbbbb"),
        ({"running": [DIGEST]}, "newest"),
        ({"newest": "", "why": "denied"}, "not known: denied"),
    ],
)
def test_the_verdict(reported: dict[str, Any], verdict: str) -> None:
    assert images.verdict(Image(**{**NGINX, **reported})) == verdict


def test_a_host_that_cannot_be_read_and_one_that_can(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def query(host: Any, *_: object, **__: object) -> dict[str, Any]:
        if host.name == "aipbx.net":
            raise FailedError("aipbx.net: the connection was lost.", "why", "do")
        return {"images": [NGINX]}

    monkeypatch.setattr(agent, "query", query)
    hosts: Any = [SimpleNamespace(name="aipbx.net"), SimpleNamespace(name="aipbx.org")]
    assert images.show(hosts, as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["aipbx.net"]["error"].startswith("aipbx.net: the connection was lost.")
    assert found["aipbx.org"] == [NGINX]
    assert images.show(hosts, as_json=False) == 1
    shown = capsys.readouterr().out
    assert "the connection was lost" in shown
    assert "newer: sha256:bbbbbbbbbbbb" in shown
