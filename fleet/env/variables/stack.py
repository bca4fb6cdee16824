"""The variables without which aiPBX does not run: the stack's own, the secrets that we make, the host's own names."""

from __future__ import annotations

from fleet.env.variables.declaration import Section, Variable, hex64, password
from fleet.env.variables.formats import (
    ANY,
    BOT,
    CHAT,
    HEX64,
    HOST_AND_PORT,
    IDENTIFIER,
    MAIL,
    STRIPE_SECRET,
    TIMEZONE,
    URL,
    WORD,
)

_ALREADY_THERE = "The database has it already: the backend would be locked out"

FIXED = Section(
    "Set by the fleet",
    (
        Variable(name="NODE_ENV", help="Mode of Node.", fixed="production", why="the images are production builds"),
        Variable(name="PORT", help="Port of the API.", fixed="5005", why="nginx and the health checks use this port"),
        Variable(
            name="UDP_SERVER_PORT",
            help="Port for RTP inside the container; unset, the application takes a random one.",
            fixed="3032",
            why="the container publishes this port",
        ),
        Variable(
            name="DB_DIALECT",
            help="Kind of database; unset, the application takes mysql.",
            fixed="postgres",
            why="the stack runs PostgreSQL",
        ),
        Variable(name="DB_HOST", help="Host of the database.", fixed="postgres", why="it is the name of the service"),
        Variable(name="DB_PORT", help="Port of the database.", fixed="5432", why="PostgreSQL listens there"),
        Variable(
            name="POSTGRES_USER",
            help="The server's superuser. The application's role is DB_USER, which a deploy makes.",
            fixed="aipbx_admin",
            why="nothing but the server's own socket lets it in",
            read_by=("postgres",),
        ),
        Variable(
            name="POSTGRES_PASSWORD_FILE",
            help="Read once, when the server is made: a password that no one ever sees; a deploy takes it away.",
            fixed="/proc/sys/kernel/random/uuid",
            why="the image does not make a server without one",
            read_by=("postgres",),
        ),
        Variable(
            name="POSTGRES_DB",
            help="DB_NAME for the database's container.",
            taken_from="DB_NAME",
            why="it always is DB_NAME",
            read_by=("postgres",),
        ),
    ),
)

SECRETS = Section(
    "Secrets of this host, made by `inv env.init`",
    (
        Variable(
            name="PRIVATE_KEY",
            help="Signs the logins (JWT). Unset, it is the word SECRET, and anyone can forge an administrator's login.",
            required=True,
            secret=True,
            generate=hex64,
            least=32,
            on_change="everyone must log in again",
        ),
        Variable(
            name="ENCRYPTION_KEY",
            help="Encrypts stored credentials and transcripts. Not 64 hexadecimal digits: crash at boot.",
            required=True,
            secret=True,
            format=HEX64,
            generate=hex64,
            on_change="what was encrypted with the old one can no longer be read",
        ),
        Variable(
            name="HELPDESK_ENCRYPTION_KEY",
            help="Encrypts the PBX keys of the helpdesk. Unset, it is a word that anyone can read in the source.",
            required=True,
            secret=True,
            generate=hex64,
            least=32,
            on_change="PBX keys that were stored with the old one must be entered again",
        ),
        Variable(
            name="JWT_SECRET",
            help="Takes the place of HELPDESK_ENCRYPTION_KEY or ENCRYPTION_KEY where one is not set; here both are.",
            secret=True,
            least=32,
            on_change="what was encrypted with it while a key was not set can no longer be read",
        ),
        Variable(
            name="DB_PASS",
            help="Password of the database's role.",
            required=True,
            secret=True,
            generate=password,
            least=12,
            locked=f"{_ALREADY_THERE} (inv db.rotate-password changes it everywhere)",
        ),
    ),
)

