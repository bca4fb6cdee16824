"""What a host is, asked once at connect time, and whether this project supports it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleet.checkout import ssh_config_path
from fleet.errors import OperatorError

# Systems by os-release's ID and VERSION_ID. Ubuntu could not be run in the lab; docs/development.md says which were.
SUPPORTED = {("debian", "12"), ("debian", "13"), ("ubuntu", "22.04"), ("ubuntu", "24.04")}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

# What the probe prints stands between these: a shell's start-up files may print something of their own.
BEGIN, END = "aipbx-probe-begins", "aipbx-probe-ends"

# One line `name=value` each. It runs as the account that logs in, so it says itself whether root is within reach.
PROBE = (
    rf"""
echo {BEGIN}
"""
    + r"""
. /etc/os-release
echo "id=$ID"; echo "version=${VERSION_ID:-}"; echo "codename=${VERSION_CODENAME:-}"; echo "pretty=$PRETTY_NAME"
echo "machine=$(uname -m)"; echo "init=$(cat /proc/1/comm)"; echo "user=$(id -un)"; echo "uid=$(id -u)"
if [ "$(id -u)" -ne 0 ]; then
  if said=$(sudo -n true 2>&1); then echo "sudo=granted"; else echo "sudo=$(echo "$said" | tail -n 1)"; fi
fi
df -Pm / /var | awk 'NR > 1 { print "free:" $6 "=" $4 }'
awk '/^MemTotal:/ { print "memory=" int($2 / 1024) }' /proc/meminfo
echo "virtualization=$(systemd-detect-virt --container 2>/dev/null)"
echo "port=${SSH_CONNECTION##* }"; echo "client=${SSH_CONNECTION%% *}"
echo "kex=$(ssh -Q kex 2>/dev/null | tr '\n' ' ')"
"""
    + f"echo {END}\n"
)


@dataclass(frozen=True)
class System:
    """A host's own answers.

    Attributes:
        distribution: os-release's ID, as `debian`.
        version: os-release's VERSION_ID, as `13`.
        codename: as `trixie`.
        pretty: what it calls itself, for messages.
        machine: `uname -m`.
        init: the name of process 1.
        user: who we logged in as.
        uid: that user's number; 0 is root.
        sudo: whether sudo answered `granted`; its refusal otherwise; empty for root.
        free_mib: free space in MiB by mount point of / and /var.
        memory_mib: the host's memory in MiB.
        container: the container technology that it runs in, or `none`.
        ssh_port: the port of its own on which its sshd let us in; 0: it does not say.
        client: the address from which we come, as the host sees it.
        kex: key exchanges that its OpenSSH knows.
    """

    distribution: str
    version: str
    codename: str
    pretty: str
    machine: str
    init: str
    user: str
    uid: int
    sudo: str
    free_mib: dict[str, int]
    memory_mib: int
    container: str
    ssh_port: int
    client: str
    kex: frozenset[str]

    @property
    def architecture(self) -> str:
        """Debian's name of the machine, as apt writes it."""
        return ARCHITECTURES[self.machine]


class RedirectedError(Exception):
    """A cloud's image: the account that a key opened says who should log in instead.

    Args:
        account: whom it names.
    """

    def __init__(self, account: str) -> None:
        super().__init__(account)
        self.account = account


def read(host: str, account: str, out: str, err: str) -> System:
    """Read the output of `PROBE`.

    Args:
        host: its name, for messages.
        account: who logged in.
        out: the probe's standard output.
        err: and its standard error.

    Raises:
        OperatorError: the account's sessions cannot be worked in.
        RedirectedError: another account is meant for it.
    """
    before, begun, rest = out.partition(f"{BEGIN}\n")
    answers, ended, after = rest.partition(f"{END}\n")
    output = " / ".join(line.strip() for line in f"{before}{after}{err}".splitlines() if line.strip())
    if not (begun and ended):
        if other := re.search(r'Please login as the user "([a-z_][a-z0-9_-]*)"', output):
            raise RedirectedError(other[1])
        raise _no_session(host, account, output)
    if before or after:
        raise OperatorError(
            f"{host}: {account}'s login prints {(before or after).strip()[:200]!r} in a session without a terminal.",
            "It would be taken for the answer to each question that a run asks, and breaks file transfers.",
            f"Take it out of ~/.bashrc of {account} (or /etc/bash.bashrc), or print it only where `$-` has an i.",
        )
    return parse(answers.splitlines())


