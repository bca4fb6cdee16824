"""The small internet: its images do on a host what the real ones do, and builds find their packages."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import wait
from lab.app import history
from lab.ci import pipeline
from lab.machines.host import Host
from lab.running import Running
from lab.world.notifications import Notification
from lab.world.object_storage import ACCESS_KEY, ENDPOINT, REGION, SECRET_KEY, bucket
from lab.world.repositories import ensure_repositories
from tests.lab.login import ssh

LOCK = {
    "name": "probe",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"name": "probe", "version": "1.0.0", "dependencies": {"is-number": "6.0.0"}},
        "node_modules/is-number": {
            "version": "6.0.0",
            "resolved": "https://registry.npmjs.org/is-number/-/is-number-6.0.0.tgz",
            "integrity": "sha512-"
            "Wu1VHeILBK8KAWJUAiSZQX94GmOE45Rg6/538fKwiloUu21KncEkYGPqob2oSZ5mUT73vLGrHQjKw3KMPwfDzg==",
        },
    },
}
DOCKERFILE = """
FROM node:22-slim
RUN apt-get update -q && apt-get install -q -y --no-install-recommends file && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci && npm view is-odd@3.0.1 dist.tarball >tarball
USER node
CMD ["node", "-e", "console.log(require('is-number')(5), process.getuid(), process.version)"]
"""


@pytest.fixture
def docker_host(host: Host) -> Iterator[Host]:
    """A converged host; what a story starts on it ends with the story."""
    yield host
    host.run("docker ps -aq --filter label=story | xargs -r docker rm -fv >/dev/null", timeout=60)
    host.run("docker network rm story 2>/dev/null; docker rmi story 2>/dev/null; rm -rf /root/story", check=False)


def put(host: Host, path: str, content: str) -> None:
    encoded = base64.b64encode(content.encode()).decode()
    host.run(f"mkdir -p $(dirname {path}) && echo {encoded} | base64 -d >{path}")


def docker(host: Host, arguments: str, timeout: float = 120) -> str:
    return host.run(f"docker {arguments}", timeout=timeout).stdout


def started(host: Host, arguments: str, ready: str) -> str:
    """Run a container in the background, wait until a command in it succeeds, and return its id."""
    container = docker(host, f"run --detach --label story {arguments}").strip()
    log = f"docker logs {container} on {host.name}"
    wait.until(lambda: host.run(f"docker exec {container} {ready}", check=False).returncode == 0, 60, ready, log)
    return container


@pytest.mark.test_all
def test_a_build_on_a_host_gets_packages_of_npm_s_and_debian_s(docker_host: Host) -> None:
    put(docker_host, "/root/story/Dockerfile", DOCKERFILE)
    put(docker_host, "/root/story/package-lock.json", json.dumps(LOCK))
    put(docker_host, "/root/story/package.json", json.dumps(LOCK["packages"][""]))  # type: ignore[index]
    docker(docker_host, "build --quiet --no-cache --tag story /root/story", timeout=300)
    assert docker(docker_host, "run --rm --label story story").split()[:2] == ["true", "1000"]
    assert docker(docker_host, "run --rm --label story story node --version").startswith("v22.")
    tarball = "https://registry.npmjs.org/is-odd/-/is-odd-3.0.1.tgz"
    assert docker(docker_host, "run --rm --label story story cat tarball").strip() == tarball


@pytest.mark.test_all
@pytest.mark.parametrize(
    ("image", "account", "extension"),
    [("postgres:16-alpine", "70", "pgcrypto"), ("pgvector/pgvector:pg16", "999", "vector")],
)
def test_postgresql_starts_as_the_real_image_does(docker_host: Host, image: str, account: str, extension: str) -> None:
    given = "--env POSTGRES_USER=app --env POSTGRES_PASSWORD='se$ret word' --env POSTGRES_DB=aipbx --network-alias db"
    docker(docker_host, "network create --label story story 2>/dev/null || true")
    database = started(docker_host, f"--network story {given} {image}", "pg_isready -h 127.0.0.1 -U app")
    query = f"select current_setting('server_version_num')::int / 10000; create extension {extension}; select 7"
    answer = docker(docker_host, f'exec {database} psql -U app -d aipbx -qAtc "{query}"')
    assert answer.split() == ["16", "7"]
    assert docker(docker_host, f"exec {database} stat -c %u /proc/1").strip() == account
    client = f"run --rm --label story --network story --env PGPASSWORD='{{}}' {image}"
    login = f"{client} psql -h db -U app aipbx -Atc 'select 1'"
    assert docker(docker_host, login.format("se$ret word")).strip() == "1"
    refused = docker_host.run("docker " + login.format("wrong"), check=False)
    assert "password authentication failed" in refused.stderr
    dump = "pg_dump -U app -Fc --compress=zstd:3 aipbx >/tmp/dump && pg_restore -l /tmp/dump"
    docker(docker_host, f"exec {database} sh -c '{dump}'")


@pytest.mark.test_all
def test_postgresql_without_a_password_is_refused(docker_host: Host) -> None:
    done = docker_host.run("docker run --rm --label story postgres:16-alpine", check=False)
    assert done.returncode == 1
    assert "superuser password is not specified" in done.stderr


@pytest.mark.test_all
def test_mariadb_starts_as_the_real_image_does(docker_host: Host) -> None:
    put(docker_host, "/root/story/password", "it's \\ a $ecret")
    docker_host.run("chmod 600 /root/story/password")
    given = "--env MYSQL_ROOT_PASSWORD=r --env MARIADB_DATABASE=aipbx_1 --env MARIADB_USER=app"
    mounted = "--volume /root/story/password:/password:ro --env MARIADB_PASSWORD_FILE=/password"
    client = "sh -c 'MYSQL_PWD=$(cat /password) exec mariadb -h 127.0.0.1 -u app -NB aipbx_1'"
    database = started(docker_host, f"{given} {mounted} mariadb:11", client)
    asked = "select current_user(), @@socket, @@character_set_server, convert_tz('2026-07-01', 'UTC', 'Asia/Tokyo')"
    answer = docker_host.run(f"docker exec -i {database} {client}", stdin=asked.encode()).stdout
    assert answer == "app@%\t/run/mysqld/mysqld.sock\tutf8mb4\t2026-07-01 09:00:00\n"
    # The grant is on this database, and on none whose name only looks like it.
    refused = docker_host.run(f"docker exec -i {database} {client}", stdin=b"create database aipbxx1", check=False)
    assert "Access denied" in refused.stderr
    assert "Access denied" in docker_host.run(f"docker exec {database} mariadb -u root", check=False).stderr
    docker(
        docker_host, f"exec --env MYSQL_PWD=r {database} sh -c 'mariadb-dump -u root aipbx_1 && mysqldump --version'"
    )
    assert docker(docker_host, f"exec {database} stat -c %u /proc/1").strip() == "999"
    docker(docker_host, f"stop --time 20 {database}")
    assert docker(docker_host, f"inspect -f '{{{{.State.ExitCode}}}}' {database}").strip() == "0"
    assert docker_host.run("docker run --rm --label story mariadb:11", check=False).returncode == 1


@pytest.mark.test_all
def test_nginx_serves_and_checks_its_configuration(docker_host: Host) -> None:
    server = started(docker_host, "nginx:1.30-alpine", "wget -q -O /dev/null http://127.0.0.1/")
    assert "test is successful" in docker_host.run(f"docker exec {server} nginx -t").stderr
    assert docker(docker_host, f"exec {server} id nginx").startswith("uid=101(nginx) gid=101(nginx)")
    assert '"GET / HTTP/1.1" 200' in docker(docker_host, f"logs {server}")


@pytest.mark.test_all
def test_certbot_gets_a_certificate(docker_host: Host) -> None:
    mount = "--volume /root/story/webroot:"
    docker(docker_host, f"run --detach --label story --publish 80:80 {mount}/usr/share/nginx/html nginx:1.30-alpine")
    asked = "certonly --webroot --webroot-path /webroot --non-interactive --agree-tos --email a@aipbx.org -d aipbx.org"
    docker(
        docker_host,
        f"run --rm --label story {mount}/webroot --volume /root/story/le:/etc/letsencrypt "
        f"certbot/certbot:v5.1.0 {asked}",
    )
    issued = docker_host.run(
        "openssl x509 -noout -issuer -ext subjectAltName -in /root/story/le/live/aipbx.org/cert.pem"
    )
    assert "Pebble" in issued.stdout
    assert "DNS:aipbx.org" in issued.stdout


def test_what_no_registry_has_is_unknown(lab: Running, docker_host: Host) -> None:
    for image in ("postgres:99", "ghcr.io/krasterisk/aipbx:0123abc"):
        done = docker_host.run(f"docker pull {image}", check=False)
        assert done.returncode == 1
        assert "manifest unknown" in done.stderr


@pytest.mark.test_all
@pytest.mark.parametrize("name", pipeline.IMAGES)
def test_what_ci_made_of_a_commit_is_in_the_registry(docker_host: Host, tmp_path: Path, name: str) -> None:
    _, image = pipeline.IMAGES[name]
    commits = history.commits(history.make(tmp_path)[name])
    sha = commits["master"]
    docker(docker_host, f"pull --quiet {image}:{sha}")
    revision = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
    assert docker(docker_host, f"image inspect --format '{revision}' {image}:{sha}").strip() == sha
    never = docker_host.run(f"docker pull {image}:{commits['broken/build']}", check=False)
    assert "manifest unknown" in never.stderr


def git(lab: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git as the operator does, led into the lab by its SSH configuration."""
    environment = os.environ | {"GIT_SSH_COMMAND": f"ssh -F {lab.lab.directory / 'ssh_config'} -o BatchMode=yes"}
    return subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=60, check=False, env=environment)


