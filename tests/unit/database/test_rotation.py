"""In which order a password moves, and back; on stand-ins for the host, the file or the store, and the backend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent.release.releases import Release
from fleet import agent
from fleet.database import rotation
from fleet.database.rotation_plan import Rotation
from fleet.env.dotenv import files
from fleet.env.dotenv.files import HostFile
from fleet.env.secret_store import protocol
from fleet.env.secret_store.place import Place
from fleet.env.secret_store.protocol import Stored
from fleet.errors import FailedError, OperatorError
from fleet.release import plan, prepare, switch
from fleet.release.lock.deploy_lock import Held

OLD, NEW = "the-old-one-of-it", "the-new-one-of-it"
VALUES = {"DB_USER": "role", "DB_NAME": "aipbx", "DB_PASS": OLD}


class World:
    """Where the password stands; whatever does not come up with the new one is told to."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name, self.seen_from = "aipbx.org", "192.0.2.7"
        self.settings = SimpleNamespace(app_dir="/app/aipbx", drain_seconds=60)
        self.path = tmp_path / "aipbx.org.env"
        self.path.write_bytes(f"DB_PASS='{OLD}'\n".encode())
        self.role = self.pushed = self.runs = OLD
        self.let_in: bool = False
        self.steps: list[str] = []
        self.broken = ""
        monkeypatch.setattr(agent, "query", self.ask)
        monkeypatch.setattr(files, "save", self.save)
        monkeypatch.setattr(prepare, "stage", lambda *_: None)
        monkeypatch.setattr(switch, "carry_out", self.switch)
        monkeypatch.setattr("fleet.state.survey.take", lambda _: None)
        monkeypatch.setattr(rotation, "held", lambda *_: nullcontext(Held("anna")))
        monkeypatch.setattr(plan, "images", lambda *_: {})

    def does(self, step: str) -> None:
        if step == self.broken:
            self.broken = ""
            raise OperatorError(f"{step} does not work.", "So it is.", "Fix it.")
        self.steps.append(step)

    def save(self, path: Path, content: bytes) -> None:
        self.does("place")
        path.write_bytes(content)

    def place(self) -> Place:
        """Where the password stands, read."""
        return Place(HostFile("aipbx.org", self.path, self.path.read_bytes()), None, "DB_PASS")

    def stands(self) -> str:
        return self.path.read_text()[9:-2]

    def switch(self, *_: Any, accepts_overlap: bool) -> None:
        assert accepts_overlap, "it is halfway"
        # Also one that fails may have had to start what ran before once more, with what the host's files say.
        self.runs = self.pushed
        self.does("backend")

    def put_root_file(self, _: str, content: bytes, __: str) -> None:
        self.does("environment")
        self.pushed = json.loads(content)["services"]["backend"]["environment"]["DB_PASS"]

    def ask(self, _: Any, verb: list[str], stdin: bytes) -> dict[str, Any]:
        """Do what the host's agent does in one step of a rotation."""
        assert verb == ["rotate"]
        request = json.loads(stdin)
        step = request.pop("step")
        if step == "look":
            return {"under_way": self.let_in, "backends": [{"addresses": ["10.0.0.8"], "password": self.runs}]}
        if step == "login":
            return {"opens": request["password"] == self.role}
        self.does("role" if step == "set" else step)
        if step == "set":
            self.role = request["password"]
        else:
            self.let_in = step == "let in"
        return {}

    def everywhere(self) -> set[str]:
        """The passwords that stand somewhere; what gets in without one is told of."""
        return {self.stands(), self.role, self.pushed, self.runs, *(["let in"] if self.let_in else [])}


