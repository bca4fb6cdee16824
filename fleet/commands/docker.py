"""Docker, beside Compose: images, containers, volumes."""

from __future__ import annotations

import shlex

from aipbx_agent.contract import ARRIVING
from aipbx_agent.core import arriving
from fleet.commands import colours

# templates/systemd/aipbxbuild.slice.j2
BUILD_SLICE = "aipbxbuild.slice"


def of_service(project: str, service: str, app_dir: str = "") -> str:
    """A shell expression for the id of a service's container, also of one that has ended.

    Args:
        service: as Compose calls it; with `app_dir`, where the stack's files are, as operators do.
        app_dir: says which colour serves.
    """
    name = colours.serving(app_dir, service) if app_dir else shlex.quote(service)
    labels = [shlex.quote(f"label=com.docker.compose.project={project}"), f"label=com.docker.compose.service={name}"]
    labels.append("label=com.docker.compose.oneoff=False")
    filters = " ".join(f"--filter {label}" for label in labels)
    return f"$(docker ps --all --quiet --latest {filters})"


def absent(references: list[str]) -> str:
    """The command that prints those of some images that are not on the host, one a line."""
    look = 'docker image inspect "$image" >/dev/null 2>&1 || echo "$image"'
    return f"for image in {shlex.join(references)}; do {look}; done"


def tags(repository: str) -> str:
    """The command that lists an image's tags on the host, one a line."""
    return f"docker image ls --format '{{{{.Tag}}}}' {shlex.quote(repository)}"


def noted(app_dir: str, reference: str, command: str) -> str:
    """A command that brings an image, noted on the host until the disk has all of it (aipbx_agent/core/arriving.py)."""
    note = shlex.quote(str(arriving.note(app_dir, reference)))
    line = f'printf "%s %s\\n" "$(cat {arriving.BOOT})" {shlex.quote(reference)}'
    return (
        f"install -d -m 700 {shlex.quote(f'{app_dir}/{ARRIVING}')} && {line} >{note} && sync {note} && "
        f"{{ {command}; code=$?; sync; rm -f {note}; exit $code; }}"
    )


def build(folder: str, dockerfile: str, beside: str, reference: str, arguments: dict[str, str]) -> str:
    """The command that builds an image from a folder, inside the slice whose limits keep it out of the way of calls.

    Args:
        folder: the source.
        dockerfile: its path.
        beside: a folder that the Dockerfile knows as `image`: what it needs that is not the application's.
        reference: the image's name and tag.
        arguments: build arguments; public, they appear in the image's history.
    """
    argv = ["docker", "build", "--progress", "plain", "--file", dockerfile, "--build-context", f"image={beside}"]
    argv += ["--tag", reference]
    for name, value in arguments.items():
        argv += ["--build-arg", f"{name}={value}"]
    # Docker names a slice to systemd, but a path to the kernel where systemd does not keep its groups.
    parent = (
        f"systemctl start {BUILD_SLICE} && parent={BUILD_SLICE} && "
        "{ [ \"$(docker info --format '{{.CgroupDriver}}')\" = systemd ] || parent=/$parent; }"
    )
    return f'{parent} && {shlex.join(argv)} --cgroup-parent "$parent" {shlex.quote(folder)}'


def address(project: str, service: str, app_dir: str) -> str:
    """The command that prints a running service's addresses, as the host reaches them."""
    form = shlex.quote("{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}")
    return _query(project, service, f"docker inspect --format {form}", app_dir)


def _query(project: str, service: str, command: str, app_dir: str = "") -> str:
    return f'id={of_service(project, service, app_dir)}; [ -z "$id" ] || {command} "$id"'
