"""What an operator's checkout and a host must agree on: each fact once, for both sides.

Change VERSION with anything here, or in a verb's request or result, that the other side would misread: then a checkout
and a host that differ say so instead of going wrong.
"""

from __future__ import annotations

VERSION = 8

# Where deploys/agent.py installs this program, and what its configuration is.
COMMAND = "/usr/local/sbin/aipbx-agent"
LIBRARY = "/usr/local/lib/aipbx/agent"
CONFIGURATION = "/etc/aipbx/agent.json"
# How nginx is tested and reloaded (files/proxy/nginx.sh).
NGINX = "/usr/local/lib/aipbx/nginx.sh"
# A long verb runs in a transient unit of systemd, which a lost connection does not stop: this and the verb.
UNIT = "aipbx-agent-"

# A run's exit codes: it began and failed; it refused, and nothing was touched.
FAILED, REFUSED = 1, 2

# In the application's folder: the stack and its variables for Compose, those that the host itself reads, the ledger of
# releases, and what is there while the maintenance page is on.
COMPOSE_FILE, ENVIRONMENT, HOST_ENVIRONMENT = "compose.yml", "environment.json", "host.json"
AUDIT = "audit.jsonl"  # what operators' verbs changed, a line each
LEDGER, MAINTENANCE = "releases.jsonl", "maintenance/on"
# There, too: the chain in force, where there is a certificate.
CERTIFICATE = "tls/current/fullchain.pem"
# Which release runs: the images of the stack, and those that a deploy asks for.
IMAGES, STAGED = "images.env", "images.env.staged"
# A file for each image that is on its way to the host: its boot, and the image (aipbx_agent/core/arriving.py).
ARRIVING = "arriving"
# The services that a switch moves from one colour to the other.
SERVICES = ("backend", "frontend")
# Seconds that nginx gives an answer of the application, and a switch one that the old colour still owes; `slow_paths`
# have their own.
REQUEST_SECONDS = 120
# Connections of each process of nginx; and where it answers the host alone, inside its container.
NGINX_CONNECTIONS, NGINX_LOCAL = 4096, "127.0.0.1:8081"
# Where PostgreSQL keeps its data, inside its container.
POSTGRES_DATA = "/var/lib/postgresql/data"
# In the application's folder: what an operator sends to be restored or imported.
INCOMING = "backups/incoming"
# Keys and settings of copies to a peer host.
OFFSITE = "/etc/aipbx/offsite"
# Seconds within which a run that is cancelled has taken back what it began.
CANCEL_SECONDS = 3600
# In the deploy lock: what follows an owner whose run the host itself carries out.
CARRIED_OUT = "; the host carries it out"

# The account of CI, whose key gives a few verbs of the agent only (aipbx_agent/ci).
CI = "ci"

# Behind this line of a certificate that is supplied come those that may vouch for it.
AUTHORITY = "# aipbx: authority"

# PostgreSQL's superuser: all that this program does there, it does as this role, over the server's own socket.
ADMIN = "aipbx_admin"

# Ends each line of pg_hba.conf that lets the backend in without a password while one is rotated.
ROTATION_MARK = "# aipbx: until the password is changed everywhere"

# What the migrations of a release meet: another server than PostgreSQL; none that runs; a database without tables, or
# whose first start was interrupted; one whose files were never recorded; one whose ledger knows them.
OTHER, NO_SERVER, NEW, FIRST_START, LIVES, KNOWN = "other dialect", "no server", "new", "first start", "lives", "known"
# What is reported of a running release that the ledger of migrations does not know.
UNKNOWN = "unknown"

# The dialplan's global variable that says which backend gets a new call: Stasis(${GLOBAL(AIBOT)}).
ARI_VARIABLE = "AIBOT"

# PostgreSQL's role that reads its statistics for monitoring.
MONITOR = "aipbx_monitor"
# Monitoring (deploys/monitoring.py): its Compose project, and below the application's folder its files.
MONITORING_PROJECT, MONITORING_FOLDER = "aipbx-monitoring", "monitoring"
MONITORING_UNIT = "aipbx-monitoring.service"
# There, too, in the folder that its container reads: the password of MONITOR.
MONITOR_PASSWORD = "secrets/postgres"  # noqa: S105  a file's name
# Where the textfile collector of node_exporter reads figures: Debian's place for them.
METRICS = "/var/lib/prometheus/node-exporter"

# Where clouds answer anyone who asks with the machine's keys and user data: link-local, Alibaba, Azure's host agent; by
# IPv6 AWS, Google, Oracle, Scaleway, Linode, Alibaba.
METADATA_NETWORKS = (
    "169.254.0.0/16",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
    "fd00:c1::a9fe:a9fe/128",
    "fd00:42::42/128",
    "fd00:a9fe:a9fe::1/128",
    "fd00:100::100:200/128",
)

# A file that an operator's machine sends begins so. It is deleted an hour after the last byte was written.
UPLOAD = ".upload-"
UPLOAD_SECONDS = 3600
