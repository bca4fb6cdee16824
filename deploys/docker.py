"""Docker Engine at its pinned version, with Compose and buildx; restarted only when it must be."""

from fleet.converge import configuration, docker, packages, services
from fleet.converge.context import docker_versions, render, settings

calls = docker.Calls(settings().rtp_ports, allowed=settings().docker_restart_during_calls)

configuration.file(
    name="Docker: daemon.json",
    path=docker.CONFIG,
    text=render("docker/daemon.json.j2"),
    # On a fresh host there is no dockerd yet to test it; it starts with this file right after.
    check="if command -v dockerd >/dev/null; then dockerd --validate --config-file {}; fi",
)
docker.installed(
    name="Docker: engine, Compose, buildx", versions=docker_versions(), calls=calls, web_ports=settings().web_ports
)
packages.held(name="Docker: no upgrade by chance", names=list(docker_versions()))
docker.daemon(name="Docker: running with its present configuration", calls=calls, web_ports=settings().web_ports)
services.running(name="containerd runs", unit="containerd.service")
