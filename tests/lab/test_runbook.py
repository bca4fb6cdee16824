"""Story: pages of the runbook, followed: the trouble is made, the page's commands are typed, and it is over."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lab import wait
from lab.machines.host import Host
from lab.running import Running
from tests.lab import colours
from tests.lab.inv_run import Inv
from tests.lab.page import Page
from tests.lab.web import Web

PRICES = "/api/prices/public"
SOCKET = "/socket.io/?EIO=4&transport=polling"
PSQL = "docker exec -i aipbx-postgres-1 psql -qAtU aipbx_admin -d aipbx_production"
Opened = Callable[..., Page]


@pytest.fixture
def opened(deployed: Inv, server: Host, lab: Running) -> Opened:
    """Opens a page on the machine of an operator whose host is in trouble."""
    row = deployed.json("status", f"--host={server.name}", "--json")[server.name]
    commits = {"1a2b3c4d": row["backend"], "5e6f7a8b": row["frontend"]}
    return lambda name, **values: Page(name, deployed, server, lab, commits | values)


def healthy(server: Host) -> bool:
    """Whether the backend is, by Docker."""
    name = colours.container(server, "backend")
    return server.run(f"docker inspect -f '{{{{.State.Health.Status}}}}' {name}").stdout == "healthy\n"


def process(server: Host) -> str:
    """The backend's own process, as the host numbers it; the container's first one only waits for it."""
    name = colours.container(server, "backend")
    return server.run(f"pgrep -P $(docker inspect -f '{{{{.State.Pid}}}}' {name})").stdout.strip()


def in_backend(server: Host, script: str) -> None:
    """Have something more run in the backend's container, until that ends."""
    server.run(f'docker exec -d {colours.container(server, "backend")} node -e "$(cat)"', stdin=script.encode())


@contextmanager
def background(server: Host, script: str) -> Iterator[subprocess.Popen[bytes]]:
    """A script that runs on the host within this block, and no longer."""
    argv = ["docker", "-H", server.docker.address, "exec", "-i", server.container, "bash", "-c", script]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        try:
            yield run
        finally:
            run.kill()


def holders(server: Host, condition: str) -> list[str]:
    """The sessions of the database of which something is true."""
    query = f"select pid from pg_stat_activity where pid <> pg_backend_pid() and {condition}"  # noqa: S608  ours
    return server.run(PSQL, stdin=query.encode()).stdout.split()


# Each waits for what the other has begun: neither is ever too early.
DEADLOCK = """
create table of_deadlock (id int primary key, n int); insert into of_deadlock values (1, 0), (2, 0);
"""
FIRST = """
do $$ begin
  update of_deadlock set n = 1 where id = 1;
  perform pg_advisory_xact_lock(4242);
  while not exists (select from pg_locks where not granted and locktype = 'transactionid') loop
    perform pg_sleep(0.1);
  end loop;
  update of_deadlock set n = 1 where id = 2;
end $$
"""
SECOND = """
do $$ begin
  while not exists (select from pg_locks where locktype = 'advisory' and objid = 4242) loop
    perform pg_sleep(0.1);
  end loop;
  update of_deadlock set n = 2 where id = 2;
  update of_deadlock set n = 2 where id = 1;
end $$
"""


def test_deadlocks(opened: Opened, server: Host) -> None:
    server.run(PSQL, stdin=DEADLOCK.encode())
    try:
        with background(server, f"{PSQL} <<'END'\n{FIRST}\nEND\n"):
            assert "deadlock detected" in server.run(PSQL, stdin=SECOND.encode(), check=False).stderr + logged(server)
        page = opened("deadlocks")
        assert "ERROR:  deadlock detected" in page.types("inv logs postgres").output
        shown = page.types("inv logs postgres").succeeded().output
        assert "waits for ShareLock on transaction" in shown
        assert "STATEMENT:" in shown
        assert "of_deadlock" in shown
        page.types("inv releases").succeeded()
        page.types("inv attach").refused("Nothing runs on")
        page.ends()
    finally:
        server.run(PSQL, stdin=b"drop table of_deadlock")