@pytest.mark.parametrize(
    "name", [pytest.param("krasterisk/aiPBX", marks=pytest.mark.test_all), "krasterisk/aiPBX_backend"]
)
def test_the_operator_finds_the_application_at_github(lab: Running, tmp_path: Path, name: str) -> None:
    done = git(lab, "ls-remote", "--symref", f"git@github.com:{name}.git", "HEAD", "refs/heads/master")
    assert done.returncode == 0, done.stderr
    local = history.commits(history.make(tmp_path)[name])
    assert done.stdout.splitlines() == [
        "ref: refs/heads/master\tHEAD",
        f"{local['master']}\tHEAD",
        f"{local['master']}\trefs/heads/master",
    ]


@pytest.mark.test_all
def test_a_pushed_commit_is_there_until_the_lab_comes_up_again(lab: Running, tmp_path: Path) -> None:
    url = "git@github.com:krasterisk/aiPBX.git"
    clone = str(tmp_path / "clone")
    assert git(lab, "clone", "--quiet", url, clone).returncode == 0
    who = ("-c", "user.name=Story", "-c", "user.email=story@aipbx.test")
    assert git(lab, "-C", clone, *who, "commit", "--quiet", "--allow-empty", "--message=more").returncode == 0
    pushed = git(lab, "-C", clone, "push", "--quiet", "origin", "HEAD:refs/heads/story")
    assert pushed.returncode == 0, pushed.stderr
    assert git(lab, "ls-remote", url, "refs/heads/story").stdout
    ensure_repositories(lab.world, history.make(tmp_path / "again"))
    assert not git(lab, "ls-remote", url, "refs/heads/story").stdout


