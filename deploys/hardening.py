"""What nobody needs is shut: rare protocols, core dumps, open cron folders, idle shells."""

from fleet.converge import configuration

configuration.file(
    name="Modules that nothing here needs",
    path="/etc/modprobe.d/90-aipbx.conf",
    text=configuration.shipped("modprobe.conf"),
)
configuration.file(
    name="No core dumps: limits",
    path="/etc/security/limits.d/90-aipbx.conf",
    text=configuration.shipped("limits.conf"),
)
configuration.file(
    name="No core dumps: systemd",
    path="/etc/systemd/coredump.conf.d/90-aipbx.conf",
    text=configuration.shipped("coredump.conf"),
)
configuration.file(
    name="Shells: no core dumps, and idle ones end",
    path="/etc/profile.d/90-aipbx.sh",
    text=configuration.shipped("profile.sh"),
)
configuration.keywords(
    name="Passwords, where somebody sets one: slow to guess, changed within a year",
    path="/etc/login.defs",
    values={
        "PASS_MAX_DAYS": "365",
        "PASS_MIN_DAYS": "1",
        "SHA_CRYPT_MIN_ROUNDS": "10000",
        "SHA_CRYPT_MAX_ROUNDS": "65536",
        "FAILLOG_ENAB": "yes",
    },
)
configuration.keywords(
    name="Files of packages are checked weekly",
    path="/etc/default/debsums",
    values={"CRON_CHECK": "weekly"},
    separator="=",
)
configuration.closed(
    name="What only root reads",
    modes={
        "/etc/crontab": "600",
        "/etc/cron.d": "700",
        "/etc/cron.daily": "700",
        "/etc/cron.hourly": "700",
        "/etc/cron.weekly": "700",
        "/etc/cron.monthly": "700",
        "/etc/ssh/sshd_config": "600",
    },
)
