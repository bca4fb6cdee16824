"""PostgreSQL's container: whether it is as declared, and how it is made so.

A restart fails requests for seconds. So there is none for what only a server that is made reads (AT_BIRTH), nor for
settings on the command line that count already. What would keep it from starting is refused before anything is touched,
and a server that does not come back all the same is put back as it ran.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aipbx_agent.contract import ENVIRONMENT
from aipbx_agent.core import compose, docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Refused
from aipbx_agent.core.files import read_json
from aipbx_agent.core.process import run
from aipbx_agent.databases.quoting import literal
from aipbx_agent.roles import declare

SERVICE = "postgres"
SECONDS = 180
HEALTHY_SECONDS = 120
# Variables that the image reads when it makes a server, and never again.
AT_BIRTH = ("POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE")
# What its files say and a running server cannot take; the rest of a line with an error is not read at all.
NOT_IN_FORCE = """
SELECT json_build_array(coalesce(name, 'a line'), coalesce(setting, ''), error, sourcefile || ':' || sourceline)
FROM pg_file_settings WHERE error IS NOT NULL AND NOT applied
"""
_FORM = '{"image": {{json .Config.Image}}, "command": {{json .Config.Cmd}}, "environment": {{json .Config.Env}}, \
"hash": {{json (index .Config.Labels "com.docker.compose.config-hash")}}, "running": {{.State.Running}}}'


@dataclass(frozen=True)
class Container:
    """A container that there is.

    Args:
        image, command, environment, hash, running: as Docker knows them.
    """

    image: str
    command: list[str]
    environment: dict[str, str]
    hash: str
    running: bool


def restarts(config: Config, images: str, *, again: bool = False) -> bool:
    """Return whether the container there is would be restarted to be as declared.

    Args:
        images: the file below the app's folder that names the images.
        again: whether its container is made again, whatever is declared.

    Raises:
        Refused: it would, and may not come back.
    """
    before = existing(config)
    if before is None or not (again or differs(config, images, before)):
        return False
    if before.running:
        refuse_broken(config, images)
    return True


def bring_up(config: Config, images: str) -> None:
    """Start the database, or restart it where its declaration asks for that, and wait until it is healthy.

    Args:
        images: the file below the app's folder that names the images.

    Raises:
        Refused: it would be restarted, and may not come back.
        Failed: it does not start as declared.
    """
    before, again = existing(config), stray(config)
    needs = restarts(config, images, again=again)
    if needs or before is None or not before.running:
        _up(config, images, before, restarts=needs, again=again)
    else:
        _healthy(config)


def stray(config: Config) -> bool:
    """Whether its container is connected to a network that no longer exists: once stopped, it would not start again."""
    try:
        container = docker.container(config.project, SERVICE, running=False)
    except Refused:
        return False
    form = "{{range .NetworkSettings.Networks}}{{println .NetworkID}}{{end}}"
    ours = run(["docker", "inspect", "--format", form, container], seconds=docker.SECONDS).decode().split()
    every = run(["docker", "network", "ls", "--quiet", "--no-trunc"], seconds=docker.SECONDS).decode().split()
    return not set(ours) <= set(every)


def existing(config: Config) -> Container | None:
    """Return the container as it is; None: there is none."""
    try:
        container = docker.container(config.project, SERVICE, running=False)
    except Refused:
        return None
    raw: dict[str, Any] = json.loads(run(["docker", "inspect", "--format", _FORM, container], seconds=docker.SECONDS))
    environment = dict(word.partition("=")[::2] for word in raw["environment"])
    return Container(**{**raw, "command": raw["command"] or [], "environment": environment})


def differs(config: Config, images: str, before: Container) -> bool:
    """Return whether a restart would change anything about a container."""
    if _hash(config, images, {}) == before.hash:
        return False
    wanted = config.services[SERVICE]
    environment = {name: value for name, value in wanted.items() if name not in AT_BIRTH}
    environment |= {name: before.environment[name] for name in AT_BIRTH if name in before.environment}
    same: dict[str, Any] = {"environment": environment}
    declared = _declared(config, images)["command"]
    if before.running and declared != before.command and in_force(config, declared, before.command):
        same["command"] = before.command
    return _hash(config, images, same) != before.hash


def settings(command: list[str]) -> dict[str, str]:
    """Return the settings of a command line: value by name."""
    return dict(word.removeprefix("-c").partition("=")[::2] for word in command if word.startswith("-c"))


def in_force(config: Config, declared: list[str], running: list[str]) -> bool:
    """Return whether a running server already does what another command line says."""
    now, before = settings(declared), settings(running)
    if [word for word in declared if not word.startswith("-c")] != [
        word for word in running if not word.startswith("-c")
    ] or before.keys() - now.keys():
        return False
    new = {name: value for name, value in now.items() if before.get(name) != value}
    sql = " AND ".join(
        f"{literal(value)} IN (current_setting({literal(name)}, true), "
        f"(SELECT setting FROM pg_settings WHERE name = {literal(name)}))"
        for name, value in new.items()
    )
    return _answer(config, f"SELECT {sql or 'true'}") == ["t"]


def refuse_broken(config: Config, images: str) -> None:
    """Refuse a restart with which the server may not come back.

    Raises:
        Refused: names each setting, and where it stands.
    """
    ours = settings(_declared(config, images)["command"])
    rows = [json.loads(row) for row in _answer(config, NOT_IN_FORCE)]
    waits = [f"{name} = {value} ({where}: {error})" for name, value, error, where in rows if name not in ours]
    if waits:
        raise Refused(
            "PostgreSQL would be restarted, and may not come back.",
            "Its declaration changed, and its configuration files hold settings that it has not run with: "
            f"{'; '.join(waits)}.",
            f"Undo them (inv db --host={config.host}: ALTER SYSTEM RESET …), or restart it with them yourself at "
            f"a quiet hour: docker restart {config.project}-{SERVICE}-1; then run this again.",
        )


def _answer(config: Config, sql: str) -> list[str]:
    """Return what the server says; nothing when it does not answer: there is nothing to lose by a restart then."""
    try:
        return declare.live(config).psql(sql)
    except AgentError:
        return []


def _up(config: Config, images: str, before: Container | None, *, restarts: bool, again: bool) -> None:
    how = ["--force-recreate"] if again else [] if restarts else ["--no-recreate"]
    try:
        with events.step("database healthy"):
            _compose(config, images, {}, "up", "--detach", "--no-deps", "--no-build", "--pull", "never", *how, SERVICE)
            _healthy(config)
    except AgentError as problem:
        if before is None or not restarts:
            raise
        _put_back(config, images, before, problem)


def _healthy(config: Config) -> None:
    container = docker.container(config.project, SERVICE, running=False)
    docker.wait_healthy(container, "The database", HEALTHY_SECONDS)


def _put_back(config: Config, images: str, before: Container, problem: AgentError) -> None:
    """Run it as it ran.

    Raises:
        Failed: always; `what` says whether it runs.
    """
    as_it_was = {"image": before.image, "command": before.command, "environment": before.environment}
    argv = ["up", "--detach", "--no-deps", "--no-build", "--pull", "never", "--force-recreate", SERVICE]
    try:
        with events.step("database as it ran before"):
            _compose(config, images, as_it_was, *argv)
            _healthy(config)
    except AgentError as second:
        raise Failed(
            "The host IS NOT WELL: PostgreSQL starts neither with its new declaration nor with the previous one.",
            f"{problem.why} And then: {second.why}",
            f"inv logs postgres --host={config.host}; its settings: postgresql.auto.conf in its volume.",
        ) from None
    raise Failed(
        "PostgreSQL does not start with its new declaration; it runs with the previous one.", problem.why, problem.do
    )


def _declared(config: Config, images: str) -> dict[str, Any]:
    rendered = _compose(config, images, {}, "config", "--format", "json", SERVICE)
    service: dict[str, Any] = json.loads(rendered)["services"][SERVICE]
    # Compose writes each `$` twice where it would expand it.
    return {**service, "command": [word.replace("$$", "$") for word in service.get("command") or []]}


def _hash(config: Config, images: str, other: dict[str, Any]) -> str:
    return _compose(config, images, other, "config", "--hash", SERVICE).split()[-1]


def _compose(config: Config, images: str, other: dict[str, Any], *arguments: str) -> str:
    """Return a Compose command on the stack's files, in which parts of the database's declaration are others.

    Args:
        images: the file that names the images.
        other: those parts; its environment takes the place of the declared one.
        arguments: what follows.
    """
    environment = read_json(config.app / ENVIRONMENT)
    service = environment["services"][SERVICE]
    service |= {name: _doubled(value) for name, value in other.items()}
    files = ["--env-file", f"{config.app}/{images}", "-f", f"{config.app}/compose.yml", "-f", "-"]
    argv = ["--project-directory", str(config.app), *files, *arguments]
    return compose.run(argv, seconds=SECONDS, stdin=json.dumps(environment).encode()).decode()


def _doubled(value: Any) -> Any:
    """Return a value as Compose reads it, which expands `$`."""
    if isinstance(value, dict):
        return {name: _doubled(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_doubled(item) for item in value]
    return value.replace("$", "$$") if isinstance(value, str) else value