HOST = Section(
    "This host",
    (
        Variable(
            name="DB_USER",
            help="Role that owns the database, and is not a superuser.",
            required=True,
            format=IDENTIFIER,
            default="aipbx_user",
            locked=_ALREADY_THERE,
        ),
        Variable(
            name="DB_NAME",
            help="Name of the database.",
            required=True,
            format=IDENTIFIER,
            default="aipbx_production",
            locked=_ALREADY_THERE,
        ),
        Variable(
            name="EXTERNAL_HOST",
            help="Where Asterisk sends RTP: this server's own public address and 3032; each colour gets its own port.",
            exclusive=True,
            required=True,
            format=HOST_AND_PORT,
        ),
        Variable(
            name="API_URL",
            help="Public address of the API, used in mails and callbacks.",
            exclusive=True,
            required=True,
            format=URL,
            default="https://{host}",
        ),
        Variable(
            name="CLIENT_URL",
            help="Public address of the web interface, for redirects.",
            exclusive=True,
            required=True,
            format=URL,
            default="https://{host}",
        ),
        Variable(
            name="FRONTEND_URL",
            help="Public address of the web interface, for links. Unset, links lead to app.aipbx.ru.",
            exclusive=True,
            required=True,
            format=URL,
            default="https://{host}",
        ),
        Variable(
            name="ADMIN_EMAIL",
            help="The administrator's account; the public prices need it.",
            required=True,
            format=MAIL,
        ),
        Variable(
            name="TIMEZONE",
            help="Time zone of invoices and schedules.",
            required=True,
            format=TIMEZONE,
            default="UTC",
        ),
        Variable(
            name="TZ",
            help="Time zone of the processes, so of times in logs.",
            format=TIMEZONE,
            default="UTC",
            read_by=("backend", "postgres"),
        ),
        Variable(
            name="AIPBX_BOTNAME",
            help="Name under which the backend registers with every PBX: the dialplan's Stasis(aiPBXBot,…). Unset, it "
            "is the word undefined. With ARI_*, `-blue` or `-green` follows it.",
            required=True,
            format=WORD,
            default="aiPBXBot",
        ),
    ),
)

REQUIRED_KEYS = Section(
    "Keys without which the backend does not start",
    (
        Variable(
            name="OPENAI_API_KEY",
            help="Key of OpenAI. Absent: crash at boot; may be set to nothing where OpenAI is not used.",
            required=True,
            empty_allowed=True,
            secret=True,
            format=ANY,
            least=20,
        ),
        Variable(
            name="STRIPE_SECRET_KEY",
            help="Secret key of Stripe. Absent or empty: crash at boot.",
            required=True,
            secret=True,
            format=STRIPE_SECRET,
        ),
    ),
)

ALERTS = Section(
    "Alerts: who is notified when a backup fails",
    (
        Variable(
            name="ALERT_SLACK_WEBHOOK",
            help="Incoming webhook of Slack's. Without it and without Telegram no one is notified of a failed backup.",
            secret=True,
            format=URL,
            least=20,
            read_by=("host",),
        ),
        Variable(
            name="ALERT_TELEGRAM_BOT_TOKEN",
            help="Token of a Telegram bot that reports failures; may be TELEGRAM_BOT_TOKEN's.",
            secret=True,
            format=BOT,
            least=30,
            read_by=("host",),
        ),
        Variable(
            name="ALERT_TELEGRAM_CHAT",
            help="Chat that it writes to; both or neither.",
            format=CHAT,
            read_by=("host",),
        ),
    ),
)

PBX = Section(
    "The PBX: with these a deploy hands calls over, and cuts none",
    (
        Variable(
            name="ARI_URL",
            help="Asterisk's REST interface, read by the host alone: https://pbx.example.com:8089/ari.",
            exclusive=True,
            format=URL,
            read_by=("host",),
        ),
        Variable(name="ARI_USER", help="Its account there (ari.conf), not a read-only one.", read_by=("host",)),
        Variable(name="ARI_PASSWORD", help="That account's password.", secret=True, least=8, read_by=("host",)),
    ),
)

OFF_SITE = Section(
    "Off-site copies in object storage (offsite = S3 in the inventory)",
    (
        Variable(
            name="OFFSITE_S3_ACCESS_KEY_ID",
            help="Key of an account that may add, read and list in the bucket; docs/security.md says what it must not.",
            secret=True,
            read_by=("host",),
        ),
        Variable(
            name="OFFSITE_S3_SECRET_ACCESS_KEY",
            help="Its secret; both or neither.",
            secret=True,
            least=16,
            read_by=("host",),
        ),
    ),
)

TELEGRAM = Section(
    "Telegram",
    (
        Variable(name="TELEGRAM_BOT_TOKEN", help="Token of the bot: notices and logins.", secret=True, least=30),
        Variable(
            name="TELEGRAM_ADMIN_CHATID",
            help="Chat that gets the administrator's notices.",
            exclusive=True,
            format=CHAT,
        ),
    ),
)
