"""apt: no prompts, no collision with another apt; Docker's repository with its key and pinned versions.

It runs first, so that a broken package source is repaired before anything is installed.
"""

from pyinfra.operations import files

from fleet.converge.context import docker_versions, render, settings, system
from fleet.converge.files import configuration
from fleet.converge.system import packages, sources

configuration.file(
    name="apt: write configuration",
    path="/etc/apt/apt.conf.d/90aipbx",
    text=render("apt/90aipbx.j2"),
)
configuration.file(
    name="needrestart: disable prompts and automatic restarts",
    path="/etc/needrestart/conf.d/90-aipbx.conf",
    text=configuration.shipped("needrestart.conf"),
)
sources.only(
    name="apt: remove other entries of the Docker repository",
    repository=settings().docker_repository,
    own="/etc/apt/sources.list.d/docker.sources",
)
packages.repaired(name="apt: complete an interrupted installation")
packages.installed(name="apt: install ca-certificates and curl", names=["ca-certificates", "curl"], update=True)
configuration.folders(name="apt: create /etc/apt/keyrings", modes={"/etc/apt/keyrings": "755"})
files.download(
    name="apt: download Docker signing key",
    src=f"{settings().docker_repository}/{system().distribution}/gpg",
    dest="/etc/apt/keyrings/docker.asc",
    mode="644",
)
configuration.file(
    name="apt: add Docker repository",
    path="/etc/apt/sources.list.d/docker.sources",
    text=render("docker/docker.sources.j2"),
)
configuration.file(
    name="apt: pin Docker versions",
    path="/etc/apt/preferences.d/docker",
    text=render("docker/preferences.j2", versions=docker_versions()),
)
packages.lists(name="apt: update package lists", max_age_minutes=1440)
