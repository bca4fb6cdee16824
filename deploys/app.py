"""The application's directories, compose file and Dockerfiles. `inv deploy` decides which release runs."""

from fleet.commands import compose
from fleet.converge.context import render, settings
from fleet.converge.files import configuration

APP = settings().app_dir

configuration.folders(
    name="Application: create directories",
    modes={
        f"{APP}/images": "755",
        f"{APP}/images/backend": "755",
        f"{APP}/images/frontend": "755",
        f"{APP}/postgres": "755",
        # PostgreSQL in its container writes there, whatever its user id; on the host only root can enter the parent.
        f"{APP}/backups/spool": "1777",
    },
)
for path in (
    "backend/Dockerfile",
    "backend/Dockerfile.dockerignore",
    "frontend/Dockerfile",
    "frontend/Dockerfile.dockerignore",
    "frontend/nginx.conf",
):
    configuration.file(
        name=f"Application: write images/{path}",
        path=f"{APP}/images/{path}",
        text=configuration.shipped(f"images/{path}"),
    )
# Before compose.yml names it: without it PostgreSQL's disk would fill.
configuration.file(
    name="Application: install WAL archive script",
    path=f"{APP}/postgres/archive.sh",
    text=configuration.shipped("postgres/archive.sh"),
    mode="755",
)
configuration.file(
    name="Application: write compose.yml",
    path=f"{APP}/compose.yml",
    text=render("compose.yml.j2", probe=configuration.shipped("app/probe.js")),
    check=compose.readable(APP, "{}"),
)
configuration.file(
    name="Application: write aipbxbuild.slice",
    path="/etc/systemd/system/aipbxbuild.slice",
    text=render("systemd/aipbxbuild.slice.j2"),
)
