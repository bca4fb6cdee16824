"""Every default of the fleet, a section a topic. A host changes one of them in inventory.py, a group in its own file.

fleet/inventory/settings.py checks each of these before anything is touched; a malformed value is refused by its name.
"""

# --- Staging -------------------------------------------------------------------------------------------------------
# Whether releases are tried out here before customers get them. group_data/staging.py says so for the group `staging`.
# `all`, numbers in commit messages and defaults leave such a host out: it is meant where it, or its group, is named.
staging = False
# Minutes that a release must have run, healthy, on a staging host before `inv promote` brings it to production.
soak_minutes = 60
# Whether a staging host gets every pushed commit whose message names no host (docs/ci.md).
deploys_every_push = False
# Which file of this repository says what becomes of each column of a production host's data before a staging host gets
# them (inv staging.refresh). Whatever it does not mention is refused.
scrub_rules = "files/staging/scrub.toml"
# Where the containers of a staging host may connect, TCP: ports by network ("203.0.113.7" is one address). Names are
# always looked up; everything else is refused. So mails, charges and calls go nowhere, whatever the env file says.
# Production is not limited.
outgoing: dict[str, list[int]] = {}

# --- Who logs in ---------------------------------------------------------------------------------------------------
# The one account that operators and pyinfra use once a host is converged. Whose keys open it: operators/*.pub.
deploy_user = "deploy"
# Accounts of a fresh host, tried in this order. A cloud's image whose root names another account (debian, ubuntu) needs
# no more. Each one here that a host does not have counts as a guess to a fail2ban that the provider has installed.
first_login_users = ["root"]

# --- Firewall ------------------------------------------------------------------------------------------------------
# The port on which sshd answers. Moving sshd is yours; a run refuses to begin when this is not the port it came by.
sshd_port = 22
# RTP from Asterisk, UDP: one port for each colour of the backend.
rtp_ports = [3032, 3034]
# Addresses or networks (IPv4 or IPv6) of the PBXs that may send RTP; empty: any.
pbx_addresses: list[str] = []

# --- Docker --------------------------------------------------------------------------------------------------------
# Pinned: upgraded by changing this line, never by chance. Docker's repository appends ~debian.13~trixie and the like.
docker_packages = {
    "docker-ce": "5:29.8.1-1",
    "docker-ce-cli": "5:29.8.1-1",
    "containerd.io": "2.3.5-1",
    "docker-buildx-plugin": "0.37.1-1",
    "docker-compose-plugin": "5.5.1-1",
}
# Docker's apt repository; the distribution's id (debian, ubuntu) is appended.
docker_repository = "https://download.docker.com/linux"
# How many log files of 10 MiB are kept of a container.
docker_log_files = 5
# A change that restarts the Docker daemon stops here while calls are live; say yes for one run with
# `--data docker_restart_during_calls=true`.
docker_restart_during_calls = False
# More keys of daemon.json, as Docker documents them: {"data-root": "/srv/docker"}. A host on which Docker lives already
# keeps its own this way: converging is refused while one would be lost that decides where data and networks are.
docker_daemon: dict[str, object] = {}

# --- Directories ---------------------------------------------------------------------------------------------------
# Everything of aiPBX on the host lives below this path.
app_dir = "/app/aipbx"

