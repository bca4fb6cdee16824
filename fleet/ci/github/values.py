"""What is set at GitHub: CI's private key, and where the team is notified. Read from files, never from an argument."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aipbx_agent.contract import CI
from fleet.checkout import ci_keys, operator_keys, operators_directory
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from fleet.inventory.hosts import Host

KEY = "AIPBX_SSH_KEY"
ALERTS = ("ALERT_SLACK_WEBHOOK", "ALERT_TELEGRAM_BOT_TOKEN", "ALERT_TELEGRAM_CHAT")


def private_key(file: str) -> str:
    """Read CI's private key.

    Args:
        file: where it is; `-`: standard input.

    Raises:
        OperatorError: it is not a private key, CI could not use it, or it is another than CI's.
    """
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).expanduser().read_bytes()
    except OSError as error:
        raise OperatorError(f"{file} cannot be read.", f"{error.strerror}.", "Name the private key: --key=ci") from None
    _refuse_other(_public_half(content))
    return content.decode().strip()


def _public_half(content: bytes) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_ssh_private_key(content, password=None)
    except TypeError:
        raise OperatorError(
            "The key has a passphrase.", "CI has no one to type it.", "ssh-keygen -p -N '' -f ci removes it."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise OperatorError(
            "This is not a private key of OpenSSH.",
            "It begins with -----BEGIN OPENSSH PRIVATE KEY-----; the public half (.pub) does not.",
            "Make a pair: ssh-keygen -t ed25519 -N '' -C ci -f ci",
        ) from None
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return key.public_key().public_bytes(*form).decode().split()[1]


def _refuse_other(public: str) -> None:
    """Refuse a key that would make CI root on the hosts, and one that opens nothing."""
    if public in {key.split()[1] for key in operator_keys()}:
        raise OperatorError(
            "This is an operator's key.",
            f"Its public half is in {operators_directory()}: in GitHub it would be root on the hosts.",
            "Make a pair of its own for CI: ssh-keygen -t ed25519 -N '' -C ci -f ci",
        )
    if public not in {key.split()[1] for key in ci_keys()}:
        raise OperatorError(
            "The hosts do not know this key.",
            f"Its public half is not in {operators_directory() / CI}.",
            f"cp ci.pub {operators_directory() / CI}/, converge the hosts, then run this again.",
        )


def alerts(hosts: list[Host]) -> dict[str, str]:
    """Return where the team is notified, as the env file of the one host and its store of secrets say.

    Raises:
        OperatorError: they cannot be read, or say nothing of it; or several hosts are named.
    """
    from fleet.env.secret_store import merging

    host = hosts[0]
    if len(hosts) > 1:
        raise OperatorError(
            "Addresses for alerts come from one host.", f"{len(hosts)} match.", f"--alerts-from={host.name}"
        )
    values = merging.of_host(host).values()
    if variables := {name: values[name] for name in ALERTS if values.get(name)}:
        return variables
    raise OperatorError(
        f"{host.name} has no address for alerts.",
        f"None of {', '.join(ALERTS)} is in its variables.",
        f"Set one: inv env.edit --host={host.name}",
    )
