"""Story: a server that the team installed by hand, by its plan, is taken over; nothing is lost, and it stops once."""

from __future__ import annotations

import json
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import pytest

from lab import lifecycle
from lab.app import history
from lab.images.recipes import fingerprint
from lab.machines.client import Client
from lab.machines.host import Host
from lab.progress import Steps
from lab.running import Running
from tests.lab import colours, web
from tests.lab.by_hand import stack
from tests.lab.inv_run import Inv
from tests.lab.prepared import prepare
from tests.lab.web import Web

NAME = "aipbx.org"
_MADE = history.make(Path(tempfile.mkdtemp(prefix="aipbx-story-")))
BACKEND = history.commits(_MADE["krasterisk/aiPBX_backend"])
FRONTEND = history.commits(_MADE["krasterisk/aiPBX"])
ROWS = "select count(*), md5(string_agg(word, '' order by id)) from of_old"
OLD = ("postgres", "backend", "frontend", "nginx", "certbot")
STATE = "docker ps --all --no-trunc --format '{{.ID}} {{.State}}'; docker volume ls -q; ls -A /app /app/aipbx"
ORDERED = ("stop Watchtower", "install Engine")
# Its containers, who still listens at its ports, and what is in its volumes.
THEIR_MONITORING = """docker inspect -f '{{.State.Status}}' app-prometheus-1 app-grafana-1
ss -Hltn '( sport = :9090 or sport = :3000 )'
cat $(docker volume inspect -f '{{.Mountpoint}}' app_grafana_data)/grafana.db
ls $(docker volume inspect -f '{{.Mountpoint}}' app_prometheus_data) | grep -x wal"""
GOOD = [{"path": "/", "statuses": [200], "content_type": "text/html"}]
FILES = "cd {} && find . -type f ! -path './fonts/*' ! -name '*.jpg' -exec sha256sum {{}} + | sort"


@pytest.fixture(scope="module")
def inv(lab: Running, tmp_path_factory: pytest.TempPathFactory) -> Inv:
    """An operator whose inventory names the server, and nothing that is special of it."""
    quick = {"settle_seconds": 1, "ready_seconds": 40}
    return Inv(lab.lab.directory / "ssh_config", tmp_path_factory.mktemp("operator") / "tree", {NAME: quick})


@pytest.fixture(scope="module")
def machine(lab: Running) -> Host:
    """The server, installed by hand."""
    host, commits = lab.host(NAME), (BACKEND["third"], FRONTEND["second"])

    def by_hand() -> None:
        with Steps().shown() as steps:
            lifecycle.reset(lab.lab, NAME, steps)
        stack.build(host, *commits)

    prepare(host, "by-hand", fingerprint(stack.HERE, *commits), by_hand)
    return host


@contextmanager
def watched(client: Client, machine: Host) -> Iterator[list[int]]:
    """Ask for the page four times a second from outside; afterwards the list has the length of each outage."""
    outages: list[int] = []
    ask = (
        f"curl -sk -m 15 -o /dev/null -w '%{{http_code}}\\n' --resolve {NAME}:443:{machine.address4} "
        f"--resolve {NAME}:80:{machine.address4} https://{NAME}/ || true"
    )
    client.run(
        f"rm -f /tmp/stop; (while [ ! -e /tmp/stop ]; do {ask}; sleep 0.25; done; echo end) >/tmp/answers 2>&1 &"
    )
    try:
        yield outages
    finally:
        client.run("touch /tmp/stop; timeout 20 sh -c 'until grep -q end /tmp/answers; do sleep 0.1; done'")
    answers = client.run("grep -v end /tmp/answers").stdout.split()
    assert len(answers) > 8, "nobody watched"
    outages += [len(list(run)) for good, run in groupby(answers, lambda code: code == "200") if not good]


def sql(machine: Host, project: str, query: str) -> str:
    """What the database answers."""
    ask = f"psql -qAt -U aipbx_user -d aipbx_production -c {shlex.quote(query)}"
    return machine.run(f"docker exec {project}-postgres-1 {ask}").stdout


def tables(machine: Host, project: str) -> str:
    """The rows of every table."""
    names = sql(machine, project, "select tablename from pg_tables where schemaname = 'public' order by 1").split()
    counts = (f"select '{name}', count(*) from \"{name}\"" for name in names)  # noqa: S608  names of our own tables
    return sql(machine, project, " union all ".join(counts))


def started(machine: Host) -> dict[str, str]:
    """When each of the old containers began."""
    form = "{{.State.Status}} {{.State.StartedAt}} {{.RestartCount}}"
    return {name: machine.run(f"docker inspect -f '{form}' app-{name}-1").stdout for name in OLD}


def test_a_docker_that_would_lose_sight_of_its_data_is_left_alone(inv: Inv, machine: Host) -> None:
    before = machine.run(f"{STATE}; cat /etc/docker/daemon.json").stdout
    line = f'"docker_daemon": {stack.DAEMON},'
    inv.bootstrap("-y").refused("Docker runs there already, and would lose its data-root, bip.", line)
    assert machine.run(f"{STATE}; cat /etc/docker/daemon.json").stdout == before
    inv.set(NAME, docker_daemon=stack.DAEMON)


