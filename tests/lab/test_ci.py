"""Story: CI deploys with a key that can do nothing else; whoever steals it, and tries everything, gets nowhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from aipbx_agent.contract import CI, COMMAND, VERSION
from lab import wait
from lab.app import history
from lab.machines.host import Host
from lab.running import Running
from tests.lab import content, login
from tests.lab.application import BACKEND
from tests.lab.inv_run import FILLED, Inv
from tests.lab.pyinfra_run import read_until
from tests.lab.web import Web

IMAGE = "ghcr.io/krasterisk/aipbx_backend"
OTHER_IMAGE = "ghcr.io/krasterisk/aipbx"
TOKEN = "ghs_aTokenOfThisRunAndNoOther"  # noqa: S105  no one's
OWNER = "ci@runner, deploy, since 2026-11-29 06:00:00 UTC"
PAID = "2026-10-01-invoices-paid.sql"


class Runner(Inv):
    """A runner of CI's: a checkout, an ssh_config, CI's key; no env file, and no operator's key.

    Args:
        repositories: the application's, which are public.
    """

    def __init__(
        self, ssh_config: Path, tree: Path, data: dict[str, dict[str, object]], key: Path, repositories: Path
    ) -> None:
        super().__init__(ssh_config, tree, data)
        text = re.sub(r"(?m)^(\s*IdentityFile).*$", rf'\1 "{key}"', self.ssh_config.read_text())
        self.ssh_config.write_text(text)
        self.secret = ""
        self._public = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{repositories}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "git@github.com:",
        }

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | self._public | {"AIPBX_USER": CI, "AIPBX_REGISTRY_TOKEN": self.secret}

    def ask(self, server: Host, command: str, stdin: str = "", *options: str) -> subprocess.CompletedProcess[str]:
        """What a host answers a command over a connection of its own."""
        argv = ["ssh", "-F", str(self.ssh_config), *login.FRESH, *options, f"{CI}@{server.name}", command]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=90, check=False)


def call(verb: str, *options: str) -> str:
    """As fleet/agent.py writes it."""
    return shlex.join([COMMAND, f"--contract={VERSION}", *options, "--json", *verb.split()])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CI's pair of keys."""
    path = tmp_path_factory.mktemp("ci") / "ci"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "runner", "-f", str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def runner(
    deployed: Inv, server: Host, lab: Running, keys: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runner]:
    """CI, let in by an operator."""
    server.run(f"fail2ban-client set sshd addignoreip {lab.subnet.address4(1)}; fail2ban-client unban --all")
    folder = deployed.ssh_config.parent / "operators" / CI
    folder.mkdir(exist_ok=True)
    (folder / "runner.pub").write_text(keys.with_suffix(".pub").read_text())
    converge(deployed)
    quick = {"settle_seconds": 1, "ready_seconds": 40, "keep_releases": 3, "wal_backlog_mib": 64}
    tree = tmp_path_factory.mktemp("runner") / "tree"
    here = lab.lab.directory
    yield Runner(here / "ssh_config", tree, {server.name: dict(quick)}, keys, here / "repositories")
    (folder / "runner.pub").unlink(missing_ok=True)
    converge(deployed)


def converge(deployed: Inv) -> None:
    """What makes CI's account; the rest of a host does not change by it."""
    deployed.bootstrap.only("ci", "ssh", "agent")("-y").succeeded()


def ledger(inv: Inv, server: Host) -> list[dict[str, object]]:
    """What a host's ledger says."""
    found: list[dict[str, object]] = inv.json("releases", f"--host={server.name}", "--json")[server.name]
    return found


def deploy(server: Host, sha: str) -> tuple[str, ...]:
    """What the workflow types."""
    return ("deploy", f"--host={server.name}", "--service=backend", f"--sha={sha}", "--wait", "--yes")


def runs(server: Host) -> str:
    """The commit that answers."""
    return str(Web(server)("/api/version").json["sha"])


def another(server: Host) -> str:
    """A commit that does not run there."""
    return BACKEND["fourth" if runs(server) == BACKEND["third"] else "third"]


def lock(server: Host) -> str:
    """Who has the deploy lock."""
    return server.run("cat /app/aipbx/lock/owner 2>/dev/null || true").stdout.strip()


