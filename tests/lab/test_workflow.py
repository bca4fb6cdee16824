"""Story: a commit with a tag in its message becomes a release, by the very workflow that GitHub runs (docs/ci.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.ci import known_hosts
from lab.machines.host import Host
from lab.running import Running
from tests.lab.inv_run import FILLED, Inv
from tests.lab.web import Web
from tests.lab.workflow import Commits, GitHub, Key

# Whoever writes a message writes no command; `[deploy:3]` is the third host of the inventory.
HOSTILE = "Answers `touch /tmp/owned` $(touch /tmp/owned) ${{ github.token }} [deploy:3]\n\n\"; touch /tmp/owned; '\n"


@pytest.fixture(scope="module")
def key(deployed: Inv, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Key]:
    """CI's key, let in by an operator."""
    found = Key(deployed, tmp_path_factory.mktemp("ci") / "ci")
    found.let_in()
    yield found
    found.revoke()


@pytest.fixture(scope="module")
def github(
    deployed: Inv, server: Host, lab: Running, key: Key, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GitHub]:
    """This repository at GitHub, and a runner; the server has what ran before at the end."""
    before = runs(server)
    with GitHub.of(lab, server, tmp_path_factory.mktemp("fleet"), key.private) as found:
        yield found
    if runs(server) != before:
        back = ("deploy", f"--host={server.name}", "--service=backend", f"--sha={before}", "--now", "--yes")
        deployed(*back).succeeded()


@pytest.fixture
def backend(github: GitHub, tmp_path: Path) -> Commits:
    """A clone of the backend's repository."""
    return github.clone(tmp_path)


def runs(server: Host) -> str:
    """The commit that answers."""
    return str(Web(server)("/api/version").json["sha"])


def lock(server: Host) -> str:
    """Who has the deploy lock."""
    return server.run("cat /app/aipbx/lock/owner 2>/dev/null || true").stdout.strip()


def test_a_commit_with_a_tag_becomes_a_release(github: GitHub, deployed: Inv, server: Host, backend: Commits) -> None:
    new = backend.push(HOSTILE)
    run = github.run().succeeded()
    assert (runs(server), lock(server)) == (new, "")
    last = deployed.json("releases", f"--host={server.name}", "--json")[server.name][-1]
    assert (last["action"], last["result"]) == ("deploy", "ok")
    assert str(last["operator"]).startswith("ci@")
    assert last["subjects"]["backend"].startswith("Answers `touch /tmp/owned` $(touch /tmp/owned) ${{ github.token }}")
    # Secrets are nowhere: neither said, nor in what the runner keeps. And no word of the message was a command.
    assert not [word for word in (*github.secret_words, *FILLED.values()) if word in run.output]
    assert github.kept_by_the_runner() == ""
    said = server.run("journalctl -q --since=-15min; ls /run; ps axww -o args").stdout
    assert not [word for word in (*github.secret_words, "aipbx-registry") if word in said]
    for machine in (github.machine, server):
        assert machine.run("ls /tmp/owned", check=False).returncode != 0


@pytest.mark.test_all
@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Answers [deploy:$(touch /tmp/owned)]", "[deploy:$(touch /tmp/owned)], which is not known"),
        ("Answers [deploy:`touch /tmp/owned`]", "[deploy:`touch /tmp/owned`], which is not known"),
        ("Answers [deploy:7]", "[deploy:7], which is not known"),
        ("Answers [depoly:3]", "[depoly:3], which is not known"),
    ],
)
def test_an_unknown_tag_ends_the_run_before_anything_is_built(
    github: GitHub, server: Host, backend: Commits, message: str, said: str
) -> None:
    before, told = runs(server), len(github.notified())
    sha = backend.push(message)
    github.run().refused(said)
    assert (runs(server), github.has_image(sha)) == (before, False)
    assert f"CI: backend {sha[:12]} was not deployed (before any host)" in github.notified()[told:][0]
    assert github.machine.run("ls /tmp/owned", check=False).returncode != 0


@pytest.mark.test_all
def test_without_a_tag_nothing_happens(github: GitHub, server: Host, backend: Commits) -> None:
    before, told = runs(server), len(github.notified())
    sha = backend.push("Answers $(touch /tmp/owned) [skip: deploy]")
    github.run().succeeded()
    assert (runs(server), github.has_image(sha), len(github.notified())) == (before, False, told)


@pytest.mark.test_all
def test_what_fails_its_checks_is_not_built(github: GitHub, server: Host, backend: Commits) -> None:
    before, told = runs(server), len(github.notified())
    # The first of two commands: what follows it must not be what counts.
    sha = backend.push("Fails [deploy:3]", types="exit 3")
    github.run().refused()
    assert (runs(server), github.has_image(sha)) == (before, False)
    assert f"CI: backend {sha[:12]} was not deployed (before any host)" in github.notified()[told:][0]


@pytest.mark.test_all
def test_what_cannot_be_built_is_not_deployed(github: GitHub, server: Host, backend: Commits) -> None:
    before, told = runs(server), len(github.notified())
    sha = backend.push("Fails [deploy:3]", released="exit 3")
    github.run().refused()
    assert (runs(server), github.has_image(sha), lock(server)) == (before, False, "")
    assert f"CI: backend {sha[:12]} was not deployed (before any host)" in github.notified()[told:][0]


@pytest.mark.test_all
def test_a_host_with_another_key_gets_nothing(github: GitHub, server: Host, backend: Commits) -> None:
    before, told = runs(server), len(github.notified())
    other = "AAAAC3NzaC1lZDI1NTE5AAAAIA8OAuIWFrFUTb5HCQTpuIB6yxgGwFpo7iyRJ0fSjNq7"
    with github.changed(known_hosts.KEYS, f"{server.name} ssh-ed25519 {other}\n"):
        sha = backend.push("Answers [deploy:3]")
        github.run().refused("host key")
    assert (runs(server), lock(server)) == (before, "")
    assert f"CI: backend {sha[:12]} was not deployed ({server.name})" in github.notified()[told:][0]


@pytest.mark.test_all
def test_a_revoked_key_deploys_nothing(github: GitHub, server: Host, key: Key, backend: Commits) -> None:
    before, told = runs(server), len(github.notified())
    key.revoke()
    try:
        sha = backend.push("Answers [deploy:3]")
        github.run().refused()
    finally:
        key.let_in()
    assert (runs(server), lock(server)) == (before, "")
    assert f"CI: backend {sha[:12]} was not deployed ({server.name})" in github.notified()[told:][0]


@pytest.mark.test_all
def test_all_is_every_host_and_none_after_a_canary_that_fails(github: GitHub, server: Host, backend: Commits) -> None:
    before, told = runs(server), len(github.notified())
    # The first of the inventory, which this runner cannot reach.
    sha = backend.push("Answers [deploy:all]")
    run = github.run().refused('"canary": "aipbx.net", "rest": ["aipbx.org", "aipbx.ru"]')
    assert "inv deploy --host=aipbx.ru" not in run.output
    assert (runs(server), github.has_image(sha)) == (before, True)
    assert [f"{sha[:12]} was not deployed (aipbx.net)" in text for text in github.notified()[told:]] == [True]
