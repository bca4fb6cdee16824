"""A swap that ends at any point, by a kill or by a fault, leaves databases, folders, backend and page as they were."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from aipbx_agent import cleanup
from aipbx_agent.core import docker, files, times
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.files import write_json
from aipbx_agent.databases import engine, names
from aipbx_agent.release.containers import stack
from aipbx_agent.release.switch import public_check
from aipbx_agent.restore import discard, retained, swap, swap_journal, swap_plan, undo

LABEL = "20261123T030000Z"
LIVE, NEW = "aipbx", f"aipbx_restore_{LABEL}"
OLD, AFTER = f"aipbx_before_{LABEL}", f"aipbx_after_{LABEL}"


class Killed(BaseException):
    """kill -9: nothing of the program's runs any more."""


class World:
    """A host: what its databases and folders hold, whether its backend runs. It may end at any of its actions."""

    def __init__(self, root: Path, config: Config) -> None:
        self.root, self.config = root, config
        self.names = {LIVE: "live", NEW: "restored"}
        self.runs, self.ends_at, self.fault, self.actions = True, -1, "", 0
        self.asked = False
        for volume in ("static", "voices"):
            for name, text in (("_data", "live"), (names.folder(names.RESTORED, LABEL), "restored")):
                (root / volume / name).mkdir(parents=True)
                (root / volume / name / "file").write_text(text)

    def acts(self, what: str) -> None:
        self.actions += 1
        if self.actions == self.ends_at:
            raise Killed
        if what == self.fault:
            raise Failed(f"{what} does not work.", "A fault.", "Fix it.")

    def stop(self, _: str) -> None:
        self.acts("stop")
        self.runs = False

    def start(self, container: str) -> None:
        self.acts("start")
        self.runs = self.runs or container == "backend"

    def wait(self, *_: object) -> None:
        self.acts("wait")

    def answers(self, open_to_visitors: bool) -> None:
        assert open_to_visitors
        self.asked = True
        if self.fault == "answers":
            raise Failed("https://h does not answer as it should.", "/: 502.", "inv logs nginx")

    def databases(self) -> list[str]:
        return list(self.names)

    def rename(self, pairs: list[tuple[str, str]]) -> None:
        if pairs[0][1] in self.names and pairs[-1][0] not in self.names:
            return
        self.acts("rename")
        for old, new in pairs:
            assert new not in self.names
            self.names[new] = self.names.pop(old)
        self.acts("renamed")

    def open(self, _: str) -> None:
        assert json.loads(swap_journal.path(self.config).read_text())["phase"] == swap_journal.DECIDED

    def take_back(self, pairs: list[tuple[str, str]]) -> None:
        self.rename([(new, old) for old, new in reversed(pairs)])

    def version(self) -> str:
        return "16.14"

    def size(self, _: str) -> int:
        return 1

    def drop(self, name: str) -> None:
        self.acts("drop")
        self.names.pop(name, None)

    def held(self) -> dict[str, str]:
        """What is where."""
        files = {str(path.relative_to(self.root)): path.read_text() for path in self.root.glob("*/_data*/file")}
        return {**self.names, **files, "backend": str(self.runs)}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    for name in ("backups", "maintenance"):
        (tmp_path / "app" / name).mkdir(parents=True)
    backend = {"DB_NAME": LIVE, "DB_HOST": "postgres"}
    raw = {"host": "h", "app_dir": str(tmp_path / "app"), "compose_project": "p", "ready_seconds": 1}
    return Config(raw, {"backend": backend}, {})


@pytest.fixture
def world(tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path / "volumes", config)
    rename = Path.rename

    def renamed(path: Path, target: str | Path) -> Path:
        if "_data" in path.name:
            made.acts("move")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renamed)
    monkeypatch.setattr(docker, "answering", lambda: None)
    monkeypatch.setattr(docker, "state", lambda _: {"Running": False})
    monkeypatch.setattr(docker, "container", lambda _, service, **__: service)
    monkeypatch.setattr(docker, "running", lambda _: made.runs)
    monkeypatch.setattr(docker, "stop", made.stop)
    monkeypatch.setattr(docker, "start", made.start)
    monkeypatch.setattr(docker, "wait_healthy", made.wait)
    monkeypatch.setattr(engine, "live", lambda _: made)
    monkeypatch.setattr(
        public_check, "check", lambda config: made.answers(not swap_plan.maintenance_page(config).exists())
    )
    monkeypatch.setattr(stack, "_REMEDIES", ())
    return made


def planned(config: Config, world: World) -> swap_plan.Swap:
    folders = [
        (world.root / name / "_data", world.root / name / f"_data.restore-{LABEL}") for name in ("static", "voices")
    ]
    return swap_plan.planned(config, "restore of x", LABEL, names.BEFORE, NEW, folders)


