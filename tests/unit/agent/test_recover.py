"""What is down after a boot is started, recreated where that fails, and the team hears of it once."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aipbx_agent import cleanup, recover
from aipbx_agent.core import detached, docker, lock
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.release.containers import colours, stack
from aipbx_agent.release.switch import switch, switch_journal
from aipbx_agent.report import notify, run_state
from aipbx_agent.restore import swap, swap_journal
from aipbx_agent.roles import rotation

UP = {"Running": True, "Pid": 1, "Error": "", "StartedAt": "2026-11-28T17:00:00Z", "FinishedAt": "0001-01-01T00:00:00Z"}
CREATED = "2026-11-28T16:00:00Z"
DOWN = {**UP, "Running": False, "FinishedAt": "2026-11-28T17:10:00Z"}


class Stack:
    """Containers by service; a service in `broken` starts only once the remedy that it names was tried."""

    def __init__(self) -> None:
        self.states: dict[str, dict[str, Any]] = {name: dict(UP) for name in ("postgres", "nginx", "backend")}
        self.broken: dict[str, str] = {}
        self.did: list[str] = []

    def start(self, service: str) -> None:
        self.did.append(f"start {service}")
        if service in self.broken:
            raise Failed("docker failed.", "network x not found", "Look.")
        self.states[service]["Running"] = True

    def run(self, argv: list[str], **_: Any) -> bytes:
        if argv[1] == "inspect":
            return f"{CREATED}\n".encode()
        self.did.append(" ".join(argv[1:]))
        return b""

    def heals(self, remedy: str) -> Any:
        def heal(_: Config, service: str) -> None:
            self.did.append(f"{remedy} {service}")
            if self.broken.get(service) == remedy:
                del self.broken[service]

        return heal


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "backups").mkdir()
    return Config(
        {"host": "h", "app_dir": str(tmp_path), "compose_project": "p"}, {"backend": {"DB_HOST": "postgres"}}, {}
    )


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Stack:
    made = Stack()
    monkeypatch.setattr(docker, "answering", lambda: None)
    monkeypatch.setattr(rotation, "close", lambda _: False)
    monkeypatch.setattr(docker, "container", lambda _, service, **__: service)
    monkeypatch.setattr(colours, "present", lambda _, service: service if service in made.states else "")
    monkeypatch.setattr(docker, "state", lambda service: made.states[service])
    monkeypatch.setattr(docker, "running", lambda service: made.states[service]["Running"])
    monkeypatch.setattr(docker, "start", made.start)
    monkeypatch.setattr(docker, "wait_healthy", lambda *_: None)
    monkeypatch.setattr(stack, "run", made.run)
    monkeypatch.setattr(
        stack, "_REMEDIES", (("recreate it", made.heals("recreate")), ("restart", made.heals("daemon")))
    )
    return made


def test_the_database_is_started_and_others_only_where_docker_could_not(config: Config, there: Stack) -> None:
    assert stack.stopped(config) == []
    there.states = {name: dict(DOWN) for name in there.states}
    assert stack.stopped(config) == ["postgres"], "somebody stopped the others on purpose"
    there.states["nginx"]["Error"] = "port is already allocated"
    assert stack.stopped(config) == ["postgres", "nginx"]
    there.states["postgres"] = {**UP, "Pid": 2**22 + 1}
    assert stack.stopped(config) == ["postgres", "nginx"], "its process is gone, and Docker does not know"
    there.states["postgres"] = {**UP, "Restarting": True, "Pid": 0}
    assert stack.stopped(config) == ["nginx"], "Docker starts it again by itself"
    del there.states["postgres"]
    assert stack.stopped(config) == ["nginx"], "a server elsewhere is none of ours"


@pytest.mark.parametrize(
    ("remedy", "did"),
    [
        ("", []),
        ("recreate", ["recreate postgres", "start postgres"]),
        ("daemon", ["recreate postgres", "start postgres", "daemon postgres", "start postgres"]),
    ],
)
def test_what_does_not_start_is_recreated_and_then_docker_is_restarted(
    config: Config, there: Stack, remedy: str, did: list[str]
) -> None:
    there.broken = {"postgres": remedy} if remedy else {}
    assert stack.started(config, "postgres") == "postgres"
    assert there.did == ["start postgres", *did]


def test_docker_is_waited_for_while_it_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter((False, False, True))

    def version(*_: object, **__: object) -> bytes:
        if not next(answers):
            raise Failed("docker failed.", "Cannot connect to the Docker daemon", "Look.")
        return b""

    monkeypatch.setattr(docker, "run", version)
    monkeypatch.setattr(docker, "PAUSE", 0)
    docker.answering()
    assert list(answers) == []


def test_docker_is_restarted_where_it_does_not_know_that_a_process_ended(config: Config, there: Stack) -> None:
    there.states["postgres"] = {**UP, "Pid": 2**22 + 1}
    assert stack.started(config, "postgres") == "postgres"
    assert there.did == ["restart docker.service", "start postgres"]


def test_what_starts_by_no_remedy_is_an_error(config: Config, there: Stack) -> None:
    there.broken = {"postgres": "never"}
    with pytest.raises(Failed, match="postgres does not start on h"):
        stack.started(config, "postgres")


ONLY_CREATED, GONE = {**UP, "Running": False, "StartedAt": UP["FinishedAt"]}, {**UP, "Pid": 2**22 + 1}


@pytest.mark.parametrize(
    ("database", "began", "again"),
    [
        (DOWN, "2026-11-28T17:10:05Z", True),
        (DOWN, "2026-11-28T17:09:00Z", False),
        (ONLY_CREATED, "2026-11-28T16:00:05Z", True),
        (ONLY_CREATED, "2026-11-28T15:59:00Z", False),
        (GONE, "2020-01-01T00:00:00Z", False),
    ],
)
def test_a_backend_that_met_no_database_is_started_again(
    config: Config, there: Stack, database: dict[str, Any], began: str, again: bool
) -> None:
    there.states["postgres"] = dict(database)
    there.states["backend"]["StartedAt"] = began
    stack.brought_back(config, "postgres")
    assert ("restart backend" in there.did) == again


def test_the_team_hears_of_a_failure_once_and_of_its_end(
    config: Config, there: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(notify, "send", lambda _, title, text: sent.append(f"{title}: {text}"))
    monkeypatch.setattr(cleanup, "main", lambda *_: None)
    monkeypatch.setattr(swap_journal, "pending", lambda _: None)
    monkeypatch.setattr(switch_journal, "pending", lambda _: None)
    options = argparse.Namespace()
    recover.main(config, options)
    assert sent == []
    there.states["postgres"] = dict(DOWN)
    there.broken = {"postgres": "never"}
    for _ in range(3):
        with pytest.raises(Failed):
            recover.main(config, options)
    assert [text.partition(":")[0] for text in sent] == ["h"]
    assert "recovery failed" in sent[0]
    there.broken = {}
    recover.main(config, options)
    assert "recovered: postgres was down, and runs again." in sent[1]
    assert run_state.state(config, "recover")["ok"]
    recover.main(config, options)
    assert len(sent) == 2


def test_one_service_that_stays_down_keeps_nothing_else_from_its_end(
    config: Config, there: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closes(_: Config) -> bool:
        there.did.append("closed")
        return True

    there.states = {name: {**DOWN, "Error": "port is already allocated"} for name in there.states}
    there.broken = {"nginx": "never"}
    monkeypatch.setattr(notify, "send", lambda *_: None)
    monkeypatch.setattr(docker, "answering", lambda: there.did.append("docker answers"))
    monkeypatch.setattr(cleanup, "main", lambda *_: there.did.append("tidied"))
    monkeypatch.setattr(rotation, "close", closes)
    with pytest.raises(Failed, match="nginx does not start"):
        recover.main(config, argparse.Namespace())
    assert there.states["backend"]["Running"]
    assert there.did[0] == "docker answers"
    assert there.did[-2:] == ["tidied", "closed"]
    there.states["postgres"], there.broken = dict(DOWN), {"postgres": "never"}
    there.did.clear()
    with pytest.raises(Failed, match="postgres does not start"):
        recover.main(config, argparse.Namespace())
    assert "tidied" not in there.did


@pytest.mark.parametrize("module", [swap, switch])
def test_what_cannot_come_to_its_end_fails_and_is_no_held_lock(
    config: Config, there: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: ModuleType
) -> None:
    def recovers(_: Config) -> None:
        raise Refused("backend is not there.", "Compose project p has no such container.", "inv status")

    sent: list[str] = []
    monkeypatch.setattr(notify, "send", lambda _, title, __: sent.append(title))
    monkeypatch.setattr(lock, "PATH", tmp_path / "data-lock")
    monkeypatch.setattr(switch, "LOCK", tmp_path / "switch-lock")
    monkeypatch.setattr(switch, "_host_stops", lambda: False)
    monkeypatch.setattr(module, "recover", recovers)
    monkeypatch.setattr(cleanup, "clear", swap.recover)
    with pytest.raises(Failed, match="backend is not there"):
        recover.main(config, argparse.Namespace())
    assert sent == ["h: recovery failed"]
    path = lock.PATH if module is swap else switch.LOCK
    with lock.held("restore", path):
        recover.main(config, argparse.Namespace())
    assert sent[1:] == ["h: recovered"]


def test_files_of_a_caller_that_was_killed_are_deleted_and_others_stay(tmp_path: Path) -> None:
    dead, alive = tmp_path / f"aipbx-agent-{2**22}-abc", tmp_path / "aipbx-agent-1-abc"
    other = tmp_path / "aipbx-agent-x"
    for path in (dead, alive, other):
        path.write_text(json.dumps({"secret": 1}))
    detached.clear(str(tmp_path))
    assert sorted(tmp_path.iterdir()) == [alive, other]
