"""Story: an operator looks: status, logs, the database, a command, a tunnel, the doctor."""

from __future__ import annotations

import os
import re
import signal
import socket

import pytest

from lab import wait
from lab.machines.host import Host
from tests.lab import colours
from tests.lab.inv_run import Inv
from tests.lab.web import Web


def left_over(server: Host) -> list[str]:
    """Commands of operators' that still run on the server."""
    found = server.run("pgrep -af 'docker compose|docker-compose|psql|timeout --kill' | grep -v pgrep", check=False)
    return found.stdout.splitlines()


def test_status_is_a_table_on_a_terminal_and_json_for_a_script(deployed: Inv, server: Host) -> None:
    shown = deployed("status", f"--host={server.name}", "--drift").output
    assert "all healthy" in shown
    # Its certificate, disk and services are well; that no one took a backup yet is the one thing that may be missing.
    assert set(re.findall(r"is not well: ([\w-]+):", shown)) <= {"backup"}
    assert "as declared" in shown
    server.run("mkdir -p /app/aipbx/lock && echo somebody, since long ago >/app/aipbx/lock/owner")
    frontend = colours.container(server, "frontend")
    server.run(f"docker stop {frontend}")
    row = deployed.json("status", "--host=all", "--json")[server.name]
    server.run(f"rm -rf /app/aipbx/lock; docker start {frontend}")
    health = f"docker inspect -f '{{{{.State.Health.Status}}}}' {frontend}"
    wait.until(lambda: server.run(health).stdout == "healthy\n", 60, "it is as it was", health)
    assert row["lock"] == "somebody, since long ago"
    assert row["services"]["frontend"] == "exited"
    assert {"services: frontend is exited", "lock: locked: somebody, since long ago"} <= set(row["not_well"])


def test_status_of_a_host_that_cannot_be_reached(deployed: Inv, server: Host) -> None:
    server.cut_network()
    try:
        run = deployed("status", f"--host={server.name}")
    finally:
        server.restore_network()
    run.refused("could not be queried", "does not answer on its SSH port")
    assert run.code == 1


def test_logs_of_several_services_with_prefixes_and_plain_in_a_pipe(deployed: Inv, server: Host) -> None:
    Web(server)("/api/version?story=one")
    both = deployed("logs", "backend,nginx", f"--host={server.name}", "--tail=50").succeeded().output
    assert f"{colours.serving(server, 'backend')} | " in both
    assert "nginx | " in both
    assert "\x1b" not in both
    times = [line.split("| ")[1][:20] for line in both.splitlines() if " | 20" in line]
    assert times == sorted(times)
    only = deployed("logs", "backend", f"--host={server.name}", "--grep=/api/version", "--since=10m").succeeded().output
    assert only.count("/api/version") == len(only.splitlines()) >= 1


def test_following_ends_with_ctrl_c_and_leaves_nothing(deployed: Inv, server: Host) -> None:
    run = deployed.started("logs", "backend", "--follow", f"--host={server.name}", "--tail=1", "--grep=headers|prices")
    assert run.stdout
    assert run.stdout.readline(), "what was last, and from here on it follows"
    Web(server)("/api/headers")
    for line in run.stdout:
        if "/api/headers" in line:
            break
    assert left_over(server)
    os.killpg(run.pid, signal.SIGINT)
    run.wait(timeout=20)
    wait.until(lambda: not left_over(server), 20, "nothing is left on the host", "look at inv logs -f")


@pytest.mark.test_all
def test_a_laptop_that_dies_leaves_nothing(deployed: Inv, server: Host) -> None:
    run = deployed.started("logs", "all", "--follow", f"--host={server.name}")
    wait.until(lambda: bool(left_over(server)), 30, "the host follows its log", "look at inv logs -f")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(timeout=20)
    wait.until(lambda: not left_over(server), 20, "nothing is left on the host", "look at inv logs -f")


def test_the_database(deployed: Inv, server: Host) -> None:
    at = f"--host={server.name}"
    assert "aipbx_production" in deployed("db", at, "-c", "select current_database()").succeeded().output
    query = "select 'no-list-of-processes-shows-this'"
    deployed("db", at, "-c", query).succeeded()
    assert "no-list-of-processes" not in server.run("journalctl --no-pager _COMM=sudo").stdout
    deployed("db", at, "--read-only", "-c", "create table story (x int)").refused("read-only transaction")
    deployed("db", at, "-c", "select nonsense").refused('column "nonsense" does not exist')
    assert "(1 row)" in deployed("db", at, stdin="select 1;\n").succeeded().output


@pytest.mark.test_all
def test_the_database_on_a_real_terminal(deployed: Inv, server: Host) -> None:
    shown = deployed.typed(b"select 40+2 as answer;\n\\q\n", "db", f"--host={server.name}")
    assert "aipbx_production=" in shown, "psql prompts only where it sees a terminal"
    assert "42" in shown


def test_a_command_in_a_service(deployed: Inv, server: Host) -> None:
    at = f"--host={server.name}"
    assert deployed("exec", "backend", at, "--", "node", "-v").succeeded().output.startswith("v22")
    assert deployed("exec", "backend", at, "--", "sh", "-c", "exit 7").code == 7
    assert deployed("exec", "backend", at, "--", "echo", "a  b", "$HOME", "'").output == "a  b $HOME '\n"
    deployed("exec", "bakend", at, "--", "true").refused("Did you mean 'backend'?")


def test_a_tunnel_to_the_database(deployed: Inv, server: Host) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = deployed.started("tunnel", "postgres", f"--host={server.name}", f"--local={port}")
    try:

        def answers() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
                    connection.sendall(bytes.fromhex("0000000804d2162f"))  # PostgreSQL's SSLRequest
                    return connection.recv(1) in {b"S", b"N"}
            except OSError:
                return False

        wait.until(answers, 30, "PostgreSQL answers through the tunnel", "look at inv tunnel")
        deployed("tunnel", "postgres", f"--host={server.name}", f"--local={port}").refused(f"Port {port} is taken")
    finally:
        os.killpg(run.pid, signal.SIGINT)
        run.wait(timeout=20)

    def closed() -> bool:
        with socket.socket() as again:
            return again.connect_ex(("127.0.0.1", port)) != 0

    wait.until(closed, 20, "the tunnel's port is closed", "look at inv tunnel")


def test_the_maintenance_page(deployed: Inv, server: Host) -> None:
    web, at = Web(server), f"--host={server.name}"
    deployed("maintenance", "maybe", at).refused("neither on nor off")
    deployed("maintenance", "on", at).refused("no terminal")
    deployed("maintenance", "on", at, "--yes").succeeded()
    assert web("/").status == 503
    assert "maintenance page on" in deployed("status", at).output
    deployed("maintenance", "off", at).succeeded()
    assert web("/").status == 200


def test_the_doctor(deployed: Inv, server: Host) -> None:
    well = deployed("doctor").succeeded().output
    assert "master is at" in well
    assert "login: deploy, and sudo works" in well
    # The team fills them in; none of it makes a host unwell.
    assert "! runbook: places with <fill in>" in well
    assert deployed("runbook", "SiteDown", "--language=en").succeeded().output.startswith("# The site does not open\n")
    with deployed.changed(server.name, branch="develop"):
        sick = deployed("doctor")
    assert sick.code == 1
    assert "has no branch 'develop'" in sick.output