def done(config: Config, world: World) -> None:
    swap.carry_out(config, world, planned(config, world))  # type: ignore[arg-type] # all that a swap asks of it


SWAPPED = {
    LIVE: "restored", OLD: "live", "backend": "True",
    "static/_data/file": "restored", f"static/_data.before-{LABEL}/file": "live",
    "voices/_data/file": "restored", f"voices/_data.before-{LABEL}/file": "live",
}  # fmt: skip


# What a swap does until it is decided: stop, rename (twice counted), four moves of folders.
MOVES = 7
# And when the backend does not become ready afterwards: what was live meanwhile is retained.
RETURNED = {
    LIVE: "live", AFTER: "restored", "backend": "True",
    "static/_data/file": "live", f"static/_data.after-{LABEL}/file": "restored",
    "voices/_data/file": "live", f"voices/_data.after-{LABEL}/file": "restored",
}  # fmt: skip


def test_everything_changes_places(config: Config, world: World) -> None:
    done(config, world)
    assert world.held() == SWAPPED
    assert not swap_journal.path(config).exists()
    assert not (config.app / "maintenance" / "on").exists()
    replaced = retained.read(config).replaced
    assert replaced
    assert (replaced.database, replaced.label, len(replaced.folders)) == (OLD, LABEL, 2)
    assert world.asked


def test_visitors_who_do_not_reach_the_live_data_are_reported(config: Config, world: World) -> None:
    world.fault = "answers"
    with pytest.raises(Failed, match="The restore of x is done, but https://h does not answer"):
        done(config, world)
    assert world.held() == SWAPPED
    assert not swap_journal.path(config).exists()


@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize("ends_at", range(1, 10))
def test_the_run_after_a_kill_puts_everything_back(
    config: Config, world: World, monkeypatch: pytest.MonkeyPatch, ends_at: int, runs: bool
) -> None:
    world.runs = runs
    before, world.ends_at = world.held(), ends_at
    with monkeypatch.context() as dead:
        dead.setattr(swap, "_back_after", lambda *_: None)
        with pytest.raises(Killed):
            done(config, world)
    assert swap_journal.pending(config)
    # Killed once more, at every point of the way back; the next one ends it.
    for again in range(1, 9):
        world.ends_at = world.actions + again
        try:
            swap.recover(config)
        except Killed:
            continue
        break
    # Once all has changed places and that is written down, the data are the live ones.
    decided = ends_at > MOVES
    assert world.held() == (SWAPPED if decided else before)
    assert not swap.recover(config)
    assert not (config.app / "maintenance" / "on").exists()
    assert bool(retained.read(config).replaced) == decided


