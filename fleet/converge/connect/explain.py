"""When a remote command fails, its output is shown by pyinfra; this adds what it means and what to do."""

from __future__ import annotations

import re
from typing import Any

from pyinfra import logger
from pyinfra.api.state import BaseStateCallback, State

# In order: the first pattern that matches explains. Texts are apt's, dpkg's, sudo's and the kernel's own.
EXPLANATIONS: tuple[tuple[str, str, str], ...] = (
    (
        r"Could not get lock|is another process using it|Unable to acquire the dpkg frontend lock",
        "Another apt holds the lock longer than apt_lock_timeout_seconds; its process is named above.",
        "Wait for it (unattended-upgrades may take minutes), then run the same command again.",
    ),
    (
        r"No space left on device|You don't have enough free space",
        "The disk is full.",
        "Make room (`apt-get clean`, `journalctl --vacuum-size=200M`), then run the same command again.",
    ),
    (
        r"dpkg was interrupted",
        "An earlier installation was cut off.",
        "Run the same command again: it begins with `dpkg --configure -a`.",
    ),
    (
        r"Unmet dependencies|unmet dependencies|held broken packages|dpkg returned an error code",
        "apt's own package database is inconsistent on this host; the package is named above.",
        "On the host: `apt-get -f install`, read what it wants to do, then run the same command again.",
    ),
    (
        r"Unable to locate package|has no installation candidate|Version '.*' for '.*' was not found",
        "The package, or the version that is pinned, is in none of the host's apt repositories.",
        "Check docker_packages in group_data/all.py against `apt-cache madison docker-ce` on the host.",
    ),
    (
        r"Temporary failure resolving|Could not resolve|Failed to fetch|Could not connect to|NO_PUBKEY|is not signed",
        "The host cannot fetch from an apt repository, or does not trust it; the address is named above.",
        "Check the host's DNS and its way out (`apt-get update` on the host), then run the same command again.",
    ),
    (
        r"a password is required|is not allowed to execute|is not in the sudoers file",
        "sudo refuses the account we are logged in as.",
        "Restore its rule in /etc/sudoers.d on the provider's console, then run the same command again.",
    ),
)


def explanation(output: str) -> tuple[str, str] | None:
    """Return why a command with this output failed and what to do, or None when its own words must do."""
    for pattern, why, do in EXPLANATIONS:
        if re.search(pattern, output):
            return why, do
    return None


class _Explain(BaseStateCallback):
    @staticmethod
    def operation_host_error(state: State, host: Any, op_hash: str, *_: Any) -> None:
        known = explanation(host.connector_data.pop("failed_output", ""))
        if known:
            names = ", ".join(state.get_op_meta(op_hash).names)
            logger.error(f"{host.print_prefix}{host.name}: stopped at: {names}")
            logger.error(f"{host.print_prefix}    why: {known[0]}")
            logger.error(f"{host.print_prefix}    do:  {known[1]}")


def register(state: State) -> None:
    """Explain failures of this run; once, however many hosts ask for it."""
    if not any(isinstance(handler, _Explain) for handler in state.callback_handlers):
        state.add_callback_handler(_Explain())