def logged(server: Host) -> str:
    """What the database has written in the last minutes."""
    return server.run("docker logs --since 10m aipbx-postgres-1 2>&1").stdout


# As many as the application would open if it never gave one back.
GREEDY = """
const { Client } = require("pg");
const { DB_HOST: host, DB_PORT: port, DB_USER: user, DB_PASS: password, DB_NAME: database } = process.env;
for (let n = 0; n < 120; n++) {
  const client = new Client({ host, port, user, password, database });
  client.on("error", () => {});
  client.connect().catch(() => {});
}
setInterval(() => {}, 1000);
"""


@pytest.mark.test_all
def test_connections_that_run_out(opened: Opened, server: Host) -> None:
    before = len(holders(server, "usename = 'aipbx_user'"))
    in_backend(server, GREEDY)
    wait.until(lambda: "connection slots are reserved" in logged(server), 60, "no place is left", "the database's log")
    page = opened("database-connections-high")
    page.says("remaining connection slots are reserved", "a hundred connections at most")
    table = page.types("inv db").succeeded().output
    assert any(int(row[-1]) > 80 for row in map(str.split, table.splitlines()) if row[:1] == ["aipbx_user"]), table
    page.types("inv status")
    assert "remaining connection slots are reserved" in page.types("inv logs postgres").succeeded().output
    page.types("inv attach").refused("Nothing runs on")
    shown = page.types("inv restart backend").succeeded().output
    assert "calls" in shown
    page.ends()
    assert len(holders(server, "usename = 'aipbx_user'")) <= before + 5
    assert Web(server)(PRICES).status in {200, 404}


@pytest.mark.test_all
def test_answers_that_are_errors(opened: Opened, server: Host) -> None:
    server.run("docker stop aipbx-postgres-1")
    try:
        assert set(Web(server).statuses(f"{PRICES}?[1-5]")) == {500}
        page = opened("error-ratio-high")
        page.says("500 at all paths with data | the database: `inv runbook api-down`")
        assert "postgres is exited" in page.types("inv status").output
        assert re.search(rf'GET {PRICES} HTTP/\S+" 500 ', page.types("inv logs nginx").succeeded().output)
        page.types("inv logs backend").succeeded()
        page.types("inv logs postgres").succeeded()
        page.types("inv releases").succeeded()
        page.types("inv maintenance on").succeeded()
        assert Web(server)("/").status == 503
        api = opened("api-down")
        assert "HTTP/2 503" in api.types("curl -i").output
        assert "postgres is exited" in api.types("inv status").output
        api.types("inv logs backend").succeeded()
        api.types("inv logs postgres").succeeded()
        api.types("inv start postgres").succeeded()
        api.passes_over("inv start backend", "inv restart backend")
        api.ends()
        page.types("inv maintenance off").succeeded()
        page.ends()
        wait.until(lambda: Web(server)(PRICES).status in {200, 404}, 60, "data come again", "inv status")
        wait.until(lambda: healthy(server), 60, "the backend is healthy", "inv status")
    finally:
        server.run("docker start aipbx-postgres-1")


HOLDS, WAITS = "query like '%lock table prices%'", "cardinality(pg_blocking_pids(pid)) > 0"