# --- The application -----------------------------------------------------------------------------------------------
# Where its source is, and the branch whose head `inv deploy` takes. Only operators' machines talk to git.
backend_repository = "git@github.com:krasterisk/aiPBX_backend.git"
frontend_repository = "git@github.com:krasterisk/aiPBX.git"
branch = "master"
# Where its secret variables come from. The env file: {}. Vault or OpenBao, KV version 2, entry aipbx/<host>:
# {"kind": "vault", "address": "https://vault.example.org:8200"}, and "mount" and "folder" where these are others.
# AWS Secrets Manager, secret aipbx/<host>: {"kind": "aws", "region": "eu-central-1"}, and "folder".
# A file that sops encrypts, env/<host>.sops.yaml: {"kind": "sops"}.
# Operators and CI read it when they push the environment; hosts and deploys never do (docs/secrets.md).
secrets_from: dict[str, str] = {}
# Its images; the tag is the git SHA. `registry`: CI has pushed them, hosts pull them. `build`: the host builds them
# from that SHA, niced and within build_memory_mib and build_cpus (builds peak at 2,366 and 2,805 MiB).
images_from = "registry"
backend_image = "ghcr.io/krasterisk/aipbx_backend"
frontend_image = "ghcr.io/krasterisk/aipbx"
# How CI tests a commit before it builds it: in a container of this image, by these commands.
quality_image = "node:22-slim"
quality_commands = {
    "backend": ["npm ci", "npm test"],
    "frontend": [
        "export PUPPETEER_SKIP_DOWNLOAD=true",
        "npm ci",
        "npm run lint:ts",
        "npm run test:unit",
        "npm run generate:api-types:check",
    ],
}
# What GitHub calls this host: an environment, with the secrets of a deploy there. Empty: as in aipbxnet_production.
github_environment = ""
build_memory_mib = 3072
build_cpus = 1.0
# `fleet`: files/images/ of this repository; `repository`: the Dockerfile that the application's own repository has.
dockerfiles = "fleet"
# Handed to builds by CI or on the host, beside RELEASE; files/images/ says which there are. Public: never a secret. A
# host with others than these gets images of its own from CI, named after it: ghcr.io/krasterisk/aipbx-aipbx.ru.
build_arguments: dict[str, dict[str, str]] = {"backend": {}, "frontend": {}}
# Whether a deploy to several hosts comes to this one first (none says so: the first that is named), and for how many
# seconds it is then watched before the others follow.
canary = False
canary_soak_seconds = 60
# How many releases keep their images on the host, the present one included: as far back as `inv rollback` goes.
keep_releases = 5

# --- The stack (templates/compose.yml.j2) --------------------------------------------------------------------------
compose_project = "aipbx"
# The knowledge base needs pgvector; postgres:16-alpine does where it is not used. Never change the major version here:
# the data directory belongs to it.
postgres_image = "pgvector/pgvector:pg16"
# A scratch server for dumps of MySQL's (inv db.import-mysql): a MariaDB reads those of both.
mysql_image = "mariadb:11"
nginx_image = "nginx:1.30-alpine"
# IPv6 of the network between Docker and nginx: any /64 of a private block (RFC 4193) that the host does not use.
public_network_ipv6 = "fd7a:1b70:5c1e:80::/64"
certbot_image = "certbot/certbot:v5.1.0"
# Names of the volumes that hold what must not be lost. A host that lived before names its own in inventory.py.
volumes = {
    "postgres_data": "aipbx_postgres_data",
    "backend_static": "aipbx_backend_static",
    "backend_tts_voices": "aipbx_backend_tts_voices",
    "frontend_assets": "aipbx_frontend_assets",
}
# Most memory (MiB) and CPUs of each service.
memory_mib = {"postgres": 1024, "backend": 2048, "frontend": 256, "nginx": 512}
cpus = {"postgres": 1.0, "backend": 2.0, "frontend": 0.5, "nginx": 1.0}
# Most processes and threads of each: what multiplies in one leaves the host and the others alone. PostgreSQL has one
# for each connection (100) and each process of a load; Node some 20 and what ffmpeg takes; nginx keeps a worker of each
# core after a reload, as long as WebSockets last.
pids = {"postgres": 512, "backend": 512, "frontend": 64, "nginx": 512}
# More services, as Compose writes them, each with its `profiles`; compose_profiles says which run here. aipbx.net's
# GPU services are such. They join the network `data` or `web` by naming it; a volume that they name is Docker's of that
# name, and no Compose command deletes it. One that does not say its `pids_limit` gets 1024.
extra_services: dict[str, dict[str, object]] = {}
compose_profiles: list[str] = []

# --- Readiness -----------------------------------------------------------------------------------------------------
# Seconds that a release has to become ready (10 to 23 s were measured; a database out of reach ends the app at 33 s),
# and for how long it must then stay so before it counts.
ready_seconds = 120
settle_seconds = 10
# What must answer under the host's public name, over TLS, when a deploy says that it is done.
public_checks = [
    {"path": "/", "statuses": [200], "content_type": "text/html"},
    {"path": "/api/prices/public", "statuses": [200, 404], "content_type": "application/json"},
    {"path": "/socket.io/?EIO=4&transport=polling", "statuses": [200], "content_type": "text/plain"},
]