def test_a_kill_when_all_was_done_is_ended_not_taken_back(
    config: Config, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as dead:
        dead.setattr(swap, "_finish", dies)
        with pytest.raises(Killed):
            done(config, world)
    assert swap.recover(config)
    assert world.held() == SWAPPED
    assert retained.read(config).replaced


@pytest.mark.parametrize("fault", ["stop", "rename", "move"])
def test_a_fault_is_taken_back_at_once_and_reported(config: Config, world: World, fault: str) -> None:
    before, world.fault = world.held(), fault
    mended = world.acts

    def once(what: str) -> None:
        try:
            mended(what)
        finally:
            if what == fault:
                world.fault = ""

    world.acts = once  # type: ignore[method-assign]
    with pytest.raises(Failed) as failed:
        done(config, world)
    assert failed.value.what == "restore of x failed; the previous data is live again."
    assert failed.value.why == f"{fault} does not work. A fault."
    assert world.held() == before
    assert not swap_journal.pending(config)


def test_a_decision_that_cannot_be_written_down_is_none(
    config: Config, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, write = world.held(), write_json

    def full(path: Path, content: dict[str, object]) -> None:
        if content.get("phase") == swap_journal.DECIDED:
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(files, "write_json", full)
    with pytest.raises(OSError, match="No space left"):
        done(config, world)
    assert world.held() == before
    assert not swap_journal.pending(config)


def not_ready_once(world: World) -> None:
    usual, left = world.acts, ["wait"]

    def acts(what: str) -> None:
        usual(what)
        if what in left:
            left.remove(what)
            raise Failed("The backend is not ready.", "Its log.", "Look.")

    world.acts = acts  # type: ignore[method-assign]


def test_what_was_live_until_the_backend_was_found_not_ready_is_retained(config: Config, world: World) -> None:
    not_ready_once(world)
    with pytest.raises(Failed) as failed:
        done(config, world)
    assert failed.value.what == "restore of x failed; the previous data is live again."
    assert AFTER in failed.value.do
    assert world.held() == RETURNED
    replaced = retained.read(config).replaced
    assert replaced
    assert (replaced.database, replaced.what) == (AFTER, "undo of the restore of x")
    assert not swap_journal.pending(config)
    assert not (config.app / "maintenance" / "on").exists()


@pytest.mark.parametrize("ends_at", range(MOVES + 3, 2 * MOVES + 5))
def test_a_return_that_is_killed_is_completed(config: Config, world: World, ends_at: int) -> None:
    not_ready_once(world)
    world.ends_at = ends_at
    with pytest.raises(Killed):
        done(config, world)
    assert swap.recover(config)
    assert world.held() == RETURNED
    assert retained.read(config).replaced


def test_a_page_stays_until_the_backend_is_ready_on_the_way_back(
    config: Config, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dead:
        dead.setattr(swap, "_back_after", lambda *_: None)
        world.ends_at = MOVES
        with pytest.raises(Killed):
            done(config, world)
    page = config.app / "maintenance" / "on"
    seen: list[bool] = []
    monkeypatch.setattr(docker, "wait_healthy", lambda *_: seen.append(page.exists()))
    assert swap.recover(config)
    assert (seen, page.exists()) == ([True], False)


def test_when_there_is_no_way_back_the_journal_stays(config: Config, world: World) -> None:
    world.fault = "start"
    with pytest.raises(Failed, match="h IS NOT WELL: the restore of x is done, and backend does not start"):
        done(config, world)
    assert swap_journal.pending(config)


def test_a_page_that_was_on_stays_on(config: Config, world: World) -> None:
    page = config.app / "maintenance" / "on"
    page.touch()
    done(config, world)
    assert page.exists()
    assert not world.asked


@pytest.mark.parametrize("text", ["", "{", "[]", '{"phase": "begun"}', '{"phase": "begun", "folders": 3}'])
def test_a_damaged_journal_is_reported(config: Config, text: str) -> None:
    swap_journal.path(config).write_text(text)
    with pytest.raises(Failed, match="cannot be read, so it is unknown"):
        swap.recover(config)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left by others."""
    monkeypatch.setattr(cleanup, "clear", swap.recover)


def test_undo_and_undo_again(config: Config, world: World, alone: None, capsys: pytest.CaptureFixture[str]) -> None:
    done(config, world)
    undo.main(config, argparse.Namespace())
    assert world.held()[LIVE] == "live"
    assert world.held()["static/_data/file"] == "live"
    assert world.held()[f"aipbx_after_{LABEL}"] == "restored"
    undo.main(config, argparse.Namespace())
    assert world.held() == SWAPPED
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [one["what"] for one in told] == ["undo of the restore of x", "restore of x"]


def test_undo_of_a_restore_that_was_cut_off_takes_it_back_and_no_more(
    config: Config, world: World, alone: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, world.ends_at = world.held(), 4
    with monkeypatch.context() as dead:
        dead.setattr(swap, "_back_after", lambda *_: None)
        with pytest.raises(Killed):
            done(config, world)
    world.ends_at = -1
    undo.main(config, argparse.Namespace())
    assert world.held() == before
    assert '"recovered": true' in capsys.readouterr().out


def test_what_is_half_deleted_is_never_swapped_back(config: Config, world: World, alone: None) -> None:
    with pytest.raises(Refused, match="nothing to undo"):
        undo.main(config, argparse.Namespace())
    done(config, world)
    everything = argparse.Namespace(database="")
    world.ends_at = world.actions + 1
    with pytest.raises(Killed):
        discard.main(config, everything)
    with pytest.raises(Refused, match="nothing to undo"):
        undo.main(config, argparse.Namespace())
    discard.main(config, everything)
    assert {name: text for name, text in world.held().items() if text == "live"} == {}
    with pytest.raises(Refused, match="Nothing is retained"):
        discard.main(config, everything)


def test_one_look_goes_and_the_rest_stays(config: Config, world: World, alone: None) -> None:
    done(config, world)
    now = retained.read(config)
    world.names |= {"a": "", "b": ""}
    retained.write(config, retained.Kept(now.replaced, {name: {"of": "x", "at": times.now()} for name in ("a", "b")}))
    with pytest.raises(Refused, match="c is not a database for inspection"):
        discard.main(config, argparse.Namespace(database="c"))
    discard.main(config, argparse.Namespace(database="a"))
    assert retained.read(config).replaced == now.replaced
    assert list(retained.read(config).looks) == ["b"]
    assert "a" not in world.names
    retained.main(config, argparse.Namespace())
