"""Story: a converged host changes over to the agent's new name while people write, with a switch that was cut off.

The former program is today's under its former names: what differs is only what it is called, and where it is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab import wait
from lab.machines.host import Host
from tests.lab import faults, rows
from tests.lab.application import BACKEND
from tests.lab.inv_run import Inv
from tests.lab.web import Web

HEAD, OLDER = BACKEND["fourth"], BACKEND["third"]
NAMES = "s/aipbx_agent/aipbx_data/g; s/aipbx-agent/aipbx-data/g; s#aipbx/agent#aipbx/data#g"
FORMER = f"""set -eu
cd /usr/local/lib/aipbx
mv agent data && mv data/aipbx_agent data/aipbx_data
find data -type f -exec sed -i '{NAMES}' {{}} +
sed '{NAMES}' /usr/local/sbin/aipbx-agent >/usr/local/sbin/aipbx-data
chmod 755 /usr/local/sbin/aipbx-data && rm /usr/local/sbin/aipbx-agent
mv /etc/aipbx/agent.json /etc/aipbx/data.json
sed -i '{NAMES}' /etc/systemd/system/aipbx-*.service
systemctl daemon-reload && systemctl restart aipbx-wal
"""
# The unit is killed, and what would complete it at its end cannot run.
CUT_OFF = "chmod 000 /usr/local/sbin/aipbx-agent; systemctl kill --signal=KILL aipbx-agent-switch.service; sleep 60"
LEFT = "ls -d /usr/local/lib/aipbx/data /usr/local/sbin/aipbx-data /etc/aipbx/data.json 2>/dev/null"
NAMED = "grep -rl aipbx-data /etc/systemd/system /usr/local /etc/cron.d /etc/sudoers.d 2>/dev/null"
STARTED = "docker inspect --format '{{.Name}} {{.State.StartedAt}}' aipbx-postgres-1 aipbx-nginx-1"
SETS = "ls /app/aipbx/backups/sets"
LEDGER = "cat /app/aipbx/releases.jsonl"


@contextmanager
def visited(server: Host) -> Iterator[list[int]]:
    """Someone asks the application once a second, which it does not count as a flood; what each got."""
    answers: list[int] = []
    over = threading.Event()

    def visit() -> None:
        while not over.wait(1):
            answers.append(Web(server)("/api/prices/public").status)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        yield answers
    finally:
        over.set()
        visitor.join(timeout=60)


def with_a_switch_cut_off(inv: Inv, server: Host) -> None:
    """A deploy is killed between its journal and its end, under the former program."""
    with faults.possible(server):
        faults.at(server, " up .*backend", CUT_OFF, after=True)
        inv("deploy", f"--host={server.name}", f"--sha={OLDER}", "--service=backend", "--yes").refused()
        assert faults.happened(server)
    server.run("chmod 755 /usr/local/sbin/aipbx-agent; [ -e /app/aipbx/switch.json ] && [ -e /app/aipbx/lock ]")
    server.run(FORMER)


def test_a_host_of_the_former_name_changes_over(deployed: Inv, server: Host) -> None:
    before = [server.run(command).stdout for command in (STARTED, LEDGER)]
    server.run(FORMER)
    deployed.bootstrap("-y").succeeded()
    assert server.run(LEFT, check=False).stdout == server.run(NAMED, check=False).stdout == ""
    assert server.run("systemctl is-active aipbx-wal aipbx-recover").stdout == "active\nactive\n"
    assert [server.run(command).stdout for command in (STARTED, LEDGER)] == before


@pytest.mark.test_all
def test_a_host_of_the_former_name_changes_over_and_loses_nothing(deployed: Inv, server: Host) -> None:
    deployed("deploy", f"--host={server.name}", f"--sha={HEAD}", "--service=backend", "--yes").succeeded()
    deployed("backup", f"--host={server.name}").succeeded()
    with_a_switch_cut_off(deployed, server)
    before = [server.run(command).stdout for command in (STARTED, SETS, LEDGER)]

    server.run("systemd-run --quiet --unit=aipbx-data-backup sleep 600")
    deployed.bootstrap("-y").refused("its agent is running", "aipbx-data-backup.service")
    server.run("systemctl stop aipbx-data-backup")
    assert "aipbx-agent" not in server.run(LEFT.replace("data", "agent"), check=False).stdout

    with rows.written(server), visited(server) as answers:
        deployed.bootstrap("-y").succeeded()
        segment = "SELECT pg_walfile_name(pg_switch_wal())"
        written = server.run(f"docker exec aipbx-postgres-1 psql -qAt -U aipbx_admin postgres -c '{segment}'").stdout
        arrived = f"ls /app/aipbx/backups/wal | grep -q {written.strip()}"
        wait.until(lambda: server.run(arrived, check=False).returncode == 0, 120, "the segment arrives", arrived)
        assert rows.lost(server, "aipbx_production") == set()
    assert set(answers) == {200}

    assert server.run(LEFT, check=False).stdout == server.run(NAMED, check=False).stdout == ""
    assert server.run("systemctl is-active aipbx-wal aipbx-recover").stdout == "active\nactive\n"
    after = [server.run(command).stdout for command in (STARTED, SETS, LEDGER)]
    assert after[:2] == before[:2]
    assert after[2].startswith(before[2])
    unfinished = "cd /app/aipbx && ls -d lock switch.json images.env.switch 2>/dev/null"
    assert server.run(unfinished, check=False).stdout == ""
    assert Web(server)("/api/version").json["sha"] == HEAD
    assert deployed.bootstrap.dry().changes == []
