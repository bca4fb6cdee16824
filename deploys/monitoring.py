"""Monitoring: node_exporter on the host; Prometheus, Alertmanager and their exporters in containers of their own."""

from aipbx_agent import contract
from fleet.converge.context import host_name, render, settings
from fleet.converge.files import configuration, services
from fleet.converge.system import packages
from fleet.inventory import monitoring as network
from fleet.monitoring import probes

FOLDER = f"{settings().app_dir}/{contract.MONITORING_FOLDER}"
UNITS = "/etc/systemd/system"
NODE = "/etc/default/prometheus-node-exporter"
GRAFANA = ("", "/provisioning", "/provisioning/datasources", "/provisioning/dashboards", "/dashboards")


def tool(image: str, entrypoint: str, *words: str) -> str:
    """The command that has a program of an image read the new file `{}`."""
    run = "docker run --rm --network none --read-only --user 65534:65534 --volume {}:/new.yml:ro"
    return f"{run} --entrypoint {entrypoint} {image} {' '.join(words)} >/dev/null"


if settings().monitoring:
    # --- On the host. Its configuration comes first: the package starts it ---
    configuration.file(name="Monitoring: write node_exporter options", path=NODE, text=render("monitoring/node.j2"))
    packages.installed(name="Monitoring: install node_exporter", names=["prometheus-node-exporter"])
    services.running(
        name="Monitoring: start prometheus-node-exporter.service",
        unit="prometheus-node-exporter.service",
        config=(NODE,),
    )
    for unit in ("aipbx-alerts@.service", "aipbx-figures.service", "aipbx-node-metrics.service"):
        configuration.file(
            name=f"Monitoring: write {unit}",
            path=f"{UNITS}/{unit}",
            text=configuration.shipped(f"monitoring/{unit}"),
        )
    for unit in ("aipbx-node-metrics.socket", "aipbx-alerts.socket"):
        configuration.file(
            name=f"Monitoring: write {unit}",
            path=f"{UNITS}/{unit}",
            text=render(f"monitoring/{unit}.j2", network=network),
        )
        services.running(name=f"Monitoring: start {unit}", unit=unit, config=(f"{UNITS}/{unit}",))
    TIMER = f"{UNITS}/aipbx-figures.timer"
    configuration.file(
        name="Monitoring: write aipbx-figures.timer",
        path=TIMER,
        text=configuration.shipped("monitoring/aipbx-figures.timer"),
    )
    services.running(name="Monitoring: start aipbx-figures.timer", unit="aipbx-figures.timer", config=(TIMER,))

    # --- In containers ---
    configuration.folders(
        name="Monitoring: create directories",
        modes={
            FOLDER: "755",
            **{f"{FOLDER}/{name}": "755" for name in ("prometheus", "alertmanager", "blackbox")},
            **{f"{FOLDER}/grafana{name}": "755" for name in GRAFANA},
            f"{FOLDER}/secrets": "711",
        },
    )
    configuration.file(
        name="Monitoring: write alert rules",
        path=f"{FOLDER}/prometheus/alerts.yml",
        text=configuration.shipped("monitoring/alerts.yml"),
        check=tool(settings().prometheus_image, "/bin/promtool", "check rules /new.yml"),
    )
    configuration.file(
        name="Monitoring: write prometheus.yml",
        path=f"{FOLDER}/prometheus/prometheus.yml",
        text=render("monitoring/prometheus.yml.j2", network=network, probes=probes.of_peers(host_name())),
        check=tool(settings().prometheus_image, "/bin/promtool", "check config --syntax-only /new.yml"),
    )
    configuration.file(
        name="Monitoring: write alertmanager.yml",
        path=f"{FOLDER}/alertmanager/alertmanager.yml",
        text=render("monitoring/alertmanager.yml.j2", network=network),
        check=tool(settings().alertmanager_image, "/bin/amtool", "check-config /new.yml"),
    )
    configuration.file(
        name="Monitoring: write blackbox.yml",
        path=f"{FOLDER}/blackbox/blackbox.yml",
        text=render("monitoring/blackbox.yml.j2", modules=probes.modules(host_name())),
        check=tool(settings().blackbox_image, "/bin/blackbox_exporter", "--config.check --config.file=/new.yml"),
    )
    for path in network.GRAFANA_FILES:
        configuration.file(
            name=f"Monitoring: write {path}",
            path=f"{FOLDER}/{path}",
            text=configuration.shipped(f"monitoring/{path}"),
        )
    configuration.file(
        name="Monitoring: write compose.yml",
        path=f"{FOLDER}/compose.yml",
        text=render("monitoring/compose.yml.j2", network=network, contract=contract),
    )
    UNIT = f"{UNITS}/{contract.MONITORING_UNIT}"
    configuration.file(
        name=f"Monitoring: write {contract.MONITORING_UNIT}",
        path=UNIT,
        text=configuration.shipped(f"monitoring/{contract.MONITORING_UNIT}"),
    )
    services.running(
        name=f"Monitoring: start or restart {contract.MONITORING_UNIT}",
        unit=contract.MONITORING_UNIT,
        config=(
            UNIT,
            f"{FOLDER}/compose.yml",
            f"{FOLDER}/prometheus/alerts.yml",
            f"{FOLDER}/prometheus/prometheus.yml",
            f"{FOLDER}/alertmanager/alertmanager.yml",
            f"{FOLDER}/blackbox/blackbox.yml",
        ),
    )
