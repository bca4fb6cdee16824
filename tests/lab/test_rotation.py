"""Story: the database gets a new password; anyone who dies in the middle leaves a server that works, and a way on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from aipbx_agent.contract import ROTATION_MARK
from fleet.env.dotenv import dotenv_file, encryption
from lab import wait
from lab.machines.host import Host
from tests.lab import colours, content, faults
from tests.lab.inv_run import Inv
from tests.lab.web import Web

STARTED = "docker inspect --format '{{.State.StartedAt}}' aipbx-postgres-1"
RULES = "docker exec aipbx-postgres-1 sh -c 'cat \"$PGDATA\"/pg_hba.conf'"
# A server that does not run yet says nothing.
CLOSED = f"rules=$({RULES}) && ! echo \"$rules\" | grep -q 'trust {ROTATION_MARK}'"
# By the network, as the backend does; the password comes by standard input.
LOGIN = (
    "docker exec -i aipbx-postgres-1 sh -c 'read -r PGPASSWORD; export PGPASSWORD; "
    'psql -h "$(hostname -i)" -U aipbx_user -d aipbx_production -c "select 1"\''
)
# Longer than the backend keeps connections that no one needs: what follows needs a new one.
ANSWER = (
    "sleep 12; curl -sk -o /dev/null -w '%{http_code}' --resolve aipbx.ru:443:127.0.0.1 "
    "https://aipbx.ru/api/prices/public"
)
# The operator's machine is gone in this moment.
GONE = faults.HELD
# And what it had asked the host for is not carried out.
NOT_DONE = f"{GONE}; kill -9 $PPID"


def env_file(inv: Inv, server: Host, ending: str = "") -> Path:
    return inv.ssh_config.parent / "env" / f"{server.name}.env{ending}"


def password(inv: Inv, server: Host) -> str:
    return dotenv_file.read(env_file(inv, server).read_bytes()).values["DB_PASS"]


def opens(server: Host, given: str) -> bool:
    return server.run(LOGIN, check=False, stdin=f"{given}\n".encode()).returncode == 0


def agree(inv: Inv, server: Host) -> str:
    """All four places say the same, and no way in is left open; which password it is."""
    now = password(inv, server)
    assert f'"DB_PASS": "{now}"' in server.run("cat /app/aipbx/environment.json").stdout
    running = server.run(f"docker inspect -f '{{{{json .Config.Env}}}}' {colours.container(server, 'backend')}").stdout
    assert f'"DB_PASS={now}"' in running
    assert opens(server, now)
    assert ROTATION_MARK not in server.run(RULES).stdout
    assert Web(server)("/api/prices/public").status == 200
    return now


def rotate(inv: Inv, server: Host) -> str:
    return inv("db.rotate-password", f"--host={server.name}", "--yes").succeeded().output


def test_every_place_gets_it_and_no_request_needs_the_old_one(deployed: Inv, server: Host) -> None:
    old = agree(deployed, server)
    content.psql(server, "ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf()")
    before, started = env_file(deployed, server).read_text(), server.run(STARTED).stdout
    with faults.possible(server):
        faults.at(server, " up .*backend", ANSWER)
        output = rotate(deployed, server)
        # The role has the new password, and the backend that runs has the old one.
        assert faults.said(server) == "200"
        calls = faults.calls(server)
    content.psql(server, "ALTER SYSTEM RESET log_statement; SELECT pg_reload_conf()")
    new = agree(deployed, server)
    assert new != old
    assert not opens(server, old)
    assert env_file(deployed, server).read_text() == before.replace(old, new)
    assert "Then it restarts as in a deploy" in output
    log = server.run("docker logs aipbx-postgres-1 2>&1; journalctl --no-pager -b").stdout
    assert not any(secret in text for secret in (old, new) for text in (output, calls, log))
    assert not re.search(r"SCRAM-SHA-256\$|ALTER ROLE", log + calls)
    deployed("deploy", f"--host={server.name}", "--yes").succeeded()
    assert server.run(STARTED).stdout == started, "PostgreSQL reads the password nowhere else"


def killed(inv: Inv, server: Host, moment: str, do: str, *, after: bool) -> None:
    """The operator's machine dies while the host is at something."""
    faults.at(server, moment, f"cd {faults.FOLDER}; {do}; touch done", after=after)
    server.run("cd /run/faults && rm -f now go done")
    run = inv.started("db.rotate-password", f"--host={server.name}", "--yes")
    faults.reached(server)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(timeout=10)
    faults.continues(server)
    there = f"[ -e {faults.FOLDER}/done ]"
    wait.until(lambda: server.run(there, check=False).returncode == 0, 60, "it is over", "inv")


