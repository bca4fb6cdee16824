"""Docker Engine at its pinned version, with Compose and buildx; restarted only when it must be."""

from fleet.converge import docker, packages, services
from fleet.converge.context import docker_versions, render, settings

calls = docker.Calls(settings().rtp_ports, allowed=settings().docker_restart_during_calls)

text = {known: render("docker/daemon.json.j2", firewall_backend=known) for known in (False, True)}
present = text[docker.knows_firewall_backend()]
docker.tell_replaced(present)
docker.configured(name="Docker: daemon.json", text=present)
docker.installed(name="Docker: engine, Compose, buildx", versions=docker_versions(), calls=calls)
docker.configured_when_known(name="Docker: daemon.json, as the installed engine knows it", text=text[True])
packages.held(name="Docker: no upgrade by chance", names=list(docker_versions()))
docker.daemon(name="Docker: running with its present configuration", calls=calls)
services.running(name="containerd runs", unit="containerd.service")