# --- Switching releases (aipbx_agent/release/switch) -------------------------------------------------------------
# `colours`: the new backend starts beside the old one. With ARI_* in the env file the PBX hands new calls to it, and
# old calls stay where they are until they end; without, a deploy waits for no live call, as two backends
# under one name would take each other's calls. `recreate`: the old one ends first, with every call and request on it.
switch_mode = "colours"
# Seconds for which old calls may continue before they are hung up; without ARI_*, for which a deploy waits until no
# call is live.
drain_seconds = 1800
# When the application's timers run, by the backend's own clock (TZ in the env file), and what each does: HH:MM; *:MM in
# every hour; *:*/5 every five minutes. While two backends are up both do it, so in `colours` a deploy of the backend
# does not begin when it could reach one. Empty: nothing is refused. (A timer of every minute looks after connections to
# PBXs: that may be done twice.)
application_timers = {
    "*:*/5": "accounting documents that failed are sent again",
    "*:*/10": "analyses that hang are given up",
    "*:00": "digests are sent",
    "01:00": "exchange rates are fetched",
    "03:00": "old analyses go; on the 1st of a month closing documents are made",
    "04:00": "anomalies are looked for",
    "09:00": "customers whose balance runs out are notified",
}
# Work that the backend does in the background, and does not take up again after a restart: rows of a table of the last
# hour in which a column has a value. A deploy says how many there are before it asks.
background_work = {
    "analyses of recordings": {"table": "operator_analytics", "column": "status", "value": "processing"},
    "documents for knowledge bases": {"table": "knowledgeDocuments", "column": "status", "value": "processing"},
}

# --- Migrations ----------------------------------------------------------------------------------------------------
# Seconds that a migration waits for a lock before it gives up and is rolled back: for so long visitors wait behind it.
migration_lock_seconds = 3
# Seconds that one statement of a migration may take; what it has locked stays locked until its file is through.
migration_statement_seconds = 300
# A new database gets its tables from the application's first start. They are not what the migrations make of them
# (indexes, an extension, a dropped foreign key come from these alone), so after it all files run, but for:
# Those that come before the first start, because it would make their tables without what they need: a column of an
# extension's type, and a default without which the file's own row cannot be written.
migrations_before_first_start = ["2026-03-21-knowledge-base-tables.sql", "2026-07-03-helpdesk-tables.sql"]
# Those that do not run on such tables, each with the reason; they count as applied. A host that lives is not concerned.
migrations_skipped_on_new_database = {
    "2026-05-19-our-organizations-bank.sql": "the first start makes these columns, and it has no IF NOT EXISTS",
}

# --- Web proxy -----------------------------------------------------------------------------------------------------
# Names that the host answers for beside its own and www.: each must point to it before a certificate is asked for.
extra_names: list[str] = []
# Whether browsers reach this host through Cloudflare: its word on the client's address is believed then, and only then.
cloudflare = False
# Whether the web ports are open for Cloudflare's machines only: no one then gets past it to the origin's own address.
# Every name must go through Cloudflare (the orange cloud), or it can no longer be reached.
web_from_cloudflare_only = False
# Networks (IPv4 or IPv6) that may open the web interface, port 443; empty: anyone. A staging host must say some. Port
# 80 stays open: it answers the certificate authority and leads to https, and never serves the application.
web_from: list[str] = []
# Cloudflare's networks: compare with https://www.cloudflare.com/ips-v4 and /ips-v6 before a host goes behind it.
cloudflare_ranges = [
    "173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "141.101.64.0/18",
    "108.162.192.0/18", "190.93.240.0/20", "188.114.96.0/20", "197.234.240.0/22", "198.41.128.0/17",
    "162.158.0.0/15", "104.16.0.0/13", "104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22",
    "2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32",
    "2a06:98c0::/29", "2c0f:f248::/32",
]  # fmt: skip
# Requests under way at once, open WebSockets among them, that one client may have: an IPv4 address, or a /64 of IPv6.
# An office of 100 behind one address has two sockets a tab and some requests. Each takes two of the 4096 connections
# that nginx holds for each core, so 512 are a quarter of one core's.
connections_per_client = 512
# Requests a second that one client may make of /api/. The backend has a
# limit of its own, 100 a minute and route, that counts all clients as one: it sees nginx's address only.
api_requests_per_second = 10
# Paths below /api/ that may take longer than others (120 s), and the seconds that nginx gives them. A recording that is
# analyzed while its sender waits is transcribed for up to 300 s (the application's own limit), then judged.
slow_paths = {"/api/operator-analytics/": 420}
# Logins a minute of one client.
login_requests_per_minute = 3
# Seconds that a client is asked to wait while the maintenance page shows.
maintenance_retry_seconds = 120

