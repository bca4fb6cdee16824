"""A certificate comes into force in one step, and the one before comes back; what the authority says is told."""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Refused
from aipbx_agent.tls import ensure, nginx, obtain, pem, store
from tests.unit.tls import made

NAMES = ["aipbx.net", "www.aipbx.net"]
NORMAL, FORCED = argparse.Namespace(force=False), argparse.Namespace(force=True)


class Server:
    """nginx: hands out the chain that it has read; refuses one when it is told to."""

    def __init__(self, config: Config) -> None:
        self.config, self.read, self.refuses = config, "", False

    def reload(self) -> None:
        if self.refuses:
            raise Failed("nginx.sh failed.", "[emerg] no", "Fix it.")
        self.read = store.current(self.config)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "tls").mkdir()
    told: dict[str, object] = {
        "names": NAMES,
        "source": "letsencrypt",
        "acme_directory": "https://acme.test",
        "acme_contact": "",
    }
    told |= {"cloudflare": False, "public_addresses": []}
    return Config({"app_dir": str(tmp_path), "host": NAMES[0], "certificate": told}, {}, {})


@pytest.fixture(autouse=True)
def server(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server(config)
    monkeypatch.setattr(store, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(nginx, "served", lambda _: server.read)
    monkeypatch.setattr(nginx, "reload", server.reload)
    monkeypatch.setattr(nginx, "running", lambda: True)
    monkeypatch.setattr(os, "chown", lambda *_: None)
    monkeypatch.setattr(obtain, "obtain", lambda *_, **__: None)
    return server


def issued(config: Config, days: int = 90) -> None:
    """The authority has issued another one."""
    starts = datetime.now(UTC) - timedelta(days=1)
    one = made.certificate("aipbx.net", names=NAMES, starts=starts, days=days)
    obtain.live(config).mkdir(parents=True, exist_ok=True)
    (obtain.live(config) / "fullchain.pem").write_bytes(one.pem)
    (obtain.live(config) / "privkey.pem").write_bytes(one.key_pem)


def test_it_is_served_and_three_are_retained(
    config: Config, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        issued(config)
        ensure.main(config, NORMAL)
        assert server.read == store.current(config)
    folders = [path for path in (config.app / "tls").iterdir() if not path.is_symlink()]
    assert len(folders) == store.RETAINED
    current = config.app / "tls" / "current"
    assert (current / "fullchain.pem").read_bytes() == (obtain.live(config) / "fullchain.pem").read_bytes()
    ends = pem.ends(current / "fullchain.pem")
    assert ends
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"served": True, "until": ends.isoformat()}


def test_one_that_nginx_refuses_gives_way_to_the_one_before(config: Config, server: Server) -> None:
    issued(config)
    ensure.main(config, NORMAL)
    before = store.current(config)
    issued(config)
    server.refuses = True
    with pytest.raises(Failed, match="the one before stays") as failed:
        ensure.main(config, NORMAL)
    assert "[emerg] no" in failed.value.why
    assert store.current(config) == server.read == before


def test_an_authority_that_refuses_keeps_nothing_from_being_served(
    config: Config, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Failed("No certificate was issued.", "rateLimited", "Wait.")

    monkeypatch.setattr(obtain, "obtain", refuse)
    with pytest.raises(Failed, match="No certificate was issued"):
        ensure.main(config, FORCED)
    assert store.current(config) == ""
    issued(config)
    with pytest.raises(Failed, match="No certificate was issued"):
        ensure.main(config, FORCED)
    assert server.read == store.current(config) != ""


def test_before_one_is_supplied_there_is_none(config: Config) -> None:
    config.raw["certificate"]["source"] = "supplied"
    with pytest.raises(Refused, match="No certificate has been supplied"):
        ensure.main(config, NORMAL)


def test_a_run_waits_for_another(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LOCK_SECONDS", 0.3)
    with store.incoming(config), pytest.raises(AgentError, match="Another run is under way"):
        ensure.main(config, NORMAL)


def test_chain_key_and_authority_in_any_order() -> None:
    one, by = made.certificate("a"), made.certificate("b")
    text = one.key_pem + b"Bag Attributes\n" + one.pem + by.pem + b"# aipbx: authority\n" + by.pem
    assert pem.parts(text) == (one.pem + by.pem, one.key_pem, by.pem)
    assert pem.parts(b"nothing") == (b"", b"", b"")