@pytest.mark.test_all
@pytest.mark.parametrize(
    ("moment", "do", "after", "ahead"),
    [
        # The server's rules have changed, and nothing else has.
        ("pg_reload_conf", GONE, True, False),
        # The file has it, the role does not.
        (r"\\password", NOT_DONE, False, True),
        (" config --quiet", NOT_DONE, False, True),  # role and environment.json have it, what runs does not
        # What runs is started again, and no one waits for it.
        (" up .*backend", GONE, False, True),
    ],
    ids=["let in", "file", "host", "restart"],
)
def test_a_killed_rotation_leaves_a_server_that_works_and_the_next_run_ends_it(
    deployed: Inv, server: Host, moment: str, do: str, after: bool, ahead: bool
) -> None:
    old = agree(deployed, server)
    with faults.possible(server):
        killed(deployed, server, moment, do, after=after)
        if by_the_host := moment.startswith(" up"):
            faults.ended(server, "switch")
        wait.until(lambda: healthy(server), 90, "the backend is ready", "docker ps")
        assert ROTATION_MARK in server.run(RULES).stdout
        # Its connections end, and it gets in again: what runs continues, whatever has been changed.
        content.psql(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_addr IS NOT NULL")
        wait.until(lambda: Web(server)("/api/prices/public").status == 200, 30, "it answers", "docker logs")
    wanted = password(deployed, server)
    assert (wanted != old) == ahead
    if by_the_host:  # which gave the lock back
        deployed("unlock", f"--host={server.name}", "--yes").refused("is not locked")
    else:
        again = deployed("db.rotate-password", f"--host={server.name}", "--yes")
        again.refused("is locked", "rotation of the database's password", "inv unlock")
        deployed("unlock", f"--host={server.name}", "--yes").succeeded()
    output = rotate(deployed, server)
    assert "An earlier rotation was interrupted" in output
    assert agree(deployed, server) == wanted


@pytest.mark.test_all
def test_after_a_power_cut_no_one_gets_in_without_a_password(deployed: Inv, server: Host) -> None:
    old = agree(deployed, server)
    with faults.possible(server):
        killed(deployed, server, " config --quiet", NOT_DONE, after=False)
    assert f"trust {ROTATION_MARK}" in server.run(RULES).stdout
    server.reboot(0)
    wait.until(lambda: server.run(CLOSED, check=False).returncode == 0, 120, "it is closed", RULES)
    wait.until(lambda: healthy(server), 90, "the backend is ready", "docker ps")
    assert opens(server, old), "that is what runs has"
    assert "unfinished rotation of the password" in deployed("status", f"--host={server.name}").output
    wanted = password(deployed, server)
    assert "An earlier rotation was interrupted" in rotate(deployed, server)
    assert agree(deployed, server) == wanted != old


def healthy(server: Host) -> bool:
    form = f"docker inspect -f '{{{{.State.Health.Status}}}}' {colours.container(server, 'backend')}"
    return server.run(form, check=False).stdout.strip() == "healthy"


@pytest.mark.test_all
def test_a_backend_that_does_not_come_up_takes_all_of_it_back(deployed: Inv, server: Host) -> None:
    old = agree(deployed, server)
    with faults.possible(server):
        # The new one is stopped as soon as it is there.
        faults.at(server, " up .*backend", "/usr/bin/docker stop $(/usr/bin/docker ps -lq)", after=True)
        run = deployed("db.rotate-password", f"--host={server.name}", "--yes")
        run.refused("the old password applies everywhere, as before", "not ready")
    assert run.code == 1
    assert agree(deployed, server) == old


@pytest.mark.test_all
def test_what_cannot_be_is_refused(deployed: Inv, server: Host) -> None:
    path, old = env_file(deployed, server), agree(deployed, server)
    text = path.read_text()
    host = f"--host={server.name}"
    try:
        for changed, why in (
            (text.replace(old, "another-one-of-ours"), "is not the one that the host has"),
            (text.replace("TIMEZONE='UTC'", "TIMEZONE='Europe/Moscow'"), "TIMEZONE differs"),
            ("", "error"),
        ):
            path.write_text(changed)
            run = deployed("db.rotate-password", host, "--yes")
            assert (run.code, why in run.output, "Traceback" in run.output) == (2, True, False), run.output
    finally:
        path.write_text(text)
    path.write_text(text.replace(old, "another-one-of-ours"))
    try:
        deployed("env.push", host, "--yes").refused("DB_PASS differs", "inv db.rotate-password")
    finally:
        path.write_text(text)
    assert "[y/N]" in deployed.typed(b"n\n", "db.rotate-password", host)
    deployed("db.rotate-password", "--yes").refused("No host is named")
    assert agree(deployed, server) == old


@pytest.mark.test_all
def test_an_encrypted_file_gets_it_too(deployed: Inv, server: Host, tmp_path: Path) -> None:
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=30)
    folder, plain = env_file(deployed, server).parent, env_file(deployed, server)
    shutil.copy(f"{key}.pub", folder / "recipients.txt")
    os.environ["AIPBX_AGE_IDENTITY"] = str(key)
    try:
        deployed("env.encrypt", f"--host={server.name}").succeeded()
        sealed = env_file(deployed, server, ".age")
        before = sealed.read_bytes()
        assert "git add" in rotate(deployed, server)
        assert sealed.read_bytes() != before
        assert not plain.exists()
        plain.write_bytes(encryption.unseal(sealed.read_bytes(), sealed))
        plain.chmod(0o600)
        sealed.unlink()
    finally:
        del os.environ["AIPBX_AGE_IDENTITY"]
        (folder / "recipients.txt").unlink()
    agree(deployed, server)