# Of what `make test` runs, test_workflow.py has the deploy.
@pytest.mark.test_all
def test_ci_deploys_a_commit_with_a_token_that_stays_nowhere(runner: Runner, deployed: Inv, server: Host) -> None:
    new = another(server)
    server.run(f"docker pull -q {IMAGE}:{new}", timeout=120)
    digest = server.run(f"docker image inspect -f '{{{{json .RepoDigests}}}}' {IMAGE}:{new}").stdout
    server.run(f"docker image rm {IMAGE}:{new}")
    runner.secret = TOKEN
    run = runner(*deploy(server, new), f"--digest={json.loads(digest)[0].partition('@')[2]}")
    run.succeeded()
    assert runs(server) == new
    last = ledger(deployed, server)[-1]
    assert (last["action"], last["result"]) == ("deploy", "ok")
    assert str(last["operator"]).startswith("ci@")
    assert ip_address(str(last["address"]))
    assert lock(server) == ""
    # Neither the token nor a value of the environment is anywhere.
    said = server.run("journalctl -q --since=-10min; ls /run; ps axww -o args").stdout
    assert TOKEN not in run.output + said
    assert "aipbx-registry" not in said
    assert not [name for name, value in FILLED.items() if value in run.output]


@pytest.mark.test_all
def test_ci_runs_the_migrations_of_the_image_and_no_others(
    runner: Runner, deployed: Inv, server: Host, tmp_path: Path
) -> None:
    repository = history.make(tmp_path)["krasterisk/aiPBX_backend"]
    work = tmp_path / "work"
    git = ["git", "-C", str(work), "-c", "user.name=Lab", "-c", "user.email=lab@aipbx.test"]
    subprocess.run(["git", "clone", "-q", str(repository), str(work)], check=True)
    sql = work / "migrations/postgres" / PAID
    sql.write_text("ALTER TABLE invoices ADD COLUMN paid boolean;\n")
    for words in (["add", "-A"], ["commit", "-q", "-m", "Paid"], ["push", "-q", "origin", "HEAD:master"]):
        subprocess.run([*git, *words], check=True)
    sha = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    head = BACKEND["fourth"]
    server.run(f"docker image inspect {IMAGE}:{head} >/dev/null 2>&1 || docker pull -q {IMAGE}:{head}", timeout=120)
    with runner.changed(server.name, backend_repository=str(repository)):
        # An image that was not made of this commit.
        server.run(f"docker tag {IMAGE}:{head} {IMAGE}:{sha}")
        before = runs(server)
        runner(*deploy(server, sha)).refused(f"Migration {PAID} is not what the image has")
        assert (runs(server), lock(server)) == (before, "")
        name = f"/app/migrations/postgres/{PAID}"
        server.run(
            f"id=$(docker create {IMAGE}:{head}); cat >/root/{PAID}; docker cp /root/{PAID} $id:{name}; "
            f"docker commit $id {IMAGE}:{sha}; docker rm $id; rm /root/{PAID}",
            stdin=sql.read_bytes(),
        )
        run = runner(*deploy(server, sha)).succeeded()
        assert "migrations: 1 run; restore point" in run.output
    # The host as later stories expect it.
    content.psql(server, "DELETE FROM aipbx_fleet.migrations WHERE name LIKE '%-invoices-paid.sql'")
    content.psql(server, "ALTER TABLE invoices DROP COLUMN paid")
    deployed("deploy", f"--host={server.name}", f"--sha={head}", "--service=backend", "--now", "--yes").succeeded()


# What a thief types; `ask` gives it to sshd as it is.
COMMANDS = [
    "id",
    "",
    "sh -i",
    "bash -c id",
    "cat /app/aipbx/environment.json",
    "cat /etc/shadow",
    "sudo -n id",
    "sudo -n sh",
    f"{COMMAND} ci",
    f"{call('state')}; id",
    f"{call('state')} && id",
    f"{call('state')}\nid",
    f"{call('state')} $(id)",
    f"{call('state')} | id",
    call("restore", "--detached"),
    call("recover", "--detached"),
    call("rotate"),
    call("roles"),
    call("backup", "--detached"),
    call("cancel"),
    call("unlock --force"),
    call("migrate --lock", "--detached", "--stdin"),
    call("services"),
    f"PYTHONPATH=/tmp {call('state')}",
    "scp -t /tmp",
    "/usr/lib/openssh/sftp-server",
    "rsync --server . /",
    "internal-sftp",
    "git-upload-pack /app",
    "docker ps",
]
SAYS_REFUSED = "CI may not ask this of the host"


def test_a_thief_of_the_key_gets_no_command_through(runner: Runner, server: Host) -> None:
    for command in COMMANDS:
        done = runner.ask(server, command)
        assert done.returncode != 0, (command, done.stdout)
        assert SAYS_REFUSED in done.stdout, (command, done.stdout, done.stderr)
        assert "uid=" not in done.stdout + done.stderr, command


