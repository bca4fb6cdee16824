"""A lab host: how its container is made, and what its hypervisor's console can do to it."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import wait
from lab.errors import LabError
from lab.machines.archive import Seed
from lab.machines.machine import Machine, authority_files, create_command
from lab.topology import WORLD_NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.topology import HostSpec, Lab, Subnet

# What a virtual server's root may do, less what would reach the machine itself: its clock (SYS_TIME),
# its kernel (SYS_MODULE) and its hardware (SYS_RAWIO).
CAPABILITIES = (
    "AUDIT_CONTROL",
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "KILL",
    "LINUX_IMMUTABLE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_NICE",
    "SYS_PTRACE",
)

_HOST_KEYS = "cat /etc/ssh/ssh_host_*_key.pub"
_LOGIN_ACCOUNT = (
    "if sshd -T | grep -qx 'permitrootlogin no'; "
    "then getent passwd | awk -F: '$3 >= 1000 && $3 < 60000 { print $1; exit }'; else echo root; fi"
)
_RUNNING = ("running", "degraded")


def options(lab: Lab, spec: HostSpec) -> list[str]:
    """Return docker's options that make a container a virtual server."""
    given = ["--cap-drop", "ALL", *(word for name in CAPABILITIES for word in ("--cap-add", name))]
    for confinement in ("seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"):
        given += ["--security-opt", confinement]
    given += ["--cgroupns", "private", "--tmpfs", "/run", "--stop-signal", "SIGRTMIN+3"]
    # The nested engine's overlay file system needs a real one below it.
    return [*given, "--mount", f"type=volume,source={docker_volume(lab, spec)},target=/var/lib/docker"]


def docker_volume(lab: Lab, spec: HostSpec) -> str:
    """Return the name of the volume that holds a host's own Docker data."""
    return lab.volume(f"{spec.name}-docker")


def network_files(spec: HostSpec, subnet: Subnet) -> list[Seed]:
    """Return the files that the engine replaces by empty ones in every new container, whatever its image has."""
    names = f"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 {spec.name}\n"
    return [
        Seed("/etc/hostname", f"{spec.name}\n".encode()),
        Seed("/etc/hosts", names.encode()),
        Seed("/etc/resolv.conf", f"nameserver {subnet.address4(WORLD_NUMBER)}\n".encode()),
    ]


def seeds(spec: HostSpec, subnet: Subnet, operator_key: str, authorities: Sequence[bytes]) -> list[Seed]:
    """Return what a cloud writes into a new server.

    Args:
        operator_key: The public SSH key that root accepts.
        authorities: Certificates that the host trusts, as PEM.
    """
    return [
        *network_files(spec, subnet),
        Seed("/root/.ssh/authorized_keys", operator_key.encode(), mode=0o600, folder_mode=0o700),
        *authority_files(authorities),
    ]


@dataclass(frozen=True)
class Host(Machine):
    """A host of the lab, seen from its hypervisor.

    Args:
        spec: What it is.
    """

    spec: HostSpec

    @property
    def name(self) -> str:
        """Its domain."""
        return self.spec.name

    @property
    def number(self) -> int:
        """Its place in the lab's subnet."""
        return self.spec.number

    def create(self, image: str, operator_key: str, authorities: Sequence[bytes]) -> None:
        """Make the host again from its image, and switch it on.

        Args:
            image: The image's tag.
            operator_key: The public SSH key that root accepts.
            authorities: Certificates that the host trusts, as PEM.
        """
        self.remove()
        self.docker.run("volume", "create", "--label", self.lab.label, docker_volume(self.lab, self.spec))
        self.make(image)
        self.put(seeds(self.spec, self.subnet, operator_key, authorities))
        self.start()

    def make(self, image: str) -> None:
        """Make its container from an image, switched off; the volume of its Docker data exists."""
        given = options(self.lab, self.spec)
        self.docker.run(*create_command(self.lab, self.name, self.subnet, self.number, given, image))

    def remove(self) -> None:
        """Delete the host with everything on it."""
        super().remove()
        self.docker.run("volume", "rm", "--force", docker_volume(self.lab, self.spec), timeout=120)

    def restart(self, timeout: float = 30) -> None:
        """Reboot the host and wait until it is up again and SSH answers.

        Args:
            timeout: Seconds that its services get to stop.
        """
        self.reboot(timeout)
        self.wait_ready()

    def reboot(self, timeout: float = 30) -> None:
        """Reboot the host, whose console answers at once; SSH may take longer, or be locked out.

        Args:
            timeout: Seconds that its services get to stop.
        """
        self.docker.run("restart", "--time", f"{timeout:.0f}", self.container, timeout=timeout + 60)

    def host_keys(self) -> list[str]:
        """Return the lines of its public SSH host keys, read at the console."""
        return [" ".join(line.split()[:2]) for line in self.run(_HOST_KEYS).stdout.splitlines()]

    def wait_ready(self, deadline: float = 300) -> None:
        """Wait until the host has booted and its SSH server answers.

        Args:
            deadline: Seconds; a host with a release takes over a minute on a busy machine.

        Raises:
            LabError: It was not ready in time.
        """
        todo = f"look at it: docker -H {self.docker.address} exec {self.container} journalctl -b"
        wait.until(lambda: self._booted(deadline), deadline, f"{self.name} has booted", todo)
        wait.until(self._answers, deadline, f"SSH answers on {self.name}", todo)

    def _booted(self, deadline: float) -> bool:
        done = self.run("systemctl is-system-running --wait", deadline, check=False)
        if self.state() != "running":
            raise LabError(
                f"{self.name} went off while it booted",
                self.last_words(),
                f"look at its whole log: docker -H {self.docker.address} logs {self.container}",
            )
        return done.stdout.strip() in _RUNNING

    def _answers(self) -> bool:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((self.address4, 22), timeout=2) as connection,
        ):
            connection.settimeout(2)
            return connection.recv(64).startswith(b"SSH-2.0")
        return False

    def login_account(self) -> str:
        """Return the account that SSH lets in: root on a fresh host, an ordinary one on a hardened host."""
        return self.run(_LOGIN_ACCOUNT).stdout.strip() or "root"
