"""The docker command line, pointed at one engine."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

from lab.errors import LabError


@dataclass(frozen=True)
class Docker:
    """A client of one engine.

    Args:
        address: Where the engine listens, such as ``unix:///var/run/docker.sock``.
    """

    address: str

    def environment(self) -> dict[str, str]:
        """Return the environment in which the docker command talks to this engine and no other."""
        others = {"DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION"}
        inherited = {name: value for name, value in os.environ.items() if name not in others}
        # A builder chosen by the user may run elsewhere and not see the engine's own images.
        return inherited | {"DOCKER_HOST": self.address, "BUILDX_BUILDER": "default"}

    def try_run(
        self, *arguments: str, timeout: float = 60, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a docker command and return its result, whatever its exit code.

        Args:
            arguments: What follows ``docker``.
            timeout: Seconds after which the command counts as failed.
            stdin: Bytes for its standard input; none means an empty one.

        Raises:
            LabError: The command did not end within the timeout, or docker is not installed.
        """
        command = ["docker", *arguments]
        try:
            done = subprocess.run(
                command,
                input=stdin if stdin is not None else b"",
                capture_output=True,
                timeout=timeout,
                check=False,
                env=self.environment(),
            )
        except subprocess.TimeoutExpired:
            raise LabError(
                f"docker {arguments[0]} did not answer within {timeout:g} s",
                f"the command was: {' '.join(command)[:300]}",
                f"look at the engine at {self.address}, then run the same task again",
            ) from None
        except FileNotFoundError:
            raise LabError(
                "the docker command is missing",
                "the lab talks to the engine through it",
                "install Docker (Debian: apt-get install docker.io), then run the same task again",
            ) from None
        return subprocess.CompletedProcess(
            command,
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"),
        )

    def run(self, *arguments: str, timeout: float = 60, stdin: bytes | None = None) -> str:
        """Run a docker command that must succeed, and return its standard output.

        Args:
            arguments: What follows ``docker``.
            timeout: Seconds after which the command counts as failed.
            stdin: Bytes for its standard input; none means an empty one.

        Raises:
            LabError: The command failed or did not end in time.
        """
        done = self.try_run(*arguments, timeout=timeout, stdin=stdin)
        if done.returncode != 0:
            lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise LabError(
                f"docker {arguments[0]} failed with exit code {done.returncode}",
                " / ".join(lines[-3:])[:600] or "it said nothing",
                f"the command was: {' '.join(done.args)[:600]}",
            )
        return done.stdout

    def lines(self, *arguments: str, timeout: float = 60) -> list[str]:
        """Run a docker command that must succeed, and return the lines it printed."""
        return self.run(*arguments, timeout=timeout).split("\n")[:-1]

    def inspect(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return what the engine knows of one object, or None when there is no such object.

        Args:
            kind: ``container``, ``image``, ``network`` or ``volume``.
            name: Its name or id.
        """
        done = self.try_run(kind, "inspect", name)
        if done.returncode != 0:
            return None
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found[0] if found else None

    def answers(self) -> bool:
        """Say whether an engine answers at this address."""
        return self.try_run("version", "--format", "{{.Server.Version}}", timeout=20).returncode == 0
