"""A newer image of a pin: refused before anything runs with it, or put back. Docker's answers are stand-ins."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from aipbx_agent.core import docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Problem, Refused
from aipbx_agent.release.containers import colours, database_container, stack, update_image
from aipbx_agent.release.switch import public_check

BEFORE = update_image.Image("sha256:old", 5, {"PG_MAJOR": "16"})


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "images.env").touch()
    (tmp_path / "backups").mkdir()
    raw = {"host": "aipbx.org", "app_dir": str(tmp_path), "compose_project": "aipbx", "min_free_disk_mib": 0}
    return Config(raw, {"backend": {"DB_HOST": "postgres"}}, {})


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What was done; everything runs, and what is pulled is the image of `after`."""
    said: list[str] = []

    def run(words: list[str], **_: object) -> bytes:
        said.append(" ".join(words[1:]))
        return b""

    monkeypatch.setattr(update_image, "run", run)
    monkeypatch.setattr(docker, "root", lambda: tmp_path)
    monkeypatch.setattr(update_image, "_of_container", lambda _: BEFORE)
    monkeypatch.setattr(update_image, "_c_library", lambda image: image.variables.get("libc", ""))
    monkeypatch.setattr(stack, "database", lambda _: "postgres")
    monkeypatch.setattr(colours, "present", lambda _, name: name)
    monkeypatch.setattr(colours, "start", lambda _, name, __: said.append(f"make {name}"))
    monkeypatch.setattr(docker, "running", lambda _: True)
    monkeypatch.setattr(docker, "image", lambda name: f"{name}:1")
    monkeypatch.setattr(docker, "container", lambda _, name, **__: name)
    monkeypatch.setattr(docker, "wait_healthy", lambda name, *_: said.append(f"wait for {name}"))
    monkeypatch.setattr(public_check, "check", lambda _: said.append("public name"))
    monkeypatch.setattr(database_container, "refuse_broken", lambda *_: None)
    return said


def after(monkeypatch: pytest.MonkeyPatch, identity: str = "sha256:new", **variables: str) -> None:
    monkeypatch.setattr(
        update_image, "_image", lambda _: update_image.Image(identity, 5, {"PG_MAJOR": "16"} | variables)
    )


def act(config: Config, service: str) -> None:
    update_image.main(config, argparse.Namespace(service=service))


PULL, MADE = "pull --quiet nginx:1", ["make nginx", "wait for nginx", "public name"]
BACK = "tag sha256:old nginx:1"


def test_a_newer_one_takes_its_place(config: Config, done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    after(monkeypatch)
    act(config, "nginx")
    assert done == [PULL, *MADE]
    assert not (config.app / "lock").exists()


def test_the_newest_is_left_running(config: Config, done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    after(monkeypatch, BEFORE.identity)
    act(config, "nginx")
    assert done == [PULL]


def test_one_that_is_not_well_is_put_back(config: Config, done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    after(monkeypatch)
    ill = iter([Failed("x", "it ended", "")])

    def wait(name: str, *_: object) -> None:
        done.append(f"wait for {name}")
        if problem := next(ill, None):
            raise problem

    monkeypatch.setattr(docker, "wait_healthy", wait)
    with pytest.raises(Failed, match=r"it runs with the one before\.") as problem:
        act(config, "nginx")
    assert problem.value.why == "it ended"
    assert done == [PULL, "make nginx", "wait for nginx", BACK, *MADE]


def test_neither_is_well(config: Config, done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    after(monkeypatch)

    def wait(*_: object) -> None:
        raise Failed("x", "it ended", "")

    monkeypatch.setattr(docker, "wait_healthy", wait)
    with pytest.raises(Failed, match="The host IS NOT WELL: nginx"):
        act(config, "nginx")
    assert done[-2:] == [BACK, "make nginx"]


@pytest.mark.parametrize(
    ("variables", "why"),
    [({"PG_MAJOR": "17"}, "16 runs, it has 17"), ({"libc": "glibc 2.41"}, "none runs, it has glibc")],
)
def test_a_database_server_that_the_data_do_not_belong_to(
    config: Config, done: list[str], monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], why: str
) -> None:
    after(monkeypatch, **variables)
    with pytest.raises(Refused) as problem:
        act(config, "postgres")
    assert why in problem.value.why
    assert done == ["pull --quiet postgres:1", "tag sha256:old postgres:1"]


def test_what_is_not_updated(config: Config, done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="backend is the application's"):
        act(config, "backend")
    monkeypatch.setattr(docker, "running", lambda _: False)
    with pytest.raises(Refused, match="nginx does not run"):
        act(config, "nginx")
    assert done == []


def test_a_registry_that_does_not_answer_and_a_full_disk(
    config: Config, done: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(words: list[str], **_: object) -> bytes:
        if words[1] == "pull":
            raise Failed("docker failed.", "no such host", "")
        return str(tmp_path).encode()

    monkeypatch.setattr(update_image, "run", run)
    with pytest.raises(Refused, match=r"did not give nginx:1\.") as problem:
        act(config, "nginx")
    assert problem.value.why == "no such host"
    config.raw["min_free_disk_mib"] = 1 << 40
    with pytest.raises(Problem, match="has no room"):
        act(config, "nginx")
    assert done == []
