"""What really goes wrong on a host, by the alert that it raises: what does it, and what ends it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

LOCK = "/app/aipbx/lock"
CERTIFICATE = "/app/aipbx/tls/current/fullchain.pem"
SPOOL = "/app/aipbx/backups/spool"
PSQL = "docker exec aipbx-postgres-1 psql -U aipbx_admin -qAt"
# A container's, in one of its networks.
ADDRESS = (
    "$(docker inspect -f '{{{{range .NetworkSettings.Networks}}}}{{{{.IPAddress}}}} {{{{end}}}}' {} | cut -d' ' -f1)"
)
SITE = "curl -sk -o /dev/null --max-time 20 --resolve $(hostname):443:127.0.0.1 https://$(hostname)"


@dataclass(frozen=True)
class Cause:
    """What goes wrong; both are for bash on the host, where `$backend` is the container that serves.

    Args:
        do: makes it so.
        undo: ends it.
        shown: what one message says, beside the alert's name; ` … ` stands for the rest.
    """

    do: str
    undo: str
    shown: str


def psql(sql: str, database: str = "postgres", *, detached: bool = False) -> str:
    """A command that has PostgreSQL do it."""
    asked = f"{PSQL} -d {database} -c {shlex.quote(sql)}"
    return asked.replace("exec", "exec -d", 1) if detached else asked


def ended(what: str) -> str:
    """A command that ends the sessions in which someone does it."""
    others = f"query LIKE '%{what}%' AND pid <> pg_backend_pid()"
    return psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # noqa: S608  no one's input


def python(script: str, *words: str) -> str:
    """A command for Python of the host; it continues after the shell that starts it."""
    begin = "systemd-run --quiet --unit=story-cause -p LimitNOFILE=20000 python3 -c"
    return " ".join([begin, shlex.quote(script), *words])


BACKUPS = "/app/aipbx/backups"
CHANGED = "import json, sys; at, words = sys.argv[1:]; was = json.load(open(at)); was.update(json.loads(words))"
# Ends what no_backup() began.
BACKUP = f"""
mv /root/story/watch.json {BACKUPS}; mv /root/story/agent.json /etc/aipbx
mv -t {BACKUPS}/sets /root/story/* 2>&-; rm -r /root/story; systemctl start aipbx-watch.service
"""


def no_backup(since: str, **settings: object) -> str:
    """A command after which the host has been looking after its backups for so long, and there is none.

    Args:
        since: as `date` reads it before `ago`.
        settings: of the agent, that are others meanwhile.
    """
    keep = f"mkdir /root/story && cp -a {BACKUPS}/watch.json /etc/aipbx/agent.json /root/story/"
    aside = f"find {BACKUPS}/sets -mindepth 1 -maxdepth 1 -exec mv -t /root/story {{}} +"
    began = f'"{{\\"began\\": \\"$(date --iso-8601=seconds --date "{since} ago")\\"}}"'
    change = f"python3 -c {shlex.quote(f'{CHANGED}; json.dump(was, open(at, chr(119)))')}"
    files = (
        f"{change} {BACKUPS}/watch.json {began} && {change} /etc/aipbx/agent.json {shlex.quote(json.dumps(settings))}"
    )
    return f"{keep} && {aside} && {files} && systemctl start aipbx-watch.service"


CROWD = """
import socket, sys, time
every = []
while True:
    every = [*every, *(socket.create_connection((sys.argv[1], 8443)) for _ in range(500))][-9000:]
    time.sleep(1)
"""
# From within the backend's own network, where the firewall asks nobody.
SOUND = """
import socket
to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(5000):
    to.sendto(bytes(1000), ("127.0.0.1", 3032))
"""
# As the application does it: its own account, driver and variables. It ends with the first connection that ends.
LEAK = """
const { Client } = require("pg");
const e = process.env;
const to = { host: e.DB_HOST, port: e.DB_PORT, user: e.DB_USER, password: e.DB_PASS, database: e.DB_NAME };
for (let n = 0; n < 85; n++) {
  const one = new Client({ ...to, application_name: "story-leak" });
  one.on("error", () => process.exit());
  one.connect();
}
setTimeout(() => {}, 600000);
"""
GREEDY = "const kept = []; for (;;) kept.push(Buffer.alloc(1 << 24, 1));"

CAUSES: dict[str, Cause] = {
    "ServiceUnhealthy": Cause("docker pause aipbx-nginx-1", "docker unpause aipbx-nginx-1", "nginx of "),
    "ServiceRestarting": Cause(
        """for n in 1 2 3 4; do
            was=$(docker inspect -f '{{.State.Pid}}' $backend); kill -9 $was
            until now=$(docker inspect -f '{{.State.Pid}}' $backend); [ $now != 0 ] && [ $now != $was ]; do
                sleep 0.2
            done
        done""",
        "until [ $(docker inspect -f '{{.State.Health.Status}}' $backend) = healthy ]; do sleep 1; done",
        "starts again and again",
    ),
    "OutOfMemoryKill": Cause(
        f"docker exec $backend node -e {shlex.quote(GREEDY)} || true", "true", "killed a process of "
    ),
    "ErrorRatioHigh": Cause(
        f"docker stop --time 2 $backend; for n in $(seq 15); do {SITE}/api/version; done",
        "docker start $backend; until [ $(docker inspect -f '{{.State.Health.Status}}' $backend) = healthy ];"
        " do sleep 1; done",
        "are errors (5xx)",
    ),
    "LatencyHigh": Cause(
        psql("BEGIN; LOCK TABLE prices; SELECT pg_sleep(8)", "aipbx_production", detached=True)
        + f"; sleep 1; for n in $(seq 30); do sleep 0.05; {SITE}/api/prices/public & done; wait",
        "true",
        "takes more than 3 seconds",
    ),
    "NginxSaturated": Cause(
        python(CROWD, ADDRESS.format("aipbx-nginx-1")), "systemctl stop story-cause", "almost no connections left"
    ),
    "UdpDrops": Cause(
        "pid=$(docker inspect -f '{{.State.Pid}}' $backend); docker pause $backend; "
        f"nsenter -t $pid -n python3 -c {shlex.quote(SOUND)}",
        "docker unpause $backend",
        "too slow for the sound of its calls",
    ),
    "DatabaseConnectionsHigh": Cause(
        f"docker exec -d $backend node -e {shlex.quote(LEAK)}",
        psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'story-leak'"),
        "of PostgreSQL's connections are used",
    ),
    "LongTransaction": Cause(
        "; ".join(psql("BEGIN; SELECT pg_sleep(600)", one, detached=True) for one in ("postgres", "aipbx_production")),
        ended("pg_sleep(600)"),
        "aipbx_production: transaction of … postgres: transaction of ",
    ),
    "Deadlocks": Cause(
        " & ".join(
            psql(f"BEGIN; SELECT pg_advisory_lock({one}), pg_sleep(1); SELECT pg_advisory_lock({other})")
            for one, other in ((1, 2), (2, 1))
        )
        + " & wait; true",
        "true",
        "a deadlock ended a transaction",
    ),
    "WalArchiveBehind": Cause(
        f"mode=$(stat -c %a {SPOOL}); echo $mode >/run/story-mode; chmod 000 {SPOOL}; "
        + psql("SELECT pg_logical_emit_message(false, 'story', 'x'), pg_switch_wal()"),
        f"chmod $(cat /run/story-mode) {SPOOL}",
        "is not archived",
    ),
    "CertificateExpires": Cause(
        f"cp -aL {CERTIFICATE} /root/story.pem && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        f" -subj /CN=story -days 10 -keyout /dev/null -out {CERTIFICATE} 2>&1",
        f"cat /root/story.pem >{CERTIFICATE} && rm /root/story.pem",
        "ends in 9d",
    ),
    "VerificationTooOld": Cause(no_backup("9 days"), BACKUP, "was verified for too long"),
    "OffsiteTooOld": Cause(
        no_backup("10 days", offsite={"kind": "s3", "endpoint": "https://storage.yandexcloud.net", "bucket": "none"}),
        BACKUP,
        "last off-site copy of ",
    ),
    "LockTooOld": Cause(
        f"mkdir {LOCK} && echo story >{LOCK}/owner && echo '1 1' >{LOCK}/connection && touch -d '2 hours ago' {LOCK}",
        f"rm -r {LOCK}",
        "is 2h 0m ",
    ),
    "ExporterDown": Cause(
        "systemctl stop prometheus-node-exporter", "systemctl start prometheus-node-exporter", "are missing: node"
    ),
}