@pytest.mark.test_all
def test_answers_that_are_slow(opened: Opened, server: Host) -> None:
    """One transaction holds a table that every page needs."""
    hold = "begin; lock table prices; select pg_sleep(3600)"
    with background(server, f"{PSQL} -c '{hold}'"):
        wait.until(lambda: bool(holders(server, HOLDS)), 30, "it holds the table", "psql")
        (pid,) = holders(server, HOLDS)
        waiting = f"curl -sk --max-time 300 --resolve {server.name}:443:127.0.0.1 https://{server.name}{PRICES}"
        with background(server, waiting):
            wait.until(lambda: bool(holders(server, WAITS)), 30, "it waits", "psql")
            page = opened("latency-high")
            page.says("database queries that run for minutes | `inv runbook long-transaction`")
            page.types("inv status")
            assert colours.container(server, "backend") in page.types("docker stats").succeeded().output
            page.types("inv logs nginx").succeeded()
            shown = page.types("inv db").succeeded().output
            assert re.search(rf"{pid} .* begin; lock table prices", shown), shown
            assert "aipbx-backup.timer" in page.types("list-timers").succeeded().output
            page.types("inv attach").refused("Nothing runs on")

            long = opened("long-transaction", **{"12345": pid})
            assert re.search(rf"{pid} .* begin; lock table prices", long.types("inv db").succeeded().output)
            assert f"{{{pid}}}" in long.types("inv db").succeeded().output
            long.types("inv audit").succeeded()
            long.types("inv attach").refused("Nothing runs on")
            long.types("inv backups")
            assert " t\n" in long.types("pg_cancel_backend").succeeded().output
            long.types("pg_terminate_backend").succeeded()
            assert holders(server, f"pid = {pid}") == []
            long.passes_over("inv restart backend")
            long.ends()
    page.types("inv restart backend").succeeded()
    page.ends()
    assert Web(server)(PRICES).status in {200, 404}


HOARD = """
const hoard = Buffer.alloc(400 << 20, 1);
setInterval(() => hoard[0], 1000);
"""


@contextmanager
def as_if_the_machine_had(server: Host, free_mib: int) -> Iterator[None]:
    """The host's kernel says that so much of its memory is left: the machine's own is every lab's."""
    total = 2048
    lines = {"MemTotal": total, "MemFree": free_mib, "MemAvailable": free_mib, "Buffers": 0, "Cached": 0}
    given = "".join(f"s/^({name}: +)[0-9]+/\\1{mib << 10}/;" for name, mib in lines.items())
    server.run(f"sed -E '{given}' /proc/meminfo >/run/meminfo && mount --bind /run/meminfo /proc/meminfo")
    try:
        yield
    finally:
        server.run("umount /proc/meminfo && rm /run/meminfo")


@pytest.mark.test_all
def test_memory_that_is_nearly_used_up(opened: Opened, server: Host) -> None:
    """The backend has grown, for which the host is shown a machine of 2 GiB."""
    in_backend(server, HOARD)
    name = colours.container(server, "backend")
    wait.until(lambda: used(server, name) > 400, 60, "the backend has grown", "docker stats")
    page = opened("memory-low")
    with as_if_the_machine_had(server, 120):
        assert re.search(r"memory\W+94 %", page.types("inv status").output)
        assert re.search(r"^Mem: +2048 .* 120$", page.types("free -m").succeeded().output, re.MULTILINE)
        assert re.search(rf"{name} +\S+ +4\d\d\.?\d*MiB / 2GiB", page.types("docker stats").succeeded().output)
        assert "const hoard" in page.types("ps aux").succeeded().output
        page.types("inv attach").refused("Nothing runs on")
        page.types("inv restart backend").succeeded()
    page.ends()
    assert used(server, name) < 200


def used(server: Host, container: str) -> float:
    """How many MiB of memory a container uses."""
    shown = server.run(f"docker stats --no-stream --format '{{{{.MemUsage}}}}' {container}").stdout.partition(" ")[0]
    return float(shown[:-3]) * {"KiB": 1 / 1024, "MiB": 1, "GiB": 1024}[shown[-3:]]


LIMITS = {"postgres": 1024, "backend": 2048, "frontend": 256, "nginx": 512}