@pytest.mark.test_all
def test_github_s_account_runs_nothing_but_git(lab: Running) -> None:
    done = ssh(lab.lab.directory / "ssh_config", "git", "github.com", "id")
    assert done.returncode != 0
    assert "unrecognized command" in done.stderr
    unknown = git(lab, "ls-remote", "git@github.com:krasterisk/nothing.git")
    assert "does not appear to be a git repository" in unknown.stderr


LARGE = 11_000_000
RCLONE = (
    "RCLONE_CONFIG=/dev/null RCLONE_CONFIG_S3_TYPE=s3 RCLONE_CONFIG_S3_PROVIDER=Other "
    f"RCLONE_CONFIG_S3_ENDPOINT={ENDPOINT} RCLONE_CONFIG_S3_REGION={REGION} "
    f"RCLONE_CONFIG_S3_ACCESS_KEY_ID={ACCESS_KEY} RCLONE_CONFIG_S3_SECRET_ACCESS_KEY={SECRET_KEY} "
    "/root/story/usr/bin/rclone --retries 1 --low-level-retries 1"
)


@pytest.fixture
def rclone(docker_host: Host) -> str:
    """Debian's rclone, unpacked beside what the host has installed."""
    fetch = "mkdir -p /root/story && cd /root/story && apt-get update -qq && apt-get download -qq rclone"
    docker_host.run(f"{fetch} && dpkg-deb -x rclone_*.deb /root/story", timeout=120)
    return RCLONE


@pytest.mark.test_all
def test_rclone_keeps_objects_in_the_bucket_of_its_host(docker_host: Host, rclone: str) -> None:
    folder = f"s3:{bucket(docker_host.name)}/story"

    def there() -> list[str]:
        return docker_host.run(f"{rclone} lsf --files-only {folder}").stdout.splitlines()

    docker_host.run(f"cd /root/story && head -c {LARGE} /dev/urandom >large && printf мал >'дым и огонь+%.txt'")
    docker_host.run(f"{rclone} copy --s3-upload-cutoff 6M --s3-chunk-size 5M /root/story/large {folder}")
    docker_host.run(f"{rclone} copy '/root/story/дым и огонь+%.txt' {folder}")
    assert there() == ["large", "дым и огонь+%.txt"]
    assert json.loads(docker_host.run(f"{rclone} size --json {folder}").stdout)["bytes"] == LARGE + len("мал".encode())
    # From within its second part into the third.
    for start, length in ((0, LARGE), (9_999_000, 1_000_500)):
        stored = docker_host.run(f"{rclone} cat --offset {start} --count {length} {folder}/large | sha256sum").stdout
        local = docker_host.run(f"tail -c +{start + 1} /root/story/large | head -c {length} | sha256sum").stdout
        assert stored == local
    docker_host.run(f"{rclone} delete {folder}")
    assert there() == []