def _no_session(host: str, account: str, output: str) -> OperatorError:
    if re.search(r"[Pp]assword (has expired|change required)|required to change your password", output):
        return OperatorError(
            f"{host}: the password of {account} has expired.",
            f"The host says: {output[:300].rstrip('.')}. No command runs before the password is changed.",
            f"Change it: `ssh -t -F {ssh_config_path()} {account}@{host}` asks for it; so does the provider's console.",
        )
    return OperatorError(
        f"{host}: {account} logs in, but no command can be run.",
        f"The host says: {output[:300] or 'nothing'}.",
        "Check the account's shell and start-up files on the provider's console.",
    )


def parse(lines: list[str]) -> System:
    """Read the output of `PROBE`."""
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return System(
        distribution=values.get("id", ""),
        version=values.get("version", ""),
        codename=values.get("codename", ""),
        pretty=values.get("pretty", "a system without /etc/os-release").strip('"'),
        machine=values.get("machine", ""),
        init=values.get("init", ""),
        user=values.get("user", ""),
        uid=int(values.get("uid", "-1")),
        sudo=values.get("sudo", ""),
        free_mib={name.removeprefix("free:"): int(value) for name, value in values.items() if name.startswith("free:")},
        memory_mib=int(values.get("memory", "0")),
        container=values.get("virtualization", "none"),
        ssh_port=int(values.get("port") or 0),
        client=values.get("client", ""),
        kex=frozenset(values.get("kex", "").split()),
    )


def refuse_without_root(host: str, system: System) -> None:
    """Raises OperatorError when the account we logged in as cannot become root without a password."""
    if system.uid != 0 and system.sudo != "granted":
        raise OperatorError(
            f"{host}: sudo does not accept {system.user}.",
            f"sudo says: {system.sudo or 'nothing'}. Converging a host needs root without a password prompt.",
            f"On the provider's console, as root: `visudo -c`, and give {system.user} `ALL=(root) NOPASSWD: ALL`.",
        )


def refuse_another_port(host: str, system: System, sshd_port: int) -> None:
    """Raises OperatorError when sshd answers on a port that the firewall is about to close."""
    if system.ssh_port not in (0, sshd_port):
        raise OperatorError(
            f"{host}: sshd answers on port {system.ssh_port}, and sshd_port is {sshd_port}.",
            f"The firewall would open {sshd_port} and close the port of this connection.",
            f'Set "sshd_port": {system.ssh_port} for {host} in inventory.py.',
        )


def refuse_unsupported(host: str, system: System, min_free_disk_mib: int) -> None:
    """Raises OperatorError when this project must not begin on the host: another system, or too little space.

    Args:
        host: its name, for the message.
        system: its answers.
        min_free_disk_mib: least free space on / and /var, in MiB.
    """
    known = ", ".join(f"{name.capitalize()} {version}" for name, version in sorted(SUPPORTED))
    if (system.distribution, system.version) not in SUPPORTED:
        raise OperatorError(
            f"{host} runs {system.pretty}, which is not supported.",
            f"Supported are {known}; nothing else has been tested.",
            "Reinstall the server with one of these, or take the host out with --limit.",
        )
    if system.machine not in ARCHITECTURES:
        raise OperatorError(
            f"{host} is a {system.machine} machine, which is not supported.",
            f"Docker's repository has packages for {', '.join(ARCHITECTURES)} only.",
            "Order another kind of server, or take the host out with --limit.",
        )
    if system.init != "systemd":
        raise OperatorError(
            f"{host} is not run by systemd (process 1 is {system.init}).",
            "Services, timers and the automatic revert of sshd and firewall changes need it.",
            "Use a full server or virtual machine, not an application container.",
        )
    for mount, free in system.free_mib.items():
        if free < min_free_disk_mib:
            raise OperatorError(
                f"{host} has only {free} MiB free on {mount}.",
                f"At least {min_free_disk_mib} MiB are needed (min_free_disk_mib): a disk that fills half-way leaves "
                "a half-converged host.",
                "Make room: `apt-get clean`, `journalctl --vacuum-size=200M`, `docker image prune`.",
            )