@pytest.mark.test_all
def test_a_service_that_the_kernel_kills(opened: Opened, deployed: Inv, server: Host) -> None:
    """Its limit is less than it needs. No lab host is shown the kernel's log: that line alone is not seen here."""
    name = colours.container(server, "backend")
    server.run(f"docker stop -t 1 {name} && docker update --memory 32m --memory-swap 32m {name} && docker start {name}")
    killed = f"docker inspect -f '{{{{.State.OOMKilled}}}} {{{{.RestartCount}}}}' {name}"
    wait.until(lambda: int(server.run(killed).stdout.split()[1]) > 0, 120, "it was killed and started again", killed)
    page = opened("out-of-memory-kill")
    page.types("journalctl -k")
    assert re.search(r"aipbx-postgres-1 .*1GiB", page.types("docker stats").succeeded().output)
    assert "Mem:" in page.types("free -m").succeeded().output
    page.types("ps aux").succeeded()
    assert "backend" in page.types("inv status").output
    # It cannot come up: its limit is the cause.
    page.types("inv start").refused()
    with deployed.changed(server.name, memory_mib=LIMITS | {"backend": 1536}):
        page.types("pyinfra").succeeded()
        page.types("inv releases").succeeded()
        page.types("inv deploy").succeeded()
        shown = server.run(f"docker inspect -f '{{{{.HostConfig.Memory}}}}' {colours.container(server, 'backend')}")
        assert shown.stdout == f"{1536 << 20}\n"
        page.types("inv restart backend").succeeded()
        page.ends()
        assert Web(server)(PRICES).status in {200, 404}
    # Going back is the same commands; the next release takes the former limit from here.
    deployed.bootstrap.only("app", "agent")("-y").succeeded()
    assert healthy(server)


@pytest.mark.test_all
def test_live_updates_that_do_not_come(opened: Opened, server: Host) -> None:
    """The backend's port of Socket.IO refuses; everything else of it works."""
    within = f"nsenter -t {process(server)} -n iptables -I INPUT -p tcp --dport 3033 -j REJECT --reject-with tcp-reset"
    server.run(within)
    wait.until(lambda: not healthy(server), 120, "the backend is unhealthy", "inv status")
    assert Web(server)(PRICES).status in {200, 404}
    page = opened("socket-io-down")
    assert "HTTP/2 502" in page.types("curl -i").output
    assert "backend is unhealthy" in page.types("inv status").output
    page.types("inv logs backend").succeeded()
    assert re.search(r'/socket\.io/\S* HTTP/\S+" 502 ', page.types("inv logs nginx").succeeded().output)
    page.types("inv restart backend").succeeded()
    page.ends()
    assert Web(server)(SOCKET).status == 200
    assert healthy(server)


PORTS = {"backend-blue": 3032, "backend-green": 3034}
FLOOD = """
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3000):
    sender.sendto(b"\\x80" * 1200, ("{address}", {port}))
"""


@pytest.mark.test_all
def test_sound_that_is_lost(opened: Opened, server: Host, lab: Running) -> None:
    """The backend reads nothing for a while, and a PBX goes on sending."""
    page = opened("udp-drops")
    page.types("inv status")
    backend = process(server)
    server.run(f"kill -STOP {backend}")
    try:
        flood = FLOOD.format(address=server.address4, port=PORTS[colours.serving(server, "backend")])
        lab.client.run("python3 -", stdin=flood.encode(), timeout=60)
        assert dropped(page.types("inv exec backend").succeeded().output) > 100
        assert "pbx_addresses" in page.types("inv config").succeeded().output
        page.types("inv logs backend").succeeded()
    finally:
        server.run(f"kill -CONT {backend}")
    # In another minute it grows no more: the backend reads again.
    first, second = (dropped(opened_again(opened).types("inv exec backend").output) for _ in range(2))
    assert first == second
    page.types("pyinfra").succeeded()
    page.ends()
    assert process(server) == backend


def opened_again(opened: Opened) -> Page:
    """The page, at its second command."""
    page = opened("udp-drops")
    page.passes_over("inv status")
    return page


def dropped(shown: str) -> int:
    """The column RcvbufErrors of the line Udp."""
    names, values = (line.split() for line in shown.splitlines() if line.startswith("Udp:"))
    return int(dict(zip(names, values, strict=True))["RcvbufErrors"])