@pytest.mark.test_all
def test_a_dry_run_says_what_stands_there(inv: Inv, machine: Host) -> None:
    before = machine.run(STATE, check=False).stdout
    run = inv.bootstrap("--dry")
    run.succeeded()
    assert "daemon.json is replaced: debug will not be set." in run.output
    for said in ("installed by hand", "/app/docker-compose.production.yml", "app_postgres_data at", "cron: 0 3 * * *"):
        assert said in run.output
    assert machine.run(STATE, check=False).stdout == before


def test_converging_it_interrupts_nothing(inv: Inv, machine: Host, lab: Running) -> None:
    before = started(machine)
    with watched(lab.client, machine) as outages:
        run = inv.bootstrap("-y").succeeded()
    assert "Watchtower (watchtower) is stopped: it replaces containers while calls are live" in run.output
    assert machine.run("docker inspect -f '{{.State.Status}}' watchtower").stdout == "exited\n"
    # Its original would crash again and again with the newer engine.
    stop, install = (run.output.index(f"Starting operation: deploys/docker.py | Docker: {what}") for what in ORDERED)
    assert stop < install
    assert started(machine) == before
    assert outages == []
    assert machine.run("docker info -f '{{.LiveRestoreEnabled}} {{.LoggingDriver}}'").stdout == "true json-file\n"
    assert json.loads(machine.run("cat /etc/docker/daemon.json.set-aside-by-aipbx").stdout)["debug"] is True


@pytest.mark.test_all
def test_a_deploy_is_refused_until_the_inventory_names_what_it_has(inv: Inv, machine: Host) -> None:
    before = machine.run(STATE).stdout
    inv("deploy", f"--host={NAME}", "--yes").refused(
        '"postgres_image": "postgres:16-alpine",', '"postgres_data": "app_postgres_data"', "nothing was touched"
    )
    inv("env.init", f"--host={NAME}").succeeded()
    (inv.ssh_config.parent / "env" / f"{NAME}.env").unlink()
    assert machine.run(STATE).stdout == before
    told = inv("doctor", f"--host={NAME}").output
    assert "installed by hand: Compose file /app/docker-compose.production.yml" in told


def test_what_it_has_is_read(inv: Inv, machine: Host) -> None:
    before = machine.run(STATE).stdout
    run = inv("adopt", f"--host={NAME}").succeeded()
    assert "from container app-backend-1" in run.output
    assert '"postgres_image": "postgres:16-alpine",' in run.output
    file = inv.ssh_config.parent / "env" / f"{NAME}.env"
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    assert """OPENAI_API_KEY='sk-proj-$HOME #0 "of" the old host'""" in text
    assert "NOT_DECLARED_ANYWHERE='kept'" in text
    assert "DB_HOST" not in text
    assert "NODE_VERSION" not in text
    assert machine.run(STATE).stdout == before

    volumes = {name: f"aipbx_{name}" for name in ("backend_static", "backend_tts_voices", "frontend_assets")}
    inv.set(NAME, postgres_image="postgres:16-alpine", volumes={"postgres_data": "app_postgres_data"} | volumes)
    inv("deploy", f"--host={NAME}", "--yes").refused("no env file of this project", "inv adopt")
    inv.bootstrap.only("app", "agent")("-y").succeeded()
    inv("env.push", f"--host={NAME}", "--yes").succeeded()
    assert "inventory.py" not in inv("adopt", f"--host={NAME}").succeeded().output.replace("pyinfra inventory.py", "")


@pytest.mark.test_all
def test_new_secrets_in_place_of_the_old_are_refused(inv: Inv, machine: Host) -> None:
    kept = machine.run("cat /app/aipbx/environment.json").stdout
    machine.run("cd /app/aipbx && sed -i 's/Kd83hf-made-by-hand-92/Another-Password-1/' environment.json")
    inv("deploy", f"--host={NAME}", "--yes").refused("DB_PASS", "locked out", "inv adopt")
    machine.run("cat >/app/aipbx/environment.json", stdin=kept.encode())


@pytest.mark.test_all
def test_a_first_release_that_fails_brings_the_old_stack_back(inv: Inv, machine: Host) -> None:
    rows, page = tables(machine, "app"), Web(machine)("/").body
    # The last of all checks fails: by then everything of ours runs.
    inv.set(NAME, public_checks=[{"path": "/", "statuses": [418], "content_type": "text/html"}])
    run = inv("deploy", f"--host={NAME}", "--yes").refused("the old stack runs again")
    inv.set(NAME, public_checks=GOOD)
    assert "https://aipbx.org does not answer as it should." in run.output
    assert all(status.startswith("running") for status in started(machine).values())
    assert machine.run("docker ps -aq --filter label=com.docker.compose.project=aipbx").stdout == ""
    assert tables(machine, "app") == rows
    assert Web(machine)("/").body == page
    assert Web(machine)("/static/avatars/7.png").body == "face\n"


