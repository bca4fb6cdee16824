"""Docker Engine at its pinned version, with Compose and buildx; restarted only when necessary."""

from fleet.converge.context import docker_versions, render, settings
from fleet.converge.files import services
from fleet.converge.system import docker, packages, watchtower

calls = docker.Calls(settings().rtp_ports, allowed=settings().docker_restart_during_calls)

text = {known: render("docker/daemon.json.j2", firewall_backend=known) for known in (False, True)}
present = text[docker.knows_firewall_backend()]
docker.tell_replaced(present)
watchtower.stopped(name="Docker: stop Watchtower")
docker.configured(name="Docker: write daemon.json", text=present)
docker.installed(name="Docker: install Engine, Compose and buildx", versions=docker_versions(), calls=calls)
docker.configured_when_known(name="Docker: update daemon.json for the installed engine", text=text[True])
packages.held(name="Docker: hold package versions", names=list(docker_versions()))
docker.daemon(name="Docker: start or restart daemon", calls=calls)
services.running(name="Docker: start containerd.service", unit="containerd.service")
