"""Story: a team's secrets are in a real OpenBao; each failure of it leaves all whole."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet.env.dotenv import dotenv_file
from lab.machines.host import Host
from tests import openbao
from tests.lab import faults
from tests.lab.inv_run import FILLED, Inv
from tests.lab.pyinfra_run import Run
from tests.lab.test_rotation import NOT_DONE, killed, opens
from tests.openbao import Bao

ENVIRONMENT = "cat /app/aipbx/environment.json"
NEW = "sk-proj-the $NEW 'one' \"of\" \\ it #2"


class Team:
    """An operator whose host's secrets are in a store."""

    def __init__(self, inv: Inv, server: Host, bao: Bao) -> None:
        self.inv, self.server, self.bao = inv, server, bao
        self.path = f"aipbx/{server.name}"
        self.file = inv.ssh_config.parent / "env" / f"{server.name}.env"

    def __call__(self, verb: str, *words: str) -> Run:
        """Run a verb for the host; no secret is in what it says."""
        run = self.inv(verb, f"--host={self.server.name}", *words)
        assert not [value for value in self.values() if value in run.output], run.output
        return run

    def values(self) -> list[str]:
        """What no one may see; an undeclared variable counts as secret, too, and may be short."""
        return [value for value in self.stored().values() if len(value) >= 12]

    def stored(self) -> dict[str, str]:
        """What the store has, or had before its entry was deleted."""
        kv = self.bao.root.secrets.kv.v2
        if self.bao.root.sys.is_sealed():
            return {}
        found = kv.read_secret_version(path=self.path, mount_point="secret", raise_on_deleted_version=False)
        return dict(found["data"]["data"] or {})

    def write(self, **values: str) -> None:
        """Someone else gives secrets other values in the store."""
        self.bao.root.secrets.kv.v2.patch(path=self.path, secret=values, mount_point="secret")

    def on_host(self) -> str:
        """The environment that the host has."""
        return self.server.run(ENVIRONMENT).stdout


@pytest.fixture(scope="module")
def team(deployed: Inv, server: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """The host's secrets were moved into the store; afterwards all is as it was."""
    patch = pytest.MonkeyPatch()
    file = deployed.ssh_config.parent / "env" / f"{server.name}.env"
    before = file.read_text()
    with openbao.started(tmp_path_factory.mktemp("bao")) as bao:
        for name in ("VAULT_ROLE_ID", "VAULT_SECRET_ID", "VAULT_ADDR", "VAULT_NAMESPACE", "VAULT_CACERT"):
            patch.delenv(name, raising=False)
        patch.setenv("VAULT_TOKEN", bao.root.token)
        with deployed.changed(server.name, secrets_from={"kind": "vault", "address": bao.address}):
            deployed("env.move", f"--host={server.name}", "--to=vault", "--yes").succeeded()
            made = Team(deployed, server, bao)
            yield made
            password = made.stored()["DB_PASS"]
        old = dotenv_file.read(before.encode()).values["DB_PASS"]
        file.write_text(before.replace(old, password))
        patch.undo()
    deployed("env.push", f"--host={server.name}", "--yes").succeeded()


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """Every command line of this machine while the block runs, as far as it lives for a moment."""
    seen: set[str] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield seen
    finally:
        ended.set()
        watching.join(10)


def test_a_push_brings_what_was_changed_in_the_store_and_no_value_is_seen(team: Team) -> None:
    secrets = team.stored()
    assert {"DB_PASS", "OPENAI_API_KEY", "STRIPE_SECRET_KEY"} <= set(secrets)
    assert not [value for value in team.values() if value in team.file.read_text()]
    team("env.diff").succeeded()
    team.write(OPENAI_API_KEY=NEW)
    diff = team("env.diff")
    assert (diff.code, "changed in the store since the last push: OPENAI_API_KEY" in diff.output) == (1, True)
    with command_lines() as seen:
        assert "changed in the store since the last push: OPENAI_API_KEY" in team("env.push", "--yes").output
    assert any("env.push" in line for line in seen)
    assert not [value for value in team.values() if any(value in line for line in seen)]
    assert NEW.replace("$", "$$").replace("\\", "\\\\").replace('"', '\\"') in team.on_host()
    for value in team.values():
        here = ["grep", "-rlF", "-e", value, str(team.inv.tree), "--exclude-dir=.venv"]
        assert subprocess.run(here, capture_output=True, text=True, check=False).stdout == ""
    team.write(OPENAI_API_KEY=FILLED["OPENAI_API_KEY"])
    team("env.push", "--yes").succeeded()
    team("env.diff").succeeded()


@pytest.mark.test_all
def test_a_store_that_fails_changes_nothing_and_stops_no_deploy(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    before, address = team.on_host(), team.bao.address
    kv = team.bao.root.secrets.kv.v2
    team.bao.root.sys.seal()
    try:
        assert team("env.push", "--yes").refused("the store is sealed", "bao operator unseal").code == 2
        assert team("db.rotate-password", "--yes").refused("the store is sealed").code == 2
        team("deploy", "--dry").succeeded()
    finally:
        team.bao.unseal()
    with monkeypatch.context() as patch:
        patch.setenv("VAULT_TOKEN", "s.aTokenThatWasRevoked")
        assert team("env.push", "--yes").refused("the store refused", "Log in to the store again").code == 2
    nowhere = {"kind": "vault", "address": f"http://127.0.0.1:{openbao.free_port()}"}
    with team.inv.changed(team.server.name, secrets_from=nowhere):
        assert team("env.push", "--yes").refused("cannot be reached", "Check the VPN").code == 2
    kv.delete_latest_version_of_secret(path=team.path, mount_point="secret")
    try:
        assert team("env.push", "--yes").refused("there are no secrets", "inv env.move").code == 2
    finally:
        version = kv.read_secret_metadata(path=team.path, mount_point="secret")["data"]["current_version"]
        kv.undelete_secret_versions(path=team.path, versions=[version], mount_point="secret")
    assert team.on_host() == before
    assert team.bao.address == address
    team("env.diff").succeeded()


@pytest.mark.test_all
def test_a_rotation_writes_the_store_first_and_a_failure_has_a_way_on(team: Team) -> None:
    old = team.stored()["DB_PASS"]
    team("db.rotate-password", "--yes").succeeded()
    new = team.stored()["DB_PASS"]
    assert new != old
    assert opens(team.server, new)
    assert not opens(team.server, old)
    assert f'"{new}"' in team.on_host()
    team("env.diff").succeeded()
    with faults.possible(team.server):
        # The backend that is to have the new one is stopped as soon as it is there.
        faults.at(team.server, " up .*backend", "/usr/bin/docker stop $(/usr/bin/docker ps -lq)", after=True)
        run = team("db.rotate-password", "--yes")
        run.refused("the old password applies everywhere, as before")
    assert team.stored()["DB_PASS"] == new
    assert opens(team.server, new)
    with faults.possible(team.server):
        # The operator's machine is gone, once the store has the new one and before the role has it.
        killed(team.inv, team.server, r"\\password", NOT_DONE, after=False)
    newest = team.stored()["DB_PASS"]
    assert newest != new
    assert opens(team.server, new)
    again = team("db.rotate-password", "--yes")
    again.refused("is locked", "rotation of the database's password", "inv unlock")
    team("unlock", "--yes").succeeded()
    assert "An earlier rotation was interrupted" in team("db.rotate-password", "--yes").succeeded().output
    assert team.stored()["DB_PASS"] == newest
    assert opens(team.server, newest)
    team("env.diff").succeeded()
