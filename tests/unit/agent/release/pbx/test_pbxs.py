"""All PBXs of the application: who is handed over, who is not and why, whose calls count."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.contract import METADATA_NETWORKS
from aipbx_agent.core import parallel
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed
from aipbx_agent.databases import engine
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.release.containers import colours
from aipbx_agent.release.pbx import own_addresses, pbx_addresses, pbxs
from aipbx_agent.release.pbx.pbxs import Pbxs
from lab.world.pbx_stand_in import Call, Pbx
from tests.unit.agent.release.pbx import exchange

OLD, NEW = "aipbx-blue", "aipbx-green"


class Table(Postgres):
    """A database with the table of PBXs; with none when there are no rows."""

    def __init__(self, rows: list[list[str | None]]) -> None:
        self.rows, self.owned = rows, False

    def as_owner(self, database: str) -> Table:
        """The same in the owner's sessions."""
        assert database == "d"
        made = Table(self.rows)
        made.owned = True
        return made

    def psql(self, sql: str, *_: object, **__: object) -> list[str]:
        """Its answers; in our sessions nothing is found without its schema."""
        assert 'public."PbxServers"' in sql
        assert self.owned or sql == pbxs.THERE, "the application's own code would run as the superuser"
        return ["t" if self.rows else "f"] if sql == pbxs.THERE else [json.dumps(row) for row in self.rows]


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Pbx]]:
    """The PBX of ARI_URL, which is in the table as well, and two more; a fourth row answers nothing."""
    with ExitStack() as stack:
        made, urls = zip(*(stack.enter_context(exchange.serving()) for _ in range(3)), strict=True)
        rows: list[list[str | None]] = [[f"pbx-{number}", url, "u", "p"] for number, url in enumerate(urls)]
        rows.append(["switched-off", "http://127.0.0.1:1/ari", "u", "p"])
        monkeypatch.setattr(engine, "live", lambda _: Table(rows))
        monkeypatch.setattr(own_addresses, "is_own", lambda _: False)
        for one in made:
            exchange.register(one, OLD)
            one.variables["AIBOT"] = OLD
        yield list(made)


