"""Docker Engine from Docker's signed repository, pinned, with Compose and buildx; restarted only when it must be."""

from io import StringIO

from pyinfra.operations import files

from fleet.converge import docker, packages, services
from fleet.converge.context import render, settings, system

# As Docker's repository writes them: 5:29.8.1-1~debian.13~trixie
versions = {
    name: f"{version}~{system().distribution}.{system().version}~{system().codename}"
    for name, version in settings().docker_packages.items()
}
calls = docker.Calls(settings().rtp_ports, allowed=settings().docker_restart_during_calls)

files.directory(name="Keyrings", path="/etc/apt/keyrings", mode="755")
files.download(
    name="Docker's signing key",
    src=f"{settings().docker_repository}/{system().distribution}/gpg",
    dest="/etc/apt/keyrings/docker.asc",
    mode="644",
)
files.put(
    name="Docker's repository, signed by that key only",
    src=StringIO(render("docker/docker.sources.j2")),
    dest="/etc/apt/sources.list.d/docker.sources",
    mode="644",
)
files.put(
    name="Docker's versions are pinned",
    src=StringIO(render("docker/preferences.j2", versions=versions)),
    dest="/etc/apt/preferences.d/docker",
    mode="644",
)
packages.lists(name="Package lists know Docker's repository", max_age_minutes=1440)
docker.daemon_config(name="Docker: daemon.json", text=render("docker/daemon.json.j2"))
docker.installed(name="Docker: engine, Compose, buildx", versions=versions, calls=calls)
packages.held(name="Docker: no upgrade by chance", names=list(versions))
docker.daemon(name="Docker: running with its present configuration", calls=calls)
services.running(name="containerd runs", unit="containerd.service")
