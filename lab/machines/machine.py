"""What hosts, world and client have in common: a container with fixed addresses and a console."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.machines.archive import Seed, archive

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from lab.engine.docker import Docker
    from lab.topology import Lab, Subnet

_SET_CABLE = """
for link in /sys/class/net/*; do
  if [ "$(cat "$link/ifindex")" = "$1" ]; then exec ip link set dev "${link##*/}" "$2"; fi
done
exit 1
"""


def create_command(lab: Lab, name: str, subnet: Subnet, number: int, options: Sequence[str], image: str) -> list[str]:
    """Return docker's arguments that create a machine's container.

    Args:
        name: Its name, also its host name.
        number: Its place in the subnet.
        options: What is particular to this machine.
        image: The image's tag.
    """
    command = ["container", "create", "--name", lab.container(name), "--hostname", name, "--label", lab.label]
    command += ["--network", lab.network]
    command += ["--ip", str(subnet.address4(number)), "--ip6", str(subnet.address6(number))]
    return [*command, *options, image]


def exec_command(container: str, command: str, *, stdin: bool) -> list[str]:
    """Return docker's arguments that run a shell command in a container."""
    return ["exec", *(["--interactive"] if stdin else []), container, "sh", "-c", command]


def cable_command(lab: Lab, image: str, index: str, state: str) -> list[str]:
    """Return docker's arguments that switch the engine's end of a machine's network cable.

    A container on the engine's own network does it, so that no one needs to be root.

    Args:
        image: An image that has ``ip``.
        index: The number of the engine's end.
        state: ``up`` or ``down``.
    """
    command = ["run", "--rm", "--label", lab.label, "--network", "host", "--cap-drop", "ALL"]
    command += ["--cap-add", "NET_ADMIN", "--entrypoint", "sh", image]
    return [*command, "-c", _SET_CABLE, "sh", index, state]


def authority_files(authorities: Sequence[bytes]) -> list[Seed]:
    """Return the files that make a Debian system trust certificate authorities, given as PEM."""
    folder = "/usr/local/share/ca-certificates"
    return [Seed(f"{folder}/internet-{number}.crt", pem) for number, pem in enumerate(authorities)]


@dataclass(frozen=True)
class Machine(ABC):
    """A machine of a lab."""

    docker: Docker
    lab: Lab
    subnet: Subnet

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name."""

    @property
    @abstractmethod
    def number(self) -> int:
        """Its place in the lab's subnet."""

    @property
    def address4(self) -> str:
        """Its IPv4 address."""
        return str(self.subnet.address4(self.number))

    @property
    def address6(self) -> str:
        """Its IPv6 address."""
        return str(self.subnet.address6(self.number))

    @property
    def container(self) -> str:
        """The name of its container."""
        return self.lab.container(self.name)

    def state(self) -> str:
        """Return the state of its container: ``running``, ``exited`` and so on, or ``absent``."""
        found = self.docker.inspect("container", self.container)
        return str(found["State"]["Status"]) if found else "absent"

    def remove(self) -> None:
        """Delete its container."""
        if self.state() != "absent":
            self.docker.run("rm", "--force", self.container, timeout=120)

    def start(self) -> None:
        """Switch it on."""
        self.docker.run("start", self.container)

    def put(self, files: Sequence[Seed]) -> None:
        """Write files into it, also while it is switched off."""
        self.docker.run("cp", "-", f"{self.container}:/", stdin=archive(files, time.time()))

    def trust(self, authorities: Sequence[bytes]) -> None:
        """Make it trust certificate authorities, in place of those that it trusted before.

        Args:
            authorities: Their certificates as PEM.
        """
        self.put(authority_files(authorities))
        self.run("update-ca-certificates")

    def last_words(self) -> str:
        """Return the last lines that its first process printed."""
        log = self.docker.try_run("logs", "--tail", "3", self.container)
        return " / ".join((log.stdout + log.stderr).splitlines()) or "it said nothing"

    def run(
        self, command: str, timeout: float = 60, *, stdin: bytes | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command as root at its console: it works when SSH and the network do not.

        Args:
            command: What ``sh -c`` runs.
            timeout: Seconds.
            stdin: Bytes for its standard input.
            check: Whether an exit code other than 0 is an error.

        Raises:
            LabError: The command failed, or did not end in time.
        """
        arguments = exec_command(self.container, command, stdin=stdin is not None)
        done = self.docker.try_run(*arguments, timeout=timeout, stdin=stdin)
        if check and done.returncode != 0:
            lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise LabError(
                f"a command failed on {self.name} with exit code {done.returncode}",
                " / ".join(lines[-3:])[:600] or "it said nothing",
                f"the command was: {command[:600]}",
            )
        return done

    def cut_network(self) -> None:
        """Pull its network cable: packets are lost; addresses and open connections stay."""
        self._cable("down")

    def restore_network(self) -> None:
        """Plug its network cable in again."""
        self._cable("up")

    def _cable(self, state: str) -> None:
        index = self.run("cat /sys/class/net/eth0/iflink").stdout.strip()
        image = self.docker.run("container", "inspect", "--format", "{{.Image}}", self.container).strip()
        self.docker.run(*cable_command(self.lab, image, index, state))