@pytest.fixture
def config(three: list[Pbx], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(colours, "serving", lambda *_: "backend-blue")
    monkeypatch.setattr(colours, "present", lambda _, name: name)
    monkeypatch.setattr(colours, "bot", lambda name: name.replace("backend", "aipbx"))
    rows: Any = engine.live(None)  # type: ignore[arg-type]
    secrets = {"ARI_URL": rows.rows[0][1], "ARI_USER": "u", "ARI_PASSWORD": "p"}
    raw = {"switch_mode": "colours", "app_dir": str(tmp_path), "pbx_addresses": []}
    return Config(raw, {"backend": {"DB_NAME": "d"}}, secrets)


def found(config: Config) -> Pbxs:
    made = Pbxs.of(config)
    assert made
    return made


def named(three: list[Pbx]) -> list[str]:
    return [one.variables["AIBOT"] for one in three]


def test_every_pbx_that_answers_is_handed_over_once(config: Config, three: list[Pbx]) -> None:
    known = found(config)
    assert len(known.exchanges) == 3
    assert [name.partition(" ")[0] for name in known.silent] == ["switched-off"]
    assert known.missing(NEW, OLD) == [pbxs.OWN, *(one.name for one in known.exchanges[1:])]
    for one in three:
        exchange.register(one, NEW)
    assert known.missing(NEW, OLD) == []
    known.hand_over(NEW)
    assert named(three) == [NEW] * 3


def test_one_that_does_not_know_the_old_backend_is_not_waited_for(config: Config, three: list[Pbx]) -> None:
    del three[2].applications[OLD]
    for one in three[:2]:
        exchange.register(one, NEW)
    known = found(config)
    assert known.missing(NEW, OLD) == []
    known.hand_over(NEW)
    assert named(three) == [NEW, NEW, OLD]


def test_what_fails_at_one_is_reported_and_no_release_fails_by_it(
    config: Config, three: list[Pbx], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for one in three:
        exchange.register(one, NEW)
    known = found(config)
    three[1].key = "changed:password"
    known.hand_over(NEW)
    assert named(three) == [NEW, OLD, NEW]
    assert "pbx-1 (127.0.0.1:" in (told := capsys.readouterr().out)
    assert "was not handed over: GET /applications/aipbx-green was answered 401" in told
    three[0].key = "changed:password"
    with pytest.raises(Failed):
        known.hand_over(NEW)


def test_calls_of_all_of_them_are_waited_for_and_hung_up(config: Config, three: list[Pbx]) -> None:
    for number, one in enumerate(three):
        one.live[f"call-{number}"] = Call(f"call-{number}", OLD, 60)
    known = found(config)
    # The first by two addresses, as when the host reaches it by another name than the application.
    known.exchanges.append(pbxs.Exchange("again", known.main))
    calls = known.channels(OLD)
    assert calls == ["call-0", "call-1", "call-2"]
    assert known.hang_up(calls) == []
    assert [call.ended for one in three for call in one.live.values()] == ["hung up"] * 3
    assert known.channels("of-nobody") is None


def test_the_plan_says_how_many_there_are_and_who_is_left_out(config: Config, three: list[Pbx]) -> None:
    del three[1].applications[OLD]
    del three[2].variables["AIBOT"]
    told = pbxs.summary(config)
    assert told["count"] == 4
    assert [name.partition(" ")[0] for name in told["silent"]] == ["switched-off"]
    assert [name.partition(" ")[0] for name in told["strange"]] == ["pbx-1"]
    assert [name.partition(" ")[0] for name in told["unset"]] == ["pbx-2"]
    config.secrets.clear()
    assert pbxs.summary(config)["count"] == 4


def test_one_that_was_restarted_learns_again_who_serves(config: Config, three: list[Pbx]) -> None:
    for one in three:
        one.variables["AIBOT"] = ""
    (config.app / "lock").mkdir()
    pbxs.keep(config)
    assert named(three) == [""] * 3
    (config.app / "lock").rmdir()
    pbxs.keep(config)
    assert named(three) == [OLD] * 3


def test_without_a_table_there_is_the_one_of_the_env_file(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "live", lambda _: Table([]))
    assert [one.name for one in found(config).exchanges] == [pbxs.OWN]


def test_calls_of_a_pbx_that_does_not_answer_now_continue(config: Config, three: list[Pbx]) -> None:
    three[1].live["call"] = Call("call", OLD, 60)
    known = found(config)
    assert (known.channels(OLD), known.unheard) == (["call"], False)
    three[1].key = "changed:password"
    assert (known.channels(OLD), known.unheard) == (["call"], True)
    three[1].key = "u:p"
    three[1].live.clear()
    assert (known.channels(OLD), known.unheard) == ([], False)


def test_one_that_is_stuck_is_not_waited_for(
    config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = found(config)
    stuck, ends = known.exchanges[1], threading.Event()
    monkeypatch.setattr(stuck.ari, "channels", lambda _: ends.wait(30))
    monkeypatch.setattr(parallel, "STUCK_SECONDS", 1)
    try:
        assert known.channels(OLD) == []
        assert known.unheard
        known.correct(OLD)
        assert f"{stuck.name} was not handed over: no answer came" in capsys.readouterr().out
    finally:
        ends.set()


def test_a_table_that_cannot_be_read_is_no_empty_one(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Config) -> Postgres:
        raise Failed("It does not run.", "No such container.", "Look.")

    monkeypatch.setattr(engine, "live", fails)
    assert found(config).silent == {pbxs.UNREAD: "No such container."}


@pytest.mark.parametrize(
    "url", ["http://anna:secret@[pbx/ari", "http://anna:secret@pbx/ari", "http://pbx:80/x#", "http://pbx/x?y=", None]
)
def test_a_row_that_is_no_url_is_silent_and_no_traceback(config: Config, url: str | None) -> None:
    table: Any = engine.live(config)
    table.rows.append(["wrong", url, "u", "p"])
    told = pbxs.summary(config)
    assert (told["count"], list(told["silent"])[1]) == (5, "wrong (row 5)")
    assert "secret" not in json.dumps(told)
    config.secrets.clear()
    assert pbxs.summary(config)["count"] == 5


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "169.254.169.254", "::1", "fe80::1%eth0", "0.0.0.0", "::",  # noqa: S104
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:100.100.100.200",
        *(network.partition("/")[0] for network in METADATA_NETWORKS),
    ],
)  # fmt: skip
def test_addresses_of_the_host_itself_and_of_its_cloud_are_known(address: str) -> None:
    assert own_addresses.is_own(address)
    assert not own_addresses.is_own("192.0.2.1")
    assert not own_addresses.is_own("::ffff:192.0.2.1")


def test_a_row_that_is_no_address_of_the_web_is_no_pbx(config: Config) -> None:
    table: Any = engine.live(config)
    table.rows += [["a", "file:///etc/shadow", "u", "p"], ["b", "x", "u", "p"]]
    assert list(found(config).silent) == ["switched-off (127.0.0.1:1)", "a (row 5)", "b (row 6)"]


def test_a_name_that_leads_to_the_host_itself_later_is_not_asked(
    config: Config, three: list[Pbx], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between the look before a release and its end the owner of a name may let it lead anywhere."""
    for one in three:
        exchange.register(one, NEW)
    known = found(config)
    monkeypatch.setattr(own_addresses, "is_own", lambda address: address == "127.0.0.1")
    known.hand_over(NEW)
    assert named(three) == [NEW, OLD, OLD], "the PBX of ARI_URL is the operator's word"
    assert capsys.readouterr().out.count("its address is this host's own or its cloud's") == 2


def test_pbxs_are_found_where_their_names_lead_now(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {
        "a.example": ["192.0.2.7", "::7"],
        "b.example": ["203.0.113.9"],
        "c.example": ["::ffff:192.0.2.9"],
    }

    def answers(name: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if name not in places:
            raise OSError("Name or service not known")
        return [(0, 0, 0, "", (address, 0)) for address in places[name]]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    urls = {name: f"https://{name}.example:8089/ari" for name in "abcd"}
    assert pbx_addresses.look(urls, ["192.0.2.0/24"]) == (["a", "c"], {"b": "203.0.113.9"})


def test_a_deploy_reports_pbxs_that_the_firewall_shuts_out(config: Config) -> None:
    assert pbxs.summary(config)["shut_out"] == {}, "without pbx_addresses RTP comes from anywhere"
    config.raw["pbx_addresses"] = ["192.0.2.0/24"]
    shut_out = pbxs.summary(config)["shut_out"]
    assert set(shut_out.values()) == {"127.0.0.1"}
    assert pbxs.OWN in shut_out
    assert len(shut_out) == 4, "that of ARI_URL is in the table as well, and counts once"
