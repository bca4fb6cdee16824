"""Disable what is not needed: rare protocols, core dumps, open cron folders, idle shells."""

from fleet.converge.files import configuration

configuration.file(
    name="Hardening: disable unused kernel modules",
    path="/etc/modprobe.d/90-aipbx.conf",
    text=configuration.shipped("modprobe.conf"),
)
configuration.file(
    name="Hardening: disable core dumps in limits.d",
    path="/etc/security/limits.d/90-aipbx.conf",
    text=configuration.shipped("limits.conf"),
)
configuration.file(
    name="Hardening: disable core dumps in systemd",
    path="/etc/systemd/coredump.conf.d/90-aipbx.conf",
    text=configuration.shipped("coredump.conf"),
)
configuration.file(
    name="Hardening: set shell timeout and disable core dumps",
    path="/etc/profile.d/90-aipbx.sh",
    text=configuration.shipped("profile.sh"),
)
configuration.keywords(
    name="Hardening: set password policy in login.defs",
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
    name="Hardening: enable weekly debsums check",
    path="/etc/default/debsums",
    values={"CRON_CHECK": "weekly"},
    separator="=",
)
configuration.closed(
    name="Hardening: restrict permissions of system files",
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