def curl(host: Host, words: str) -> subprocess.CompletedProcess[str]:
    """Run curl; what it prints is the answer's body and status."""
    return host.run(f"curl -sS -w '%{{http_code}}' {words}", check=False)


def signed(words: str, user: str = f"{ACCESS_KEY}:{SECRET_KEY}") -> str:
    return f"--aws-sigv4 aws:amz:{REGION}:s3 --user '{user}' {words}"


def test_only_who_has_the_secret_key_gets_in(docker_host: Host) -> None:
    put(docker_host, "/root/story/note", "secret")
    url = f"{ENDPOINT}/{bucket(docker_host.name)}/note"
    upload = f"-T /root/story/note {url}"
    assert curl(docker_host, signed(upload)).stdout == "200"
    for words, why in (
        (signed(upload, f"{ACCESS_KEY}:wrong"), "SignatureDoesNotMatch"),
        (signed(url, f"{ACCESS_KEY}:wrong"), "SignatureDoesNotMatch"),
        (signed(url, f"nobody:{SECRET_KEY}"), "AccessDenied"),
        (url, "AccessDenied"),
        (f"-X DELETE {url}", "AccessDenied"),
    ):
        refused = curl(docker_host, words).stdout
        assert f"<Code>{why}</Code>" in refused
        assert refused.endswith("403")
    assert curl(docker_host, signed(url)).stdout == "secret200"
    assert curl(docker_host, signed(f"-X DELETE {url}")).stdout == "204"
    assert "NoSuchKey" in curl(docker_host, signed(url)).stdout


@pytest.mark.test_all
def test_a_cut_upload_leaves_no_object(docker_host: Host) -> None:
    docker_host.run(f"mkdir -p /root/story && head -c {LARGE} /dev/zero >/root/story/large")
    url = f"{ENDPOINT}/{bucket(docker_host.name)}/cut"
    cut = curl(docker_host, signed(f"--limit-rate 1M --max-time 1 -T /root/story/large {url}"))
    assert cut.returncode == 28, cut.stderr
    assert "NoSuchKey" in curl(docker_host, signed(url)).stdout


SLACK_URL = "https://hooks.slack.com/services/T0/B0/story"
TELEGRAM_URL = "https://api.telegram.org/bot1:story/sendMessage"


def test_what_a_host_posts_to_slack_and_telegram_is_kept(lab: Running, docker_host: Host) -> None:
    before = len(lab.world.notifications())
    body = '{"text": "диск \\u0026 100%"}'
    put(docker_host, "/root/story/body", body)
    posted = "-H 'Content-Type: application/json; charset=utf-8' --data-binary @/root/story/body"
    assert curl(docker_host, f"{posted} {SLACK_URL}").stdout == "ok200"
    told = curl(docker_host, f"-d chat_id=7 --data-urlencode text=a+b {TELEGRAM_URL}").stdout
    assert told.endswith("}200")
    assert json.loads(told.removesuffix("200"))["result"]["text"] == "a+b"
    assert curl(docker_host, f"-H 'Content-Type: application/json' -d '{{' {SLACK_URL}").stdout == "invalid_payload400"
    kinds = ("application/json; charset=utf-8", "application/x-www-form-urlencoded", "application/json")
    # Other hosts of the lab may post meanwhile.
    assert [one for one in lab.world.notifications()[before:] if "story" in one.path] == [
        Notification("hooks.slack.com", "/services/T0/B0/story", kinds[0], body, 200),
        Notification("api.telegram.org", "/bot1:story/sendMessage", kinds[1], "chat_id=7&text=a%2Bb", 200),
        Notification("hooks.slack.com", "/services/T0/B0/story", kinds[2], "{", 400),
    ]


@pytest.mark.test_all
def test_a_receiver_fails_as_long_as_it_is_set_to(lab: Running, docker_host: Host) -> None:
    before = len(lab.world.notifications())
    posted = f'--max-time 1 -d \'payload={{"text": "a"}}\' {SLACK_URL}'
    with lab.world.failing("hooks.slack.com", "error"):
        assert curl(docker_host, posted).stdout == "server_error500"
        assert curl(docker_host, f"-d chat_id=7 -d text=a {TELEGRAM_URL}").stdout.endswith("200")
    with lab.world.failing("hooks.slack.com", "silence"):
        assert curl(docker_host, posted).returncode == 28
    assert curl(docker_host, posted).stdout == "ok200"
    came = [one.status for one in lab.world.notifications()[before:] if "story" in one.path]
    assert came == [500, 200, 0, 200]
