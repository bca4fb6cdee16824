"""The command lines that are measured, as an operator of either tool types them: data in, words out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

DEPLOY = ("inventory.py", "deploys/bootstrap.py")


def pyinfra(binaries: Path, hosts: Sequence[str], *, dry: bool = False) -> list[str]:
    """Converge hosts with pyinfra; `--json` says exactly what changed and takes no less time.

    Args:
        binaries: the folder with the project's own programs.
        hosts: the hosts.
        dry: only say what would change.
    """
    limits = [f"--limit={host}" for host in hosts]
    return [str(binaries / "pyinfra"), "--dry" if dry else "-y", "--json", *limits, *DEPLOY]


def ansible(venv: Path, inventory: Path, playbook: Path, hosts: Sequence[str], *, first_contact: bool) -> list[str]:
    """Converge hosts with Ansible.

    Args:
        venv: Ansible's own virtual environment.
        inventory: the file with hosts and data.
        playbook: the file that says what a host is.
        hosts: the hosts.
        first_contact: the hosts are fresh: only root can log in, and Python is not complete.
    """
    return [
        str(venv / "bin" / "ansible-playbook"),
        f"--inventory={inventory}",
        f"--limit={','.join(hosts)}",
        f"--extra-vars={json.dumps({'first_contact': first_contact})}",
        str(playbook),
    ]


def ansible_environment(
    inherited: Mapping[str, str], ssh_config: Path, home: Path, connections: Path, config: Path
) -> dict[str, str]:
    """Return the environment in which Ansible reads our configuration and nothing of the operator's.

    Args:
        inherited: the environment of this process.
        ssh_config: leads to the hosts.
        home: where Ansible keeps its own files.
        connections: where the sockets of its open connections are; a short path, for the kernel's limit of 108 bytes.
        config: ansible.cfg.
    """
    others = {name: value for name, value in inherited.items() if not name.startswith("ANSIBLE_")}
    return others | {
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_SSH_COMMON_ARGS": f"-F {shlex.quote(str(ssh_config))}",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(connections),
        "LC_ALL": "C.UTF-8",  # Ansible refuses to start without UTF-8
    }


def close_connection(socket: Path) -> list[str]:
    """End a connection that Ansible left open; the name at the end is a dummy that ssh asks for."""
    return ["ssh", "-F", "none", "-o", f"ControlPath={socket}", "-O", "exit", "lab"]


def make_venv(python: str, venv: Path, lock: Path) -> list[list[str]]:
    """Return the commands that make Ansible's virtual environment, every package checked against its hash."""
    pip = [str(venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    return [
        [python, "-m", "venv", "--clear", str(venv)],
        [*pip, "--no-deps", "--require-hashes", "--requirement", str(lock)],
    ]
