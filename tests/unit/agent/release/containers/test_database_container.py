"""Whether PostgreSQL is restarted: for what a restart changes, not into what it may not come back from, and back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent.core import compose, docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.release.containers import database_container
from aipbx_agent.release.containers.database_container import Container
from aipbx_agent.roles import declare as roles

COMMAND = ["postgres", "-cwal_level=replica", "-carchive_timeout=40", "-carchive_command=a $x"]
DECLARED = {"POSTGRES_DB": "n", "POSTGRES_USER": "aipbx_admin", "POSTGRES_PASSWORD_FILE": "/proc/x", "TZ": "UTC"}
OLDER = {"POSTGRES_DB": "n", "POSTGRES_USER": "u", "POSTGRES_PASSWORD": "p$w", "TZ": "UTC", "PATH": "/bin"}


class World:
    """A host whose Compose hashes what it is given, and whose server answers what a story says."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[str] = ["t"]
        self.ups: list[dict[str, Any]] = []
        self.healthy = [True]
        self.tmp_path = tmp_path
        self.declare(DECLARED)
        monkeypatch.setattr(compose, "run", self.run)
        monkeypatch.setattr(docker, "container", lambda *_, **__: "abc")
        monkeypatch.setattr(database_container, "_healthy", self.wait)
        monkeypatch.setattr(roles, "live", lambda _: SimpleNamespace(psql=lambda _: self.answers))

    def declare(self, environment: dict[str, str]) -> None:
        text = {"services": {"postgres": {"environment": environment}, "backend": {"environment": {"DB_NAME": "n"}}}}
        (self.tmp_path / "environment.json").write_text(json.dumps(text))
        raw = {"app_dir": str(self.tmp_path), "compose_project": "aipbx", "host": "h"}
        self.config = Config(raw, {"postgres": environment}, {})

    def run(self, argv: list[str], *, stdin: bytes, **_: Any) -> bytes:
        told = json.loads(stdin)["services"]["postgres"]
        merged = {"image": "i", "command": [word.replace("$", "$$") for word in COMMAND]} | told
        if "up" in argv:
            self.ups.append({**merged, "how": argv[argv.index("--pull") + 2 :]})
        if "--hash" in argv:
            return f"postgres {hashed(merged)}\n".encode()
        return json.dumps({"services": {"postgres": merged}}).encode()

    def wait(self, _: Config) -> None:
        if not self.healthy.pop(0):
            raise Failed("not ready", "its log", "look")


def hashed(declared: dict[str, Any]) -> str:
    """As Compose: of everything that is declared."""
    return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def made(environment: dict[str, str], command: list[str]) -> Container:
    """A container as Compose made it of these."""
    own = {name: value.replace("$", "$$") for name, value in environment.items() if name != "PATH"}
    doubled = [word.replace("$", "$$") for word in command]
    return Container("i", command, environment, hashed({"image": "i", "command": doubled, "environment": own}), True)


def test_what_is_read_at_birth_only_restarts_nothing(world: World) -> None:
    assert not database_container.differs(world.config, "images.env", made(DECLARED, COMMAND))
    assert not database_container.differs(world.config, "images.env", made(OLDER, COMMAND))
    assert database_container.differs(world.config, "images.env", made({**OLDER, "TZ": "Europe/Moscow"}, COMMAND))


def test_a_setting_that_counts_already_restarts_nothing(world: World) -> None:
    before = made(OLDER, [word for word in COMMAND if "wal_level" not in word])
    assert not database_container.differs(world.config, "images.env", before)
    world.answers = ["f"]
    assert database_container.differs(world.config, "images.env", before)
    gone = made(DECLARED, [*COMMAND, "-cfsync=off"])
    world.answers = ["t"]
    assert database_container.differs(world.config, "images.env", gone), "a setting that goes may change"


def test_what_it_never_ran_with_is_refused_but_for_what_our_command_line_says(world: World) -> None:
    world.answers = [json.dumps(["wal_level", "minimal", "setting could not be applied", "auto.conf:3"])]
    database_container.refuse_broken(world.config, "images.env")
    world.answers.append(json.dumps(["shared_buffers", "900GB", "setting could not be applied", "auto.conf:4"]))
    with pytest.raises(Refused, match="may not come back") as refused:
        database_container.refuse_broken(world.config, "images.env")
    assert "shared_buffers = 900GB (auto.conf:4: setting could not be applied)" in refused.value.why
    assert "wal_level" not in refused.value.why


@pytest.mark.parametrize(
    ("healthy", "says"), [([False, True], "runs with the previous one"), ([False] * 2, "NOT WELL")]
)
def test_one_that_does_not_come_back_is_put_back(world: World, healthy: list[bool], says: str) -> None:
    before = made(OLDER, ["postgres"])
    world.healthy = healthy
    with pytest.raises(Failed, match=says):
        database_container._up(world.config, "images.env", before, restarts=True, again=False)
    put = world.ups[1]
    assert (put["image"], put["command"], put["environment"]["POSTGRES_PASSWORD"]) == ("i", ["postgres"], "p$$w")
    assert "--force-recreate" in put["how"]


def test_one_that_is_only_started_is_not_recreated(world: World) -> None:
    database_container._up(world.config, "images.env", made(OLDER, COMMAND), restarts=False, again=False)
    assert world.ups[0]["how"] == ["--no-recreate", "postgres"]


@pytest.mark.parametrize(("running", "stray", "ups"), [(True, False, 0), (False, False, 1), (True, True, 1)])
def test_it_is_started_where_it_is_down_and_made_again_where_it_could_not_start(
    world: World, monkeypatch: pytest.MonkeyPatch, running: bool, stray: bool, ups: int
) -> None:
    monkeypatch.setattr(database_container, "existing", lambda _: replace(made(DECLARED, COMMAND), running=running))
    monkeypatch.setattr(database_container, "stray", lambda _: stray)
    world.answers = []
    database_container.bring_up(world.config, "images.env")
    assert len(world.ups) == ups
    assert ["--force-recreate" in up["how"] for up in world.ups] == [stray] * ups
    assert database_container.restarts(world.config, "images.env", again=stray) == stray


@pytest.mark.parametrize(("networks", "stray"), [("1 2", False), ("1 9", True)])
def test_a_network_that_is_gone_is_seen(
    world: World, monkeypatch: pytest.MonkeyPatch, networks: str, stray: bool
) -> None:
    said = {"inspect": networks, "network": "1 2 3"}
    monkeypatch.setattr(database_container, "run", lambda argv, **_: said[argv[1]].encode())
    assert database_container.stray(world.config) == stray