class StoreWorld(World):
    """The same with a store, in which someone else may write."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(tmp_path, monkeypatch)
        self.values, self.version = {"DB_PASS": OLD, "MAIL_PASS": "theirs"}, 7

    def place(self) -> Place:
        file = HostFile("aipbx.org", self.path, b"", "a store", dict(self.values), str(self.version))
        return Place(file, Store(self), "DB_PASS")

    def stands(self) -> str:
        assert self.values.keys() == {"DB_PASS", "MAIL_PASS"}
        return self.values["DB_PASS"]


class Store:
    """Its entry, with check-and-set."""

    place, to_commit = "a store", ""

    def __init__(self, world: StoreWorld) -> None:
        self.world = world

    def read(self) -> Stored:
        return Stored(dict(self.world.values), str(self.world.version))

    def write(self, values: Mapping[str, str], replaces: str) -> None:
        if replaces != str(self.world.version):
            raise protocol.changed(self.place)
        self.world.does("place")
        self.world.values, self.world.version = dict(values), self.world.version + 1


@pytest.fixture(params=[World, StoreWorld])
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> World:
    made: World = request.param(tmp_path, monkeypatch)
    return made


@pytest.fixture
def store_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreWorld:
    return StoreWorld(tmp_path, monkeypatch)


def ready(world: World, *, cut_off: bool = False, running: str = OLD) -> Rotation:
    release = Release("a" * 40, "b" * 40)
    after = {**VALUES, "DB_PASS": NEW}
    return Rotation(world.place(), VALUES, after, release, ["10.0.0.7"], [running], cut_off)


def test_what_runs_is_let_in_first_and_shut_out_last(world: World) -> None:
    remote: Any = world
    rotation._change(remote, ready(world), "anna")
    assert world.steps == ["let in", "place", "role", "environment", "backend", "shut out"]
    assert world.everywhere() == {NEW}


@pytest.mark.parametrize("broken", ["let in", "place", "role", "environment", "backend", "shut out"])
def test_whatever_fails_the_old_one_counts_everywhere(world: World, broken: str) -> None:
    world.broken = broken
    remote: Any = world
    with pytest.raises(FailedError, match="the old password applies everywhere, as before"):
        rotation._change(remote, ready(world), "anna")
    assert world.everywhere() == {OLD}


def test_a_way_back_that_fails_is_reported_with_both_reasons(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    remote: Any = world

    def never(*_: Any, **__: Any) -> None:
        world.runs = world.pushed
        raise OperatorError("It does not come up.", "Its log is empty.", "Look.")

    monkeypatch.setattr(switch, "carry_out", never)
    with pytest.raises(FailedError, match="so did its rollback") as failed:
        rotation._change(remote, ready(world), "anna")
    assert "inv db.rotate-password" in failed.value.do
    # So the next run finds that one is under way, and what runs is let in meanwhile.
    assert world.let_in


def test_one_that_was_cut_off_is_ended_with_what_the_file_says(world: World) -> None:
    remote: Any = world
    world.place().put(NEW)
    rotation._complete(remote, ready(world, cut_off=True), "anna")
    assert world.everywhere() == {NEW}
    world.steps = []
    rotation._complete(remote, ready(world, cut_off=True, running=NEW), "anna")
    assert "backend" not in world.steps, "it has it already"
    world.broken = "environment"
    with pytest.raises(FailedError, match="still not at its end"):
        rotation._complete(remote, ready(world, cut_off=True), "anna")
    assert world.let_in


def test_a_store_that_someone_else_has_written_is_not_overwritten(store_world: StoreWorld) -> None:
    remote: Any = store_world
    prepared = ready(store_world)
    store_world.values, store_world.version = {"DB_PASS": OLD, "MAIL_PASS": "newer"}, 8
    with pytest.raises(FailedError, match="the old password applies everywhere, as before") as failed:
        rotation._change(remote, prepared, "anna")
    assert "changed by someone else meanwhile" in failed.value.why
    assert store_world.values == {"DB_PASS": OLD, "MAIL_PASS": "newer"}
    assert store_world.everywhere() == {OLD}


def test_the_way_back_keeps_what_someone_else_has_written_since(store_world: StoreWorld) -> None:
    remote: Any = store_world
    prepared, does = ready(store_world), store_world.does

    def others(step: str) -> None:
        if step == "backend" and store_world.version == 8:
            store_world.values, store_world.version = {**store_world.values, "MAIL_PASS": "newer"}, 9
        does(step)

    store_world.does, store_world.broken = others, "backend"  # type: ignore[method-assign]
    with pytest.raises(FailedError, match="the old password applies everywhere, as before"):
        rotation._change(remote, prepared, "anna")
    assert store_world.values == {"DB_PASS": OLD, "MAIL_PASS": "newer"}
    assert store_world.everywhere() == {OLD}


def test_a_write_that_arrived_and_was_not_answered_is_taken_back(
    store_world: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote: Any = store_world
    write = Store.write

    def unanswered(self: Store, values: Mapping[str, str], replaces: str) -> None:
        write(self, values, replaces)
        if values["DB_PASS"] == NEW:
            raise protocol.timed_out(self.place, 15)

    monkeypatch.setattr(Store, "write", unanswered)
    with pytest.raises(FailedError, match="the old password applies everywhere, as before"):
        rotation._change(remote, ready(store_world), "anna")
    assert store_world.everywhere() == {OLD}


def test_a_store_that_fails_on_the_way_back_leaves_the_rotation_under_way(
    store_world: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote: Any = store_world

    def sealed(self: Store) -> Stored:
        raise protocol.sealed(self.place)

    monkeypatch.setattr(Store, "read", sealed)
    store_world.broken = "backend"
    with pytest.raises(FailedError, match="so did its rollback") as failed:
        rotation._change(remote, ready(store_world), "anna")
    assert "the store is sealed" in failed.value.why
    assert store_world.let_in, "the next run brings everything to what the store says"
    assert store_world.stands() == NEW