# --- Response headers ------------------------------------------------------------------------------------------------
# HTTP Strict Transport Security: seconds for which browsers refuse plain HTTP (0: not said). Subdomains and the
# preload list can hardly be taken back: only where every name below the domain has TLS for good.
hsts_max_age_seconds = 31536000
hsts_include_subdomains = False
hsts_preload = False
# Sources by directive: what the application's pages load, and no more. Each service that is not used can go.
content_security_policy = {
    "default-src": ["'self'"],
    "script-src": [
        "'self'",
        # index.html and the preview of a widget have scripts in them; the charts compile some.
        "'unsafe-inline'",
        "'unsafe-eval'",
        # The Playground makes the worklet that reads the microphone out of its own text.
        "blob:",
        "https://js.stripe.com",
        "https://telegram.org",
        "https://accounts.google.com",
        # Analytics, where FRONTEND_GA4_MEASUREMENT_ID, FRONTEND_GOOGLE_ADS_ID (the last two of Google) or
        # FRONTEND_YANDEX_METRIKA_ID are set.
        "https://www.googletagmanager.com",
        "https://www.googleadservices.com",
        "https://googleads.g.doubleclick.net",
        "https://mc.yandex.ru",
        "https://mc.yandex.com",
    ],
    # Sentry packs a recorded session in a worker that it makes out of its own text.
    "worker-src": ["'self'", "blob:"],
    # The sign-in button of Google has its own stylesheet.
    "style-src": ["'self'", "'unsafe-inline'", "https://fonts.googleapis.com", "https://accounts.google.com"],
    "font-src": ["'self'", "https://fonts.gstatic.com"],
    "img-src": ["'self'", "data:", "https:"],
    # Samples of voices, from their makers: OpenAI and Alibaba (Qwen).
    "media-src": ["'self'", "https://cdn.openai.com", "https://help-static-aliyun-doc.aliyuncs.com"],
    "connect-src": [
        "'self'",
        "wss:",
        "https://api.stripe.com",
        "https://accounts.google.com",
        # Analytics sends to the region of anyone who looks: region1., www., and so on.
        "https://*.google-analytics.com",
        "https://*.analytics.google.com",
        "https://www.googletagmanager.com",
        "https://www.google.com",
        "https://www.googleadservices.com",
        "https://googleads.g.doubleclick.net",
        "https://stats.g.doubleclick.net",
        "https://mc.yandex.ru",
        "https://mc.yandex.com",
        # An organization's own name stands before these (FRONTEND_SENTRY_DSN).
        "https://*.ingest.sentry.io",
        "https://*.ingest.de.sentry.io",
        "https://*.ingest.us.sentry.io",
    ],
    # The two of Stripe are its 3-D Secure; Tag Manager, DoubleClick and Metrica recognize a visitor in theirs.
    "frame-src": [
        "https://accounts.google.com",
        "https://oauth.telegram.org",
        "https://js.stripe.com",
        "https://hooks.stripe.com",
        "https://www.googletagmanager.com",
        "https://td.doubleclick.net",
        "https://mc.yandex.ru",
        "https://mc.yandex.com",
    ],
    "object-src": ["'none'"],
    "base-uri": ["'self'"],
    "frame-ancestors": ["'self'"],
}
# Browsers report violations and block nothing: for trying out a stricter policy. `inv csp` shows the reports.
csp_report_only = False

# --- TLS -----------------------------------------------------------------------------------------------------------
# Where the certificate comes from: "letsencrypt", asked for and renewed by the host; "supplied", by `inv tls.supply`.
tls = "letsencrypt"
# The certificate authority's ACME directory.
acme_directory = "https://acme-v02.api.letsencrypt.org/directory"
# Whom the authority may write to; empty: no one.
acme_contact = "admin@aipbx.net"
# Addresses by which the internet reaches this host, where its own interfaces do not have them (one-to-one NAT).
public_addresses: list[str] = []

