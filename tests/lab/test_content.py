"""Story: the odd content of the data's stories comes back whole, and whatever of it is lost is seen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from lab import wait
from lab.machines.host import Host
from tests.lab import content

PROJECT = "story"
LOGIN = "mariadb -h 127.0.0.1 -u app -pa aipbx"
MARK = "=== then ==="
# What a bad backup, or a bad restore, does to PostgreSQL's data; each alone.
POSTGRES_LOSSES = [
    "DELETE FROM odd_long WHERE name = 'one letter'",
    'INSERT INTO " UPPER Case " VALUES (1)',
    "DELETE FROM odd_without_columns",
    "UPDATE odd_values SET f = '0' WHERE name = 'exact'",
    "UPDATE odd_bytes SET every_byte = NULL WHERE id = 2",
    """UPDATE "Архив 📦"."Звонки ☎" SET "имя 😀" = normalize("имя 😀", NFD) WHERE "номер" = 1""",
    """UPDATE odd_documents SET as_written = '{"b": 2, "a": 1.10}' WHERE id = 1""",
    "SELECT setval('odd_serial_id_seq', 1000, true)",
    "ALTER SEQUENCE odd_serial_id_seq OWNED BY NONE",
    "SELECT lo_unlink(990003)",
    "SELECT lo_put(990002, 7, 'x')",
    "DROP INDEX odd_nearest",
    "REFRESH MATERIALIZED VIEW odd_kept_upon WITH NO DATA",
    'DROP VIEW "Архив 📦".odd_upon CASCADE',
    "ALTER TABLE odd_watched ENABLE TRIGGER odd_asleep",
    "ALTER TABLE odd_egg DROP CONSTRAINT odd_egg_hen_fkey",
    "ALTER TABLE odd_tenants DISABLE ROW LEVEL SECURITY",
    "REVOKE SELECT (id) ON odd_tenants FROM PUBLIC",
    "ALTER TABLE odd_identity ALTER mood DROP DEFAULT",
    "ALTER TYPE odd_mood RENAME VALUE '😡' TO 'angry'",
    'COMMENT ON SCHEMA "Архив 📦" IS NULL',
    "DROP EXTENSION hstore CASCADE",
]
MYSQL_LOSSES = [
    "DELETE FROM oddTexts WHERE id = 2",
    "INSERT INTO `Odd ``Table`` Name` VALUES (1, 'один', '', NULL)",
    "UPDATE oddUsers SET isActive = 1, updatedAt = updatedAt WHERE id = 2",
    "UPDATE oddUsers SET createdAt = '1970-01-01', updatedAt = updatedAt WHERE id = 2",
    "UPDATE oddTexts SET bytes = '' WHERE id = 5",
    "UPDATE oddTexts SET old = '?????? ?' WHERE id = 1",
    "UPDATE oddValues SET big = big - 1 WHERE name = 'most'",
    "UPDATE oddValues SET span = '838:59:59' WHERE name = 'most'",
    "ALTER TABLE oddUsers AUTO_INCREMENT = 4",
    "DROP TABLE oddEmpty",
    "DROP VIEW oddAView",
    "DROP TRIGGER oddNote",
    "DROP PROCEDURE oddClean",
    "DROP EVENT oddNightly",
    "ALTER TABLE oddEggs DROP CONSTRAINT eggs_hen",
    "INSERT INTO oddHens VALUES (5, NULL)",
]


def started(host: Host, service: str, arguments: str, ready: str) -> str:
    """Run a server under the name that the stack's service would have, and return that name."""
    container = f"{PROJECT}-{service}-1"
    host.run(f"docker run --detach --label story --name {container} {arguments}", timeout=120)
    todo = f"docker logs {container} on {host.name}"
    wait.until(lambda: host.run(f"docker exec {container} {ready}", check=False).returncode == 0, 60, ready, todo)
    return container


@pytest.fixture
def docker_host(host: Host) -> Iterator[Host]:
    """A converged host; what a story starts on it ends with the story."""
    yield host
    host.run("docker ps -aq --filter label=story | xargs -r docker rm -fv >/dev/null", timeout=60)


def unseen(fingerprints: list[str], losses: list[str]) -> list[str]:
    """The losses, one after the other, that changed nothing in the text that tells what is there."""
    return [loss for loss, (before, after) in zip(losses, pairwise(fingerprints), strict=True) if before == after]


def test_postgresql_s_comes_back_and_a_loss_is_seen(docker_host: Host) -> None:
    given = "--env POSTGRES_USER=app --env POSTGRES_PASSWORD=a --env POSTGRES_DB=aipbx pgvector/pgvector:pg16"
    container = started(docker_host, "postgres", given, "pg_isready -h 127.0.0.1 -U app")
    content.load(docker_host, PROJECT)
    whole = content.fingerprint(docker_host, PROJECT)
    assert "odd_vectors" in whole

    content.psql(docker_host, "CREATE DATABASE restored TEMPLATE template0", PROJECT)
    dump = f"docker exec {container} pg_dump -U app -Fc aipbx"
    docker_host.run(f"{dump} | docker exec -i {container} pg_restore -U app --exit-on-error -d restored")
    assert content.fingerprint(docker_host, PROJECT, "restored") == whole

    text = (content.HERE / "fingerprint.postgres.sql").read_text()
    script = "".join(f"RESET ALL;\n\\o /dev/null\n{loss};\n\\o\n\\echo {MARK}\n{text}" for loss in POSTGRES_LOSSES)
    after = content.psql(docker_host, script, PROJECT, "restored")
    assert unseen([whole, *after.split(f"{MARK}\n")[1:]], POSTGRES_LOSSES) == []


@pytest.mark.test_all
def test_mariadb_s_comes_back_and_a_loss_is_seen(docker_host: Host) -> None:
    given = "--env MARIADB_DATABASE=aipbx --env MARIADB_USER=app --env MARIADB_PASSWORD=a"
    container = started(
        docker_host, "mysql", f"{given} --env MARIADB_ROOT_PASSWORD=r mariadb:11", f"{LOGIN} -e 'select 1'"
    )
    content.load_mysql(docker_host, PROJECT)
    whole = content.fingerprint_mysql(docker_host, PROJECT)

    content.mariadb(docker_host, "CREATE DATABASE restored", PROJECT)
    as_root = f"docker exec -i --env MYSQL_PWD=r {container}"
    dump = f"{as_root} mariadb-dump -u root --single-transaction --hex-blob --routines --events --triggers aipbx"
    docker_host.run(f"{dump} | {as_root} mariadb -u root restored")
    assert content.fingerprint_mysql(docker_host, PROJECT, "restored") == whole

    text = (content.HERE / "fingerprint.mysql.sql").read_text()
    script = "".join(f"{loss};\nSELECT '{MARK}';\n{text}" for loss in MYSQL_LOSSES)
    after = content.mariadb(docker_host, script, PROJECT, "restored")
    assert unseen([whole, *after.split(f"{MARK}\n")[1:]], MYSQL_LOSSES) == []
