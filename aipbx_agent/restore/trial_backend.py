"""Whether the application works with restored data: a throwaway backend says so, which reaches nothing else.

It is the present release, with the same variables. Two backends must never work at once: so it
has a copy of the restored database, no volume, and a network of its own. The live server's container is never touched:
attached to a network that is deleted later, it would not start again. A forwarder stands between, on both networks.
"""

from __future__ import annotations

import json
from typing import Any

from aipbx_agent.contract import IMAGES
from aipbx_agent.core import compose, docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed
from aipbx_agent.core.process import run
from aipbx_agent.databases import names
from aipbx_agent.databases.engine import Engine

SECONDS = 180
PORT = 5432
# What it keeps of the backend's declaration; everything else (volumes, ports, networks) ties it to the live stack.
_SAME = (
    *("image", "command", "entrypoint", "environment", "init", "user", "healthcheck", "tmpfs"),
    *("mem_limit", "cpus", "pids_limit", "cap_drop", "cap_add"),
)


# nginx of the stack's own image as a way through. Debian's has `stream` as a module, the official one has it built in.
_FOLDER = "/tmp"  # noqa: S108 - the container's own
_FORWARDING = """include /etc/nginx/modules-enabled/*.conf;
pid /tmp/nginx.pid;
error_log stderr warn;
events {{}}
stream {{
    server {{
        listen {port};
        proxy_connect_timeout 5s;
        proxy_pass {server}:{port};
    }}
}}
"""


def forwarder(image: str, server: str, alias: str) -> dict[str, Any]:
    """Return the Compose service through which the trial reaches the database server.

    Args:
        image: nginx's.
        server: how the live server is called on the stack's network.
        alias: how the application calls it.
    """
    start = "printf %s \"$$0\" >/tmp/nginx.conf && exec nginx -e stderr -c /tmp/nginx.conf -g 'daemon off;'"
    return {
        "image": image,
        "entrypoint": ["sh", "-c", start, _FORWARDING.format(port=PORT, server=server)],
        "user": "101:101",
        "read_only": True,
        "tmpfs": [_FOLDER],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": "64m",
        "cpus": 1,
        "pids_limit": 64,
        "restart": "no",
        "networks": {"default": {"aliases": [alias]}, "data": {}},
        # nginx writes it once it listens.
        "healthcheck": {"test": ["CMD", "test", "-s", f"{_FOLDER}/nginx.pid"], "interval": "1s", "retries": 30},
    }


def alone(declared: dict[str, Any], database: str) -> dict[str, Any]:
    """Return the Compose service of a backend without anything that ties it to the live stack.

    Args:
        declared: the backend's own declaration, as Compose understands it.
        database: the name of the one that it works with.
    """
    backend = {key: declared[key] for key in _SAME if key in declared}
    backend["environment"] = {**declared["environment"], "DB_NAME": database}
    # A call must not wait for it, and where memory is short, it is the one to go.
    return backend | {
        "restart": "no",
        "cpu_shares": 128,
        "oom_score_adj": 900,
        "security_opt": ["no-new-privileges:true"],
    }


def throwaway(config: Config, declared: dict[str, Any], way: dict[str, Any], database: str) -> dict[str, Any]:
    """Return the Compose file of a backend that works with a copy.

    Args:
        declared: the backend's own declaration, as Compose understands it.
        way: the forwarder.
        database: the copy's name.
    """
    backend = alone(declared, database)
    backend["depends_on"] = {"forwarder": {"condition": "service_healthy"}}
    project = _project(config)
    return {
        "name": project,
        "services": {"backend": backend, "forwarder": way},
        "networks": {
            "default": {"name": project, "internal": True},
            "data": {"name": f"{config.project}_data", "external": True},
        },
    }


def check(config: Config, server: Engine, database: str, label: str) -> None:
    """Start the application on a copy of a database, and wait until its health check is content.

    Args:
        server: where the database is.
        database: a restored one.
        label: of the restore.

    Raises:
        Failed: it is not; with the end of its log.
    """
    copy = names.database(config.database, names.COPY, label)
    with events.step(f"the application works with a copy of {database}"):
        server.copy(copy, database)
        try:
            # What runs is there, whatever is declared by now. A short id is one of a container's names.
            image = docker.image(docker.container(config.project, "nginx", running=False))
            way = forwarder(image, server.container[:12], config.services["backend"]["DB_HOST"])
            start(config, throwaway(config, declared(config), way, copy), "The application with the restored data")
        finally:
            clear(config)
            server.drop(copy)


def start(config: Config, definition: dict[str, Any], title: str) -> None:
    """Start a throwaway backend, and wait until its health check is content.

    Args:
        definition: its Compose file, in a project of its own.
        title: what it is, for the message.

    Raises:
        Failed: it is not; with the end of its log.
    """
    project = definition["name"]
    argv = [*compose.alone(project), "up", "--detach", "--no-build", "--pull", "never"]
    compose.run(argv, seconds=SECONDS, stdin=json.dumps(definition).encode())
    backend = docker.container(project, "backend", running=False)
    docker.wait_healthy(backend, title, float(config.raw["ready_seconds"]))


def remove(project: str) -> None:
    """Delete the containers of a throwaway backend, also of one that a killed run left."""
    label = f"label=com.docker.compose.project={project}"
    leftover = run(["docker", "ps", "--all", "--quiet", "--filter", label], seconds=docker.SECONDS).decode().split()
    if leftover:
        run(["docker", "rm", "--force", "--volumes", *leftover], seconds=SECONDS)


def clear(config: Config) -> None:
    """Take the throwaway backend and its network away, also one that a killed run left."""
    project = _project(config)
    remove(project)
    form = "{{range $id, $_ := .Containers}}{{println $id}}{{end}}"
    try:
        on_it = run(["docker", "network", "inspect", "--format", form, project], seconds=docker.SECONDS)
    except Failed:
        return  # there is none
    for container in on_it.decode().split():
        run(["docker", "network", "disconnect", "--force", project, container], seconds=docker.SECONDS)
    run(["docker", "network", "rm", project], seconds=docker.SECONDS)


def _project(config: Config) -> str:
    return f"{config.project}-readiness"


def declared(config: Config) -> dict[str, Any]:
    """Return how the backend of the present release runs, as Compose understands the stack's files."""
    backend: dict[str, Any] = stack(config, IMAGES)["services"]["backend"]
    return backend


def stack(config: Config, images: str) -> dict[str, Any]:
    """Return the backend and what it is connected to, as Compose understands the stack's files.

    Args:
        images: the file that says which images: those of the present release, or of the one that shall run.
    """
    argv = [*compose.stack(config.app, config.app / images), "config", "--format", "json", "backend"]
    try:
        rendered: dict[str, Any] = json.loads(compose.run(argv, seconds=SECONDS))
    except AgentError as problem:
        raise Failed("The stack's files do not define the backend.", problem.why, "inv deploy") from None
    return rendered