# --- Backups (aipbx_agent is what does it, on the host) ---------------------------------------------------
# When a set is taken, UTC.
backup_time_utc = "03:00"
# How many sets stay on the host: of the last days, weeks and months, one each. The newest verified ones always stay.
backup_keep = {"days": 7, "weeks": 4, "months": 6}
# Processes that load a dump at a time: one more than the host has cores, as one of them often waits for its disk. Each
# takes up to 128 MiB of PostgreSQL's memory limit.
restore_jobs = 3
# When the newest set is restored into a throwaway server and compared, UTC; and what that server may take (MiB, CPUs).
verify_time_utc = "Sun 04:00"
verify_memory_mib = 768
verify_cpus = 1.0
# Point-in-time restore, inv restore --at (PostgreSQL only): WAL is archived, packed and copied off the host, with the
# base backups on which it is replayed.
# MiB of WAL that may wait for this host's agent, and as much again in PostgreSQL's own folder when archiving fails.
# What exceeds that, or would leave less disk than half of min_free_disk_mib, is given up, and the team is notified: a
# full disk would stop the database.
wal_backlog_mib = 1024
# When a base backup is made, UTC, and how many days from one to the next: WAL of so many days is replayed at most.
base_time_utc = "01:30"
base_days = 1
# How many days back it must be possible to restore, here and off-site, and the MiB on this host and in an S3 store
# beyond which the oldest base backups go before their time.
wal_keep_days = 7
wal_max_mib = 20480
# Where a second copy of every set goes, encrypted. Nowhere: {}.
# To another host of the inventory: {"kind": "sftp", "host": "aipbx.net"}, and "address", where its SSH answers, if its
# name does not lead there. To object storage that speaks S3: {"kind": "s3", "bucket": "aipbx-ru-backups",
# "endpoint": "https://storage.yandexcloud.net", "region": "ru-central1"}; its keys are OFFSITE_S3_* in the env file,
# and docs/security.md says what the bucket must refuse.
offsite: dict[str, str] = {}
# Public keys (age1… or ssh-ed25519 …) whose owners can read off-site copies; no host can. `inv offsite.key` makes one.
backup_recipients: list[str] = []
# How many off-site copies stay: of the last days, weeks and months, one each. The newest verified one always stays.
offsite_keep = {"days": 14, "weeks": 8, "months": 12}

# --- Monitoring (docs/monitoring.md) -------------------------------------------------------------------------------
# Whether this host collects metrics of itself, looks at the public names of the other hosts, and reports what is wrong.
monitoring = True
prometheus_image = "prom/prometheus:v3.5.0"
alertmanager_image = "prom/alertmanager:v0.28.1"
blackbox_image = "prom/blackbox-exporter:v0.26.0"
postgres_exporter_image = "prometheuscommunity/postgres-exporter:v0.17.1"
# Pulled by the first `inv dashboard`.
grafana_image = "grafana/grafana:12.4.3"
# The network of these containers: any private IPv4 network of 16 addresses or more that the host does not use.
monitoring_network = "172.31.207.0/28"
# Metrics are kept for so many days, and never more than so many MiB of them.
monitoring_keep_days = 15
monitoring_max_mib = 512
# Asked every minute while this host's monitoring works: a service outside that reports when this ends. Empty: none.
deadman_url = ""

# --- System --------------------------------------------------------------------------------------------------------
# Least free space on / and /var in MiB; below it nothing is begun: a full disk half-way is worse than a refusal.
min_free_disk_mib = 2048
# Hosts with less memory than this (MiB) get a swap file of swap_mib: a build takes up to 2,805 MiB.
swap_below_memory_mib = 3500
swap_mib = 2048
# Hour (UTC) from which security updates install; away from the nightly backup at 03:00.
security_updates_hour_utc = 5
# Seconds that apt waits for another apt on the host before it gives up.
apt_lock_timeout_seconds = 120

# --- Safety --------------------------------------------------------------------------------------------------------
# Seconds after which a change of sshd or firewall undoes itself on the host unless a fresh login confirmed it.
guard_seconds = 60
# Operators' addresses that fail2ban never bans.
fail2ban_never_ban: list[str] = []

# --- pyinfra -------------------------------------------------------------------------------------------------------
# Deadline in seconds for any single remote command.
_timeout = 900