def heard(port: int) -> bytes | None:
    """The first bytes from a port of this machine; None: no program listens there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            return connection.recv(4)
    except ConnectionResetError:
        return b""
    except ConnectionRefusedError:
        return None


def test_a_thief_of_the_key_gets_no_terminal_forward_or_file(runner: Runner, server: Host, tmp_path: Path) -> None:
    config, at = str(runner.ssh_config), f"{CI}@{server.name}"
    terminal = runner.ask(server, "", "", "-tt")
    assert "PTY allocation request failed" in terminal.stderr + terminal.stdout, terminal
    assert runner.ask(server, call("state"), "", "-W", "127.0.0.1:22", "-o", "ClearAllForwardings=no").returncode != 0
    back = ["-o", "ExitOnForwardFailure=yes", "-N", "-R", "7777:127.0.0.1:22"]
    listening = ["ssh", "-F", config, *login.FRESH, *back, at]
    assert subprocess.run(listening, capture_output=True, timeout=60, check=False).returncode != 0
    stolen = tmp_path / "stolen"
    for program in (["scp", "-O"], ["scp"]):
        copied = [*program, "-F", config, *login.FRESH, f"{at}:/app/aipbx/environment.json", str(stolen)]
        assert subprocess.run(copied, capture_output=True, timeout=60, check=False).returncode != 0
    assert not stolen.exists()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    tunnel = subprocess.Popen(
        ["ssh", "-F", config, *login.FRESH, "-N", "-L", f"{port}:127.0.0.1:22", at], stderr=subprocess.PIPE, text=True
    )
    try:
        wait.until(lambda: heard(port) is not None, 30, "ssh listens", "look at its standard error")
        assert heard(port) == b""
    finally:
        tunnel.terminate()
        _, said = tunnel.communicate(timeout=20)
    assert "administratively prohibited" in said
    # A second account, root, or another's environment.
    for account in ("root", "deploy", "postgres"):
        done = login.ssh(runner.ssh_config, account, server.name, "id")
        assert done.returncode == 255, (account, done.stdout)
    with_variable = runner.ask(server, call("state"), "", "-o", "SetEnv=PYTHONPATH=/tmp LC_ALL=C.UTF-8")
    assert '"result"' in with_variable.stdout


def _bodies(server: Host) -> list[tuple[str, str]]:
    """Requests of verbs that CI has, made by a thief."""
    new = BACKEND["third"]
    own = {"backend": f"{IMAGE}:{new}", "frontend": f"{OTHER_IMAGE}:{'0' * 40}"}
    facts = {"statements": [], "cannot": [], "losses": [], "breaks": "", "renames": False, "makes": []}
    drop = {"release": new, "files": {"2099-01-01-x.sql": "DROP TABLE users;"}, "facts": {"2099-01-01-x.sql": facts}}
    entry = {"operator": "ci@runner", "action": "deploy", "seconds": 1, "images": own, "subjects": {}}
    detached = ("--detached", "--stdin")
    return [
        (call("pull"), json.dumps({"images": {"backend": {"sha": "latest"}}, "token": ""})),
        (call("pull"), json.dumps({"images": {"postgres": {"sha": new}}, "token": ""})),
        (call("pull"), json.dumps({"images": {"backend": {"sha": new, "digest": "sha256:x"}}, "token": ""})),
        (call("pull"), json.dumps({"images": {"backend": {"sha": new}}, "token": 'a","credsStore":"evil'})),
        (call("prepare", *detached), json.dumps({"images": own | {"backend": "docker.io/evil/image:latest"}})),
        (call("prepare", *detached), json.dumps({"images": own | {"backend": f"ghcr.io/evil/image:{new}"}})),
        (call("fill"), json.dumps({"backend": f"evil/image:{new}", "frontend": f"evil/image:{new}"})),
        (call("switch", *detached), json.dumps({"entry": entry | {"action": "rollback"}, "owner": OWNER})),
        (call("switch", *detached), json.dumps({"entry": entry, "owner": OWNER})),
        (call("migrate", *detached), json.dumps(drop)),
        (call("migrate", *detached), json.dumps(drop | {"baseline": ["2099-01-01-x.sql"]})),
        (call("record"), json.dumps(entry | {"operator": "anna@desk"})),
        (call("lock --tied"), "anna@desk, deploy, since 2026-11-29 06:00:00 UTC"),
        (call("lock --tied"), f"{OWNER}; the host carries it out"),
        (call("unlock"), ""),
        (call("unlock"), "x" * 100_000),
        (call("overlap"), '{"services": ["backend"], "services": ["postgres"]}'),
        (call("state"), '{"confidential": true}'),
    ]


def test_a_thief_of_the_key_changes_nothing_by_the_verbs_that_ci_has(
    runner: Runner, deployed: Inv, server: Host
) -> None:
    def whole() -> str:
        files = "cat /app/aipbx/images.env /app/aipbx/releases.jsonl; ls /app/aipbx"
        return server.run(f"docker ps -q --no-trunc; {files}").stdout

    before = whole()
    # With the lock, as far as it can be had by several connections: each of them ends, and so does its lock.
    for command, body in _bodies(server):
        runner.ask(server, call("lock --tied"), OWNER)
        done = runner.ask(server, command, body)
        assert done.returncode != 0, (command, body, done.stdout)
        assert '"error"' in done.stdout, (command, body, done.stdout, done.stderr)
    # An ended lock of CI's goes with the next; an operator's stays.
    assert runner.ask(server, call("unlock"), OWNER).returncode == 0
    assert whole() == before
    deployed("lock", f"--host={server.name}", "--reason=the database is moved").succeeded()
    owner = lock(server)
    for command, body in (
        (call("unlock"), owner),
        (call("unlock"), OWNER),
        (call("lock --tied"), OWNER),
        (call("pull"), json.dumps({"images": {"backend": {"sha": BACKEND["third"]}}, "token": ""})),
        (call("fill"), "{}"),
    ):
        runner.ask(server, command, body)
        assert lock(server) == owner
    runner(*deploy(server, BACKEND["third"])[:-2], "--yes").refused("the database is moved")
    deployed("unlock", f"--host={server.name}", "--yes").succeeded()
    # What it may ask tells nothing of the environment, nor of customers' PBXs.
    state = runner.ask(server, call("state --release"), '{"confidential": true, "settings": {}, "drain_seconds": 0}')
    values = server.run("cat /app/aipbx/environment.json /app/aipbx/host.json 2>/dev/null").stdout
    secrets = set(re.findall(r'": ?"([^"]{12,})"', values))
    assert secrets
    assert '"result"' in state.stdout
    assert not [secret for secret in secrets if secret in state.stdout]
    assert "pbxs" not in state.stdout
    # What it may have told is marked as its own; images that a release needs stay.
    assert runner.ask(server, call("notify"), f"{server.name}: all keys were stolen").returncode == 0
    assert runner.ask(server, call("prune"), "{}").returncode == 0
    images = server.run(f"docker image ls -q {IMAGE} | sort").stdout
    assert runner.ask(server, call("prune"), '{"repositories": {}, "needed": {}, "remove": null}').returncode == 0
    assert server.run(f"docker image ls -q {IMAGE} | sort").stdout == images
    assert whole() == before


@pytest.mark.test_all
def test_verbs_other_than_deploy_are_refused_to_ci(runner: Runner, server: Host) -> None:
    at = f"--host={server.name}"
    for words in (
        ("exec", "backend", "--command=id", at),
        ("env.diff", at),
        ("backup", at),
        ("rollback", at, "--yes"),
        ("deploy", at, "--yes"),
        ("deploy", at, "--service=backend", f"--sha={BACKEND['third']}", "--now", "--yes"),
        ("restore", at, "--yes"),
        ("maintenance", "on", at, "--yes"),
    ):
        assert runner(*words).code in {1, 2}, words


@pytest.mark.test_all
def test_a_runner_that_is_killed_leaves_no_lock_to_the_next(runner: Runner, server: Host) -> None:
    new = another(server)
    run = runner.started(*deploy(server, new))
    read_until(run, "nginx healthy (")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(timeout=30)
    gone = "! systemctl is-active --quiet aipbx-agent-switch"
    wait.until(lambda: server.run(gone, check=False).returncode == 0, 180, "the switch has ended", "its journal")
    runner(*deploy(server, new)).succeeded()
    assert (runs(server), lock(server)) == (new, "")


def test_a_revoked_key_opens_nothing_and_ends_what_it_had_open(
    runner: Runner, deployed: Inv, server: Host, keys: Path
) -> None:
    public = deployed.ssh_config.parent / "operators" / CI / "runner.pub"
    argv = ["ssh", "-F", str(runner.ssh_config), *login.FRESH, f"{CI}@{server.name}", call("notify")]
    still_open = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait.until(lambda: server.run(f"pgrep -u {CI}", check=False).returncode == 0, 30, "it is logged in", "pgrep")
    public.unlink()
    converge(deployed)
    assert still_open.wait(timeout=30) != 0
    assert runner.ask(server, call("state")).returncode == 255
    refused = server.run("ls /etc/sudoers.d/91-aipbx-ci", check=False)
    assert refused.returncode != 0
    assert deployed.bootstrap.only("ci", "ssh").dry().changes == []
    public.write_text(keys.with_suffix(".pub").read_text())
    converge(deployed)
    assert '"result"' in runner.ask(server, call("state")).stdout
