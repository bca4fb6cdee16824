"""The two colours of a service: which one serves, how one starts, how one ends. The one place on the host that knows.

A service's colour serves when its file lies in nginx/active (templates/nginx/https.conf.j2). While a switch continues
both may lie there, and green counts: so each direction has one moment at which all requests change over.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from aipbx_agent.core import compose, docker
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Refused
from aipbx_agent.core.files import sync
from aipbx_agent.core.process import run
from aipbx_agent.release.containers import traffic

BLUE, GREEN = "blue", "green"
COMPOSE_SECONDS = 180
# The port that nginx asks for pages and the API, inside each container.
HTTP_PORTS = {"backend": 5005, "frontend": 8080}
BOT = "AIPBX_BOTNAME"


def folder(config: Config) -> Path:
    """Return where nginx looks which colour serves."""
    return config.app / "nginx" / "active"


def active(config: Config, service: str) -> str:
    """Return the Compose service that serves as `service`; its own name before the first release.

    Args:
        service: backend or frontend; any other has no colours.
    """
    markers = [name for name in (f"{service}-{GREEN}", f"{service}-{BLUE}") if (folder(config) / name).exists()]
    return markers[0] if markers else service


def present(config: Config, name: str) -> str:
    """Return the id of a colour's container, also of one that has ended; empty when there is none."""
    try:
        return docker.container(config.project, name, running=False)
    except Refused:
        return ""


def serving(config: Config, service: str) -> str:
    """Return the colour that serves now and has a container; empty before the first release."""
    name = active(config, service)
    return name if present(config, name) else ""


def other(serving: str, service: str) -> str:
    """Return the colour that takes the place of the one that serves; empty: none does."""
    return f"{service}-{GREEN if serving == f'{service}-{BLUE}' else BLUE}"


def port(config: Config, name: str) -> int:
    """Return the UDP port at which a colour of the backend is reached from outside."""
    ports = config.raw["rtp_ports"]
    return int(ports[-1 if name.endswith(GREEN) else 0])


def environment(config: Config, name: str) -> dict[str, str]:
    """The environment of a backend's colour: its own port and, where calls are handed over, its own name at the PBX."""
    ours = dict(config.services["backend"])
    address = ours.get("EXTERNAL_HOST", "").rpartition(":")[0] or ours.get("EXTERNAL_HOST", "")
    ours["EXTERNAL_HOST"] = f"{address}:{port(config, name)}"
    if config.hands_over:
        ours[BOT] = f"{ours.get(BOT) or 'aipbx'}-{name.rpartition('-')[2]}"
    return ours


def start(config: Config, name: str, images: Path) -> None:
    """Start a colour again, and nothing else.

    Args:
        name: of its Compose service.
        images: the file that says which images run.

    Raises:
        Failed: Docker could not start it.
    """
    override = b"{}"
    if name.startswith("backend"):
        # Compose expands `$`: so each is doubled. Over standard input, as there are secrets among them.
        doubled = {key: value.replace("$", "$$") for key, value in environment(config, name).items()}
        override = json.dumps({"services": {name: {"environment": doubled}}}).encode()
    argv = ["up", "--detach", "--no-deps", "--no-build", "--pull", "never", "--force-recreate", name]
    compose.run([*compose.stack(config.app, images), "-f", "-", *argv], seconds=COMPOSE_SECONDS, stdin=override)
    if name.startswith("backend"):
        # Else packets of calls that ended find their way to the container that had the port before.
        traffic.forget(port(config, name))


def bot(container: str) -> str:
    """Return the name under which a backend's container registers with the PBX."""
    form = "{{range .Config.Env}}{{println .}}{{end}}"
    lines = run(["docker", "inspect", "--format", form, container], seconds=docker.SECONDS).decode().splitlines()
    return dict(line.partition("=")[::2] for line in lines).get(BOT, "")


def point(config: Config, service: str, name: str) -> None:
    """Let a colour serve, from the next request on.

    Args:
        service: backend or frontend.
        name: the colour; empty: no one serves.
    """
    place = folder(config)
    if name:
        (place / name).touch()
        sync(place)
    for file in sorted({f"{service}-{BLUE}", f"{service}-{GREEN}"} - {name}):
        (place / file).unlink(missing_ok=True)
    sync(place)


def remove(config: Config, name: str) -> None:
    """End a colour and take its container away; nothing happens when there is none."""
    if name and (container := present(config, name)):
        docker.stop(container)
        run(["docker", "rm", "--force", container], seconds=docker.SECONDS)


def why_not_well(container: str) -> str:
    """Return what a container's last health check and the end of its log say, on lines of their own."""
    form = "{{if .State.Health}}{{range .State.Health.Log}}{{.Output}}{{end}}{{end}}"
    checks, log = b"", b""
    with suppress(AgentError):
        checks = run(["docker", "inspect", "--format", form, container], seconds=docker.SECONDS)
        argv = ["sh", "-c", 'exec docker logs --tail "$1" "$2" 2>&1', "sh", str(docker.LOG_LINES), container]
        log = run(argv, seconds=docker.SECONDS)
    output = [f"Its health check says: {line}" for line in checks.decode(errors="replace").strip().splitlines()[-1:]]
    lines = log.decode(errors="replace").rstrip().splitlines()
    output += ["The end of its log:", *(f"    | {line[:200]}" for line in lines)] if lines else ["Its log is empty."]
    return "\n    ".join(output)


def not_well(config: Config, name: str, how: str) -> Failed:
    """Return the error that explains why a colour is not ready."""
    service = name.partition("-")[0]
    return Failed(
        f"the {service} is not ready.",
        f"{how}\n    {why_not_well(present(config, name))}",
        f"Fix the release; the previous release continues to serve. inv logs {service} --host={config.host}",
    )
