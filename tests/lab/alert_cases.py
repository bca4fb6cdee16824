"""For each alert, series with which it fires and series with which it does not, as promtool reads them."""

from __future__ import annotations

import json
from dataclasses import dataclass

HOST = "aipbx.ru"
# A value each half minute.
Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """One alert.

    Args:
        fires: series with which it does.
        quiet: series with which it does not; none: it always fires.
        at: when that is asked, after the beginning.
    """

    fires: Series
    quiet: Series | None
    at: str = "15m"


def probes(**answers: int) -> Series:
    """What the blackbox exporter says of a peer, by check."""
    return {f'probe_success{{peer="p",check="{check.replace("_", "-")}"}}': f"{up}x60" for check, up in answers.items()}


def disk(values: str) -> Series:
    """A file system of 100 bytes and what is free of it."""
    labels = 'mountpoint="/",fstype="ext4",device="/dev/vda"'
    return {f"node_filesystem_avail_bytes{{{labels}}}": values, f"node_filesystem_size_bytes{{{labels}}}": "100x1000"}


def answers(bad: int, good: int) -> Series:
    """So many more answers of nginx's each half minute."""
    name = "aipbx_nginx_answers_total"
    return {f'{name}{{status="5xx"}}': f"0+{bad}x60", f'{name}{{status="2xx"}}': f"0+{good}x60"}


def seconds(quick: int) -> Series:
    """Ten answers each half minute, so many of them within a second."""
    name = "aipbx_nginx_answer_seconds"
    buckets = {"1": quick, "3": quick, "10": 10, "+Inf": 10}
    found = {f'{name}_bucket{{le="{end}"}}': f"0+{count}x60" for end, count in buckets.items()}
    return {**found, f"{name}_count": "0+10x60"}


def simple(name: str, fires: str, quiet: str) -> Case:
    """An alert about one figure."""
    return Case({name: fires}, {name: quiet})


WELL = {"aipbx_wal_ok": "1x60", "aipbx_wal_checked_timestamp_seconds": "0+30x60", "aipbx_release_running": "1x60"}
CASES = {
    "HostDown": Case(probes(site=0, tls=0, ping=0), probes(site=0, tls=0, ping=1)),
    "SiteDown": Case(probes(site=0, tls=0, ping=1), probes(site=0, tls=1, ping=1)),
    "ApiDown": Case(probes(site=1, api=0), probes(site=1, api=1)),
    "SocketIoDown": Case(probes(site=1, socket_io=0), probes(site=1, socket_io=1)),
    "CertificateWrong": Case(probes(site=0, tls=1), probes(site=0, tls=0)),
    "Watchdog": Case({"up": "1x60"}, None),
    "CertificateExpires": simple("aipbx_certificate_expires_timestamp_seconds", "864000x60", "1728000x60"),
    "DiskSpaceLow": Case(disk("5x60"), disk("20x60")),
    "DiskFillsUp": Case(disk("39-0.012x1000"), disk("30x1000"), "8h"),
    "MemoryLow": Case(
        {"node_memory_MemAvailable_bytes": "5x60", "node_memory_MemTotal_bytes": "100x60"},
        {"node_memory_MemAvailable_bytes": "50x60", "node_memory_MemTotal_bytes": "100x60"},
    ),
    "OutOfMemoryKill": simple("node_vmstat_oom_kill", "0x20 1x40", "3x60"),
    "ClockWrong": Case({"node_timex_sync_status": "0x100"}, {"node_timex_sync_status": "1x100"}, "40m"),
    "LockTooOld": simple("aipbx_lock_seconds", "4000x60", "600x60"),
    "ReleasesDiffer": Case(
        {'aipbx_own_release{release="a"}': "1x300", 'aipbx_peer_release{release="b"}': "1x300"},
        {'aipbx_own_release{release="a"}': "1x300", 'aipbx_peer_release{release="a"}': "1x300"},
        "130m",
    ),
    "ServiceUnhealthy": simple('aipbx_container_unhealthy{service="backend-blue"}', "1x60", "0x60"),
    "ServiceRestarting": simple('aipbx_container_restarts_total{service="backend-blue"}', "0+1x60", "0x3 1x60"),
    "ErrorRatioHigh": Case(answers(5, 5), answers(0, 5)),
    "LatencyHigh": Case(seconds(0), seconds(10)),
    "NginxSaturated": Case(
        {"aipbx_nginx_worker_connections": "90x60", "aipbx_nginx_worker_connections_most": "100x60"},
        {"aipbx_nginx_worker_connections": "10x60", "aipbx_nginx_worker_connections_most": "100x60"},
    ),
    "UdpDrops": simple('aipbx_udp_drops_total{service="backend-blue"}', "0+20x60", "7x60"),
    "DatabaseConnectionsHigh": Case(
        {"pg_stat_activity_count": "95x60", "pg_settings_max_connections": "100x60"},
        {"pg_stat_activity_count": "10x60", "pg_settings_max_connections": "100x60"},
    ),
    "LongTransaction": simple('pg_stat_activity_max_tx_duration{datname="a",state="active"}', "1000x60", "5x60"),
    "Deadlocks": simple('pg_stat_database_deadlocks{datname="a"}', "0x20 1x40", "1x60"),
    "WalArchiveBehind": Case({"aipbx_wal_ok": "0x60"}, WELL),
    "BackupTooOld": simple('aipbx_agent_too_old{of="backup"}', "1x60", "0x60"),
    "VerificationTooOld": simple('aipbx_agent_too_old{of="verified"}', "1x60", "0x60"),
    "OffsiteTooOld": simple('aipbx_agent_too_old{of="offsite"}', "1x60", "0x60"),
    "ExporterDown": Case(
        {'up{job="node"}': "0x60"},
        {'up{job="node"}': "1x60", 'up{job="postgres"}': "0x60", 'up{job="releases"}': "0x60"},
    ),
    "NotificationsFailing": simple(
        'alertmanager_notifications_failed_total{receiver_name="deadman_url",reason="serverError"}', "0+1x60", "4x60"
    ),
}


def promtool(rules: str) -> str:
    """The file for `promtool test rules`; JSON is YAML.

    Args:
        rules: the path of the rules.
    """
    tests = [_test(name, case.fires, case.at, 1) for name, case in CASES.items()]
    tests += [_test(name, case.quiet, case.at, 0) for name, case in CASES.items() if case.quiet is not None]
    return json.dumps({"rule_files": [rules], "evaluation_interval": "30s", "tests": tests})


def _test(name: str, series: Series, at: str, count: int) -> dict[str, object]:
    query = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
    samples = [{"labels": "{}", "value": count}] if count else []
    return {
        "name": f"{name} {'fires' if count else 'is quiet'}",
        "interval": "30s",
        "external_labels": {"host": HOST},
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [{"expr": query, "eval_time": at, "exp_samples": samples}],
    }
