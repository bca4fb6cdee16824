"""What goes to a host: each service gets what it reads and no more.

environment.json is a Compose override for the containers; host.json is for the server itself, and no container sees it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from fleet.env.variables.declaration import Service, Variable
from fleet.env.variables.table import VARIABLES, declared
from fleet.errors import OperatorError

CONTAINERS: tuple[Service, ...] = ("backend", "postgres")
HOST: Service = "host"
Environments = dict[str, dict[str, str]]


def environments(values: Mapping[str, str]) -> Environments:
    """Return the environment of each service that runs on a host, and of the host itself.

    Args:
        values: the host's env file. What the fleet sets itself is added, and wins.
    """
    ours = [variable for variable in VARIABLES.values() if variable.ours]
    everything = {**values, **{variable.name: _ours(variable, values) for variable in ours}}
    return {service: _read_by(service, everything) for service in (*CONTAINERS, HOST)}


def frontend_build(values: Mapping[str, str]) -> dict[str, str]:
    """Return what the build of the web interface gets: public values, never a secret of the backend."""
    return _read_by("frontend-build", values)


def _ours(variable: Variable, values: Mapping[str, str]) -> str:
    if variable.fixed is not None:
        return variable.fixed
    return values.get(str(variable.taken_from), "")


def _read_by(service: Service, values: Mapping[str, str]) -> dict[str, str]:
    return {name: values[name] for name in sorted(values) if service in declared(name).read_by}


def render(values: Mapping[str, str]) -> bytes:
    """environment.json for these values: the same bytes for the same values.

    Compose reads it as YAML, of which JSON is a part, and expands `$`: so each is doubled.
    """
    services = {
        service: {"environment": {name: value.replace("$", "$$") for name, value in environment.items()}}
        for service, environment in environments(values).items()
        if service != HOST
    }
    return (json.dumps({"services": services}, indent=2, ensure_ascii=False) + "\n").encode()


def render_host(values: Mapping[str, str]) -> bytes:
    """host.json for these values: `{"NAME": "value"}`."""
    return (json.dumps(environments(values)[HOST], indent=2, ensure_ascii=False) + "\n").encode()


def parse_host(content: bytes, where: str) -> dict[str, str]:
    """The host's own environment in a host.json, as `render_host` wrote it; arguments and errors as for `parse`."""
    try:
        values = json.loads(content)
    except ValueError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise _not_ours(where)
    return values


def parse(content: bytes, where: str) -> Environments:
    """Return the environments in an environment.json, as `render` wrote it.

    Args:
        content: the file.
        where: host and path, for the message.

    Raises:
        OperatorError: it is not such a file.
    """
    try:
        services = json.loads(content)["services"]
        return {
            service: {name: _undoubled(value) for name, value in services[service]["environment"].items()}
            for service in services
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _not_ours(where) from None


def _not_ours(where: str) -> OperatorError:
    return OperatorError(
        f"{where} is not a file that `inv env.push` wrote.",
        "It is damaged, or was written by hand.",
        "Check it, rename it, and push again.",
    )


def _undoubled(value: str) -> str:
    if "$" in value.replace("$$", ""):
        raise ValueError("a single $ would be expanded")
    return value.replace("$$", "$")
