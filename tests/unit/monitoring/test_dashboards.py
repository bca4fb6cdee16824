"""Dashboards: plain files that name the one datasource there is, and only figures that something writes."""

from __future__ import annotations

import configparser
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from aipbx_agent import contract
from fleet import templates
from fleet.checkout import ROOT
from fleet.inventory import hosts, settings
from fleet.inventory import monitoring as network

FILES = ROOT / "files" / "monitoring"
FOLDER = FILES / "grafana" / "dashboards"
# The application's and the hosts' own: written by the agent.
OURS = re.compile(r"\baipbx_[a-z_]+")
# Those of exporters, of blackbox and of Prometheus itself that panels use.
OTHERS = {
    "ALERTS", "up", "prometheus_tsdb_head_series",
    "probe_success", "probe_duration_seconds", "probe_ssl_earliest_cert_expiry",
    "node_boot_time_seconds", "node_cpu_seconds_total", "node_load1", "node_load5", "node_load15",
    "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes", "node_memory_SwapFree_bytes",
    "node_memory_SwapTotal_bytes", "node_vmstat_oom_kill",
    "node_filesystem_avail_bytes", "node_filesystem_size_bytes",
    "node_disk_read_bytes_total", "node_disk_written_bytes_total",
    "node_network_receive_bytes_total", "node_network_transmit_bytes_total",
    "pg_up", "pg_locks_count", "pg_database_size_bytes", "pg_settings_max_connections",
    "pg_stat_activity_count", "pg_stat_activity_max_tx_duration",
    "pg_stat_database_blks_hit", "pg_stat_database_blks_read", "pg_stat_database_deadlocks",
    "pg_stat_database_tup_deleted", "pg_stat_database_tup_fetched", "pg_stat_database_tup_inserted",
    "pg_stat_database_tup_updated", "pg_stat_database_xact_commit", "pg_stat_database_xact_rollback",
}  # fmt: skip
WORDS = re.compile(r"[a-zA-Z_]\w*")
LANGUAGE = {"sum", "min", "max", "avg", "count", "by", "rate", "increase", "time", "or", "histogram_quantile"}

every_dashboard = pytest.mark.parametrize("name", network.DASHBOARDS)


def dashboard(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return loaded


def written() -> set[str]:
    """The names that the agent's source has: whole, or as a beginning and an end."""
    source = "".join(path.read_text("utf-8") for path in (ROOT / "aipbx_agent").rglob("*.py"))
    begun = re.findall(r'begin = "(aipbx_[a-z_]+)"|begin = .*, "(aipbx_container_)"', source)
    begins = {first or second for first, second in begun}
    ends = set(re.findall(r"\{begin\}([a-z_]+)", source)) | set(
        re.findall(r'^ +"([a-z_]+_(?:bytes|total))": ', source, re.M)
    )
    return set(OURS.findall(source)) | {f"{begin}{end}" for begin in begins for end in ends}


def figures(query: str) -> set[str]:
    """The names of figures in a query."""
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)", " ", bare)
    return set(WORDS.findall(bare)) - LANGUAGE


def test_each_file_is_one_that_hosts_get() -> None:
    files = {str(path.relative_to(FILES)) for path in (FILES / "grafana").rglob("*") if path.is_file()}
    assert files == set(network.GRAFANA_FILES)


def test_each_has_an_id_and_a_title_of_its_own() -> None:
    every = [dashboard(name) for name in network.DASHBOARDS]
    assert [one["uid"] for one in every] == [f"aipbx-{name}" for name in network.DASHBOARDS]
    assert len({one["title"] for one in every}) == len(every)


@every_dashboard
def test_each_panel_has_a_title_a_unit_and_queries_of_the_one_datasource(name: str) -> None:
    source = yaml.safe_load((FILES / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8"))
    uid = source["datasources"][0]["uid"]
    panels = dashboard(name)["panels"]
    assert len({panel["title"] for panel in panels}) == len({panel["id"] for panel in panels}) == len(panels) > 5
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert {one["datasource"]["uid"] for one in (panel, *panel["targets"])} == {uid}
        assert all(target["expr"] for target in panel["targets"])
        # Left out, it is no legend: who reads a file of the present schema adds nothing to it.
        assert panel["type"] != "timeseries" or panel["options"]["legend"]["showLegend"]
    assert "${" not in json.dumps(panels)


@every_dashboard
def test_panels_do_not_cover_each_other(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard(name)["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells


@every_dashboard
def test_something_writes_each_figure(name: str) -> None:
    used = {
        figure for panel in dashboard(name)["panels"] for one in panel["targets"] for figure in figures(one["expr"])
    }
    assert used - written() - OTHERS == set()


def test_a_figure_that_nothing_writes_would_be_noticed() -> None:
    query = 'sum by (le) (rate(aipbx_calls_bucket{of="x"}[5m])) / max(pg_stat_database_deadlocks)'
    assert figures(query) == {"aipbx_calls_bucket", "pg_stat_database_deadlocks"}
    assert "aipbx_calls_bucket" not in written()


def test_it_has_no_login_asks_no_one_and_answers_to_the_tunnel_alone() -> None:
    ini = configparser.ConfigParser()
    ini.read(FILES / "grafana" / "grafana.ini")
    off = {
        "analytics": ["reporting_enabled", "check_for_updates", "check_for_plugin_updates"],
        "auth.basic": ["enabled"],
        "unified_alerting": ["enabled"],
        "plugins": ["plugin_admin_enabled"],
        "snapshots": ["enabled", "external_enabled"],
    }
    on = {
        "server": ["enforce_domain"],
        "auth": ["disable_login_form"],
        "auth.anonymous": ["enabled"],
        "security": ["disable_initial_admin_creation"],
        "plugins": ["preinstall_disabled"],
    }
    assert not [(part, name) for part, names in off.items() for name in names if ini.getboolean(part, name)]
    assert not [(part, name) for part, names in on.items() for name in names if not ini.getboolean(part, name)]
    assert ini["auth.anonymous"]["org_role"] == "Viewer"
    assert urlsplit(ini["server"]["root_url"]).netloc == f"{ini['server']['domain']}:{ini['server']['http_port']}"


def test_its_container_has_no_state_no_right_and_no_port() -> None:
    host = hosts.load()[0]
    data = settings.of_host(host.name, host.data)
    text = templates.render("monitoring/compose.yml.j2", settings=data, network=network, contract=contract)
    assert yaml.safe_load(text)["services"]["grafana"] == {
        "profiles": ["dashboard"],
        "image": data.grafana_image,
        "user": "65534:65534",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": "512m",
        "cpus": 0.5,
        "pids_limit": 128,
        "oom_score_adj": 800,
        "restart": "no",
        "environment": {"GOMEMLIMIT": "400MiB"},
        "networks": {"monitoring": {"ipv4_address": "172.31.207.6"}},
        "tmpfs": ["/var/lib/grafana:uid=65534,gid=65534,mode=0700,size=64m", "/tmp:size=16m"],  # noqa: S108  in the container
        "volumes": ["./grafana:/etc/grafana:ro"],
    }
