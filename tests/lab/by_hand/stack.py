"""A host as the team makes it by hand, with what it has gathered since."""

from __future__ import annotations

import json
from pathlib import Path

from lab.machines.host import Host

HERE = Path(__file__).parent
COMPOSE = "docker compose -f docker-compose.production.yml --env-file .env.production"
# Where its data are is nothing that converging may forget; what it is told of debugging is.
DAEMON = {"data-root": "/var/lib/docker/data", "bip": "10.99.0.1/24"}
# As https://get.docker.com did for years: a key and a source of its own names.
DOCKER = """
set -eu
install -d -m 755 /etc/apt/keyrings
curl -fsSL https://download.docker.com/linux/debian/gpg -o /etc/apt/keyrings/docker-archive-keyring.asc
key=/etc/apt/keyrings/docker-archive-keyring.asc
echo "deb [signed-by=$key] https://download.docker.com/linux/debian trixie stable" \
    >/etc/apt/sources.list.d/docker.list
install -d /etc/docker && echo '@DAEMON@' >/etc/docker/daemon.json
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -q -y docker-ce docker-ce-cli containerd.io docker-buildx-plugin \
    docker-compose-plugin ufw cron
ufw default deny incoming && ufw default allow outgoing
ufw allow ssh && ufw allow 80/tcp && ufw allow 443/tcp && ufw --force enable
"""
BACKEND = "FROM ghcr.io/krasterisk/aipbx_backend:{sha}\n"
FRONTEND = (
    "FROM ghcr.io/krasterisk/aipbx:{sha} AS builder\nFROM nginx:1.30-alpine\n"
    "COPY --from=builder /srv/www /usr/share/nginx/html\n"
)
CERTIFICATE = (
    f"{COMPOSE} run --rm -T --no-deps --entrypoint certbot certbot certonly --webroot --webroot-path=/var/www/certbot "
    "--email admin@aipbx.org --agree-tos --no-eff-email -n -d aipbx.org -d www.aipbx.org"
)
# What a year of work leaves: rows, invoices as PDF, an avatar, a voice.
LEAVES = """
set -eu
docker exec app-postgres-1 psql -q -U aipbx_user -d aipbx_production -c "create table of_old (id int, word text)" \
    -c "insert into of_old select n, md5(n::text) from generate_series(1, 5000) n"
docker exec app-backend-1 sh -c 'mkdir -p static/org-documents static/avatars && cd static &&
    for n in 1 2 3; do head -c 40000 /dev/urandom >"org-documents/счёт $n.pdf"; done; echo face >avatars/7.png
    echo voice >../tts_voices/anna.wav'
echo board >$(docker volume inspect -f '{{.Mountpoint}}' app_grafana_data)/grafana.db
# A stand-in: what counts is its name.
docker tag nginx:1.30-alpine containrrr/watchtower:1.7.1
docker run -d --name watchtower --restart always containrrr/watchtower:1.7.1
"""


def _put(machine: Host, path: str, text: str) -> None:
    machine.run(f"install -d $(dirname {path}) && cat >{path}", stdin=text.encode())


def build(machine: Host, backend: str, frontend: str) -> None:
    """Make the host: packages, files, stack, certificate, cron, and some data.

    Args:
        machine: a fresh host.
        backend, frontend: the commits that run there.
    """
    machine.run(DOCKER.replace("@DAEMON@", json.dumps(DAEMON | {"debug": True})), timeout=240)
    _put(machine, "/app/aiPBX_backend/Dockerfile", BACKEND.format(sha=backend))
    _put(machine, "/app/aiPBX/Dockerfile", FRONTEND.format(sha=frontend))
    machine.run("mkdir -p /app/nginx /app/certbot/conf /app/certbot/www /app/backups/postgres /app/scripts")
    _put(machine, "/app/docker-compose.production.yml", (HERE / "docker-compose.production.yml").read_text())
    environment = (HERE / "env.production").read_text().replace("@ADDRESS@", machine.address4)
    _put(machine, "/app/.env.production", environment)
    _put(machine, "/app/nginx/reverse-proxy.conf", (HERE / "plain.conf").read_text())
    machine.run(f"cd /app && {COMPOSE} up -d --build --quiet-pull", timeout=400)
    machine.run(f"cd /app && {CERTIFICATE}", timeout=120)
    _put(machine, "/app/nginx/reverse-proxy.conf", (HERE / "reverse-proxy.conf").read_text())
    machine.run(f"cd /app && {COMPOSE} restart nginx", timeout=60)
    _put(machine, "/app/scripts/backup-db.sh", (HERE / "backup-db.sh").read_text())
    machine.run("chmod +x /app/scripts/backup-db.sh")
    machine.run("echo '0 3 * * * /app/scripts/backup-db.sh >> /var/log/db-backup.log 2>&1' | crontab -")
    machine.run(LEAVES)
