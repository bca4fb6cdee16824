"""Docker Engine from Docker's signed repository, pinned, with Compose and buildx; restarted only when it must be."""

from pyinfra.operations import files

from fleet.converge import configuration, docker, packages, services
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
configuration.file(
    name="Docker's repository, signed by that key only",
    path="/etc/apt/sources.list.d/docker.sources",
    text=render("docker/docker.sources.j2"),
)
configuration.file(
    name="Docker's versions are pinned",
    path="/etc/apt/preferences.d/docker",
    text=render("docker/preferences.j2", versions=versions),
)
packages.lists(name="Package lists know Docker's repository", max_age_minutes=1440)
configuration.file(
    name="Docker: daemon.json",
    path=docker.CONFIG,
    text=render("docker/daemon.json.j2"),
    # On a fresh host there is no dockerd yet to test it; it starts with this file right after.
    check="if command -v dockerd >/dev/null; then dockerd --validate --config-file {}; fi",
)
docker.installed(name="Docker: engine, Compose, buildx", versions=versions, calls=calls)
packages.held(name="Docker: no upgrade by chance", names=list(versions))
docker.daemon(name="Docker: running with its present configuration", calls=calls)
services.running(name="containerd runs", unit="containerd.service")
