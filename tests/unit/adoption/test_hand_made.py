"""What a host installed by hand says of itself, and what inventory.py must say in turn."""

import pytest

from fleet.adoption.hand_made import CronLine, HandMade, parse
from fleet.inventory import hosts, settings

DATA = settings.of_host("aipbx.org", hosts.load()[1].data)
POSTGRES = (
    "container\tapp|postgres|postgres:16-alpine|running|aa11|/app-postgres-1|/app/docker-compose.production.yml|"
    "bind::/backups volume:app_postgres_data:/var/lib/postgresql/data "
)
BACKEND = "container\tapp|backend|app-backend|exited|bb22|/app-backend-1|/app/docker-compose.production.yml|"
FILE = "compose\t/app/docker-compose.production.yml"


def read(*lines: str) -> HandMade:
    found = parse("\n".join(lines))
    assert found
    return found


def test_nothing_is_nothing() -> None:
    assert parse("") is None
    assert parse("folder\t/app/nginx\ncron\t/etc/crontab\t0 3 * * * backup") is None


def test_the_stack_is_read() -> None:
    old = read(FILE, POSTGRES, BACKEND)
    assert old.waits
    assert old.project == "app"
    assert old.containers["postgres"].volumes == {"/var/lib/postgresql/data": "app_postgres_data"}
    assert not old.database_in_a_folder
    assert "backend of project app: app-backend, exited" in old.lines()


def test_a_stack_of_someone_else_is_passed_over() -> None:
    other = POSTGRES.replace("\tapp|", "\tn8n|").replace("app_postgres", "n8n_postgres")
    old = read(FILE, other, POSTGRES, BACKEND, BACKEND.replace("|backend|", "|whisper|"))
    assert old.project == "app"
    assert old.others(DATA) == ["whisper"]
    assert set(old.replaced) == {"postgres", "backend"}


@pytest.mark.parametrize(
    ("image", "monitors"),
    [
        ("prom/prometheus:v2.50.1", True),
        ("prom/prometheus", True),
        ("grafana/grafana-oss:latest", True),
        ("gcr.io/cadvisor/cadvisor:v0.49", True),
        ("registry:5000/prom/node-exporter@sha256:1f", True),
        ("team/prometheus-proxy:1", False),
    ],
)
def test_a_monitoring_is_known_by_its_images(image: str, monitors: bool) -> None:
    line = BACKEND.replace("|backend|app-backend|", f"|theirs|{image}|").replace("/app-backend-1", "/app-theirs-1")
    old = read(POSTGRES, BACKEND, line)
    ours = settings.of_host("aipbx.org", hosts.load()[1].data | {"monitoring": True})
    none = settings.of_host("aipbx.org", hosts.load()[1].data | {"monitoring": False})
    assert ([*old.monitoring(ours)], old.others(ours)) == (["theirs"], []) if monitors else ([], ["theirs"])
    assert (old.monitoring(none), old.others(none)) == ({}, ["theirs"])


def test_what_the_inventory_must_say() -> None:
    wanted = read(POSTGRES, BACKEND).data(DATA)
    assert wanted == {
        "postgres_image": "postgres:16-alpine",
        "volumes": DATA.volumes | {"postgres_data": "app_postgres_data"},
    }
    said = settings.of_host("aipbx.org", hosts.load()[1].data | wanted)
    assert read(POSTGRES, BACKEND).data(said) == {}


def test_one_project_for_both_is_refused() -> None:
    assert read(POSTGRES.replace("\tapp|", "\taipbx|")).data(DATA)["compose_project"] == "aipbx-fleet"


def test_a_database_in_a_folder_is_seen() -> None:
    assert read(POSTGRES.replace("volume:app_postgres_data:", "bind::"), BACKEND).database_in_a_folder


def test_what_was_taken_over_is_one_line() -> None:
    adopted = 'adopted\t{"time": "2026-11-23T03:00:00Z", "project": "app", "kept": ["/app/nginx", "/app/ssl"]}'
    old = read(adopted, FILE, BACKEND)
    assert not old.waits
    assert old.lines() == ["taken over on 2026-11-23 from project app; kept: /app/nginx, /app/ssl"]


@pytest.mark.parametrize(
    ("line", "backs_up"),
    [
        ("0 3 * * * /app/scripts/backup-db.sh >> /var/log/db-backup.log 2>&1", True),
        ("0 4 * * * root docker exec app-postgres-1 pg_dump -U aipbx_user aipbx | gzip >/root/x.gz", True),
        ("@daily /app/aiPBX/tools/backup.py", True),
        ("0 0 * * * borg create /srv/backup::home /home", False),
        ("0 */12 * * * root certbot -q renew", False),
    ],
)
def test_a_cron_that_does_what_our_timer_does(line: str, backs_up: bool) -> None:
    table = "/var/spool/cron/crontabs/root"
    old = read(FILE, BACKEND, f"cron\t{table}\t{line}")
    assert old.cron == [CronLine(table, line)]
    assert old.cron[0].backs_up is backs_up
    assert f"cron: {line}  ({table})" in old.lines()
