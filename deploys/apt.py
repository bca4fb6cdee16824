"""apt: neither hangs on a question nor meets another apt, and knows Docker's repository, by its key and its pins.

First of all, so that a source that somebody broke is mended before anything is installed.
"""

from pyinfra.operations import files

from fleet.converge import configuration, packages, sources
from fleet.converge.context import docker_versions, render, settings, system

configuration.file(
    name="apt: wait for another apt, install no extras",
    path="/etc/apt/apt.conf.d/90aipbx",
    text=render("apt/90aipbx.j2"),
)
configuration.file(
    name="needrestart: never ask, never restart a daemon under a call",
    path="/etc/needrestart/conf.d/90-aipbx.conf",
    text=configuration.shipped("needrestart.conf"),
)
sources.only(
    name="Docker's repository, named by us alone",
    repository=settings().docker_repository,
    own="/etc/apt/sources.list.d/docker.sources",
)
packages.repaired(name="Finish an installation that was cut off")
packages.installed(name="What fetches Docker's key", names=["ca-certificates", "curl"], update=True)
configuration.folders(name="Keyrings", modes={"/etc/apt/keyrings": "755"})
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
    text=render("docker/preferences.j2", versions=docker_versions()),
)
packages.lists(name="Package lists, at most a day old", max_age_minutes=1440)
