"""Where monitoring is on a host: a network of its own, with a fixed address for each container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fleet.inventory.settings import Settings

# No longer than the kernel takes; `br-` is how the firewall knows a network of containers (DOCKER_INTERFACES).
BRIDGE = "br-aipbx-mon"
# What its containers ask of the host, at the bridge's own address: node_exporter, and the agent that reports alerts.
NODE_PORT, ALERTS_PORT = 9100, 9180
PORTS = (NODE_PORT, ALERTS_PORT)
# Each one's place in the network, the port on which it listens, and the MiB of memory that it may take.
CONTAINERS = {
    "prometheus": (2, 9090, 256),
    "alertmanager": (3, 9093, 64),
    "blackbox": (4, 9115, 64),
    "postgres-exporter": (5, 9187, 64),
    "grafana": (6, 3000, 512),
}
# All that Grafana has, below files/monitoring and below the folder of monitoring on a host.
DASHBOARDS = ("fleet", "host", "calls-and-backend", "postgresql-and-backups", "nginx")
GRAFANA_FILES = (
    "grafana/grafana.ini",
    "grafana/provisioning/datasources/prometheus.yml",
    "grafana/provisioning/dashboards/files.yml",
    *(f"grafana/dashboards/{name}.json" for name in DASHBOARDS),
)
UNITS = {
    "aipbx-alerts.socket",
    "aipbx-alerts@.service",
    "aipbx-figures.service",
    "aipbx-figures.timer",
    "aipbx-monitoring.service",
    "aipbx-node-metrics.service",
    "aipbx-node-metrics.socket",
}


def gateway(settings: Settings) -> str:
    """Return the host's own address in that network."""
    return str(settings.monitoring_network[1])


def address(settings: Settings, container: str) -> str:
    """Return a container's address in that network."""
    return str(settings.monitoring_network[CONTAINERS[container][0]])


def endpoint(settings: Settings, container: str) -> str:
    """Return a container's address and port."""
    return f"{address(settings, container)}:{CONTAINERS[container][1]}"


def agent_settings(settings: Settings) -> dict[str, Any]:
    """Return the part of agent.json about it; empty where there is no monitoring."""
    if not settings.monitoring:
        return {}
    return {name: endpoint(settings, name) for name in ("prometheus", "alertmanager", "grafana")}
