"""The agent's configuration: /etc/aipbx/agent.json from the inventory, and the stack's own environment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aipbx_agent.contract import CONFIGURATION, ENVIRONMENT, HOST_ENVIRONMENT
from aipbx_agent.core.errors import Refused

PATH = Path(CONFIGURATION)
# The volumes that the application writes, by their key in the inventory's `volumes`.
WRITTEN = ("backend_static", "backend_tts_voices")


@dataclass(frozen=True)
class Config:
    """The inventory's data that this program needs (deploys/agent.py), and what `inv env.push` brought.

    Args:
        raw: agent.json: host, app_dir, compose_project, postgres_image, volumes, and each capability's own section.
        services: environment by service, from environment.json.
        secrets: variables that the host itself reads (`read_by=("host",)`), from host.json.
    """

    raw: dict[str, Any]
    services: dict[str, dict[str, str]]
    secrets: dict[str, str]

    @property
    def host(self) -> str:
        """The host's name in the inventory."""
        return str(self.raw["host"])

    @property
    def app(self) -> Path:
        """Where aiPBX lives."""
        return Path(self.raw["app_dir"])

    @property
    def project(self) -> str:
        """The Compose project."""
        return str(self.raw["compose_project"])

    @property
    def backups(self) -> Path:
        """Everything that backups put on this host."""
        return self.app / "backups"

    @property
    def written_volumes(self) -> dict[str, str]:
        """Volumes that the application writes, by key: they belong to every set."""
        return {key: name for key, name in self.raw["volumes"].items() if key in WRITTEN}

    @property
    def dialect(self) -> str:
        """`postgres` or `mysql`, as the application is configured."""
        return self.services["backend"].get("DB_DIALECT", "postgres")

    @property
    def database(self) -> str:
        """The live database's name."""
        return self.services["backend"]["DB_NAME"]

    @property
    def role(self) -> str:
        """The role that the application connects as, and that owns what it made."""
        return self.services["backend"]["DB_USER"]

    @property
    def hands_over(self) -> bool:
        """Whether calls are handed over through the PBX: two colours, and its ARI is known."""
        known = all(self.secrets.get(name) for name in ("ARI_URL", "ARI_USER", "ARI_PASSWORD"))
        return self.raw.get("switch_mode") == "colours" and known


def load(path: Path = PATH, *, stack: bool = True) -> Config:
    """Read this host's configuration.

    Args:
        path: agent.json.
        stack: whether the application's environment is needed; a host may keep others' copies before it has one.

    Raises:
        Refused: a file is missing or damaged.
    """
    raw = _read(path, "pyinfra inventory.py deploys/bootstrap.py")
    app = Path(raw["app_dir"])
    push = f"inv env.push --host={raw['host']}"
    environment = _read(app / ENVIRONMENT, push) if stack else {"services": {}}
    services = {
        name: {variable: str(value).replace("$$", "$") for variable, value in service["environment"].items()}
        for name, service in environment["services"].items()
    }
    extra = app / HOST_ENVIRONMENT
    secrets = _read(extra, push) if extra.exists() else {}
    return Config(raw, services, secrets)


def _read(path: Path, do: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise Refused(f"{path} is not there.", "The environment was not pushed to this host yet.", do) from None
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read.", str(error), do) from None
    if not isinstance(content, dict):
        raise Refused(f"{path} cannot be read.", "It holds no JSON object.", do)
    return content