def test_taken_over_with_one_interruption(inv: Inv, machine: Host, lab: Running) -> None:
    rows, checked = tables(machine, "app"), sql(machine, "app", ROWS)
    authority = web.authority_of(lab)
    certificate = Web(machine).certificate(authority)
    files = machine.run(f'docker exec app-backend-1 sh -c "{FILES.format("/app/static")}"').stdout
    assert files.count(".pdf") == 3

    with watched(lab.client, machine) as outages:
        # Its own monitoring comes when it is converged with that.
        with inv.changed(NAME, monitoring=True):
            run = inv("deploy", f"--host={NAME}", "--yes").succeeded()
        inv.bootstrap("-y").succeeded()
    assert len(outages) == 1
    assert "Interrupts once: pages, API, Socket.IO and calls" in run.output
    (named,) = re.findall(r"Stops its monitoring, .* and deletes none of it: (.*)\.", run.output)
    assert sorted(named.split(", ")) == ["grafana", "prometheus"]
    assert machine.run(THEIR_MONITORING).stdout == "exited\nexited\nboard\nwal\n"
    for kept in (
        "/app/set-aside-by-aipbx",
        "/app/.env.production",
        "/app/nginx",
        "container app-backend-1",
        "cron-root",
    ):
        assert kept in run.output

    backend = colours.container(machine, "backend")
    assert sql(machine, "aipbx", ROWS) == checked
    assert tables(machine, "aipbx") == rows
    assert machine.run(f'docker exec {backend} sh -c "{FILES.format("/app/static")}"').stdout == files
    assert machine.run(f"docker exec {backend} cat tts_voices/anna.wav").stdout == "voice\n"
    assert Web(machine)("/static/avatars/7.png").body == "face\n"
    assert Web(machine).certificate(authority) == certificate
    assert Web(machine)("/api/version").json["sha"] == BACKEND["fourth"]


@pytest.mark.test_all
def test_afterwards_it_is_a_host_like_the_others(inv: Inv, machine: Host, lab: Running) -> None:
    assert inv.bootstrap.dry().changes == []
    told = inv("doctor", f"--host={NAME}").output
    assert len(re.findall("installed by hand: ", told)) == 1
    assert "taken over on" in told
    entry = json.loads(machine.run("cat /app/aipbx/adopted.json").stdout)
    assert entry["project"] == "app"
    kept = machine.run("ls /app/set-aside-by-aipbx; stat -c %a /app/set-aside-by-aipbx/containers.json").stdout
    assert kept.split() == ["containers.json", "cron-root", "docker-compose.production.yml", "instead.yml", "600"]
    # It writes again, and another release finds it.
    written = Web(machine)("/api/files", "--json", '{"name": "org-documents/new.pdf", "text": "paid"}')
    assert written.status == 201
    inv("deploy", f"--host={NAME}", f"--sha={BACKEND['third']}", "--service=backend", "--yes").succeeded()
    assert Web(machine)("/static/org-documents/new.pdf").body == "paid"
    # The authority's account came along: its certificate is renewed under our paths.
    before = Web(machine).certificate(web.authority_of(lab))
    inv("tls.renew", f"--host={NAME}", "--force").succeeded()
    assert Web(machine).certificate(web.authority_of(lab)) != before
    assert len(machine.run("ls /app/aipbx/letsencrypt/accounts/*/directory").stdout.split()) == 1


@pytest.mark.test_all
def test_our_backup_takes_the_place_of_cron_s(inv: Inv, machine: Host) -> None:
    table = machine.run("crontab -l").stdout
    assert "backup-db.sh" in table
    assert all(line.startswith("#") for line in table.splitlines())
    assert machine.run("cat /app/set-aside-by-aipbx/cron-root").stdout.splitlines()[-1].startswith("0 3 * * * ")
    inv("backup", f"--host={NAME}").succeeded()
    one = inv.json("backups", f"--host={NAME}", "--json")[NAME]["sets"][-1]
    assert (one["release"]["backend"], one["rows"] > 5000) == (BACKEND["third"], True)


@pytest.mark.test_all
def test_old_scripts_and_old_habits_do_no_harm(machine: Host) -> None:
    machine.run("/app/scripts/backup-db.sh", timeout=60)
    newest = "$(ls -t /app/backups/postgres/*.sql.gz | head -n 1)"
    listing = f"gunzip <{newest} | docker exec -i aipbx-postgres-1 pg_restore --list"
    assert "of_old" in machine.run(listing).stdout
    # Anyone who brings the old file up once more gets the stack of today, and no second PostgreSQL on the same data.
    machine.run("cd /app && docker compose -f docker-compose.production.yml up -d --no-build", timeout=120)
    running = machine.run("docker ps --format '{{.Names}}' | sort").stdout.split()
    assert running == sorted(
        [*(colours.container(machine, each) for each in ("backend", "frontend")), "aipbx-nginx-1", "aipbx-postgres-1"]
    )
