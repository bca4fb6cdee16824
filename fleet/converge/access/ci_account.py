"""CI's account: keys that give one program, no password, no shell, no group, no file of its own."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import FactBase, operation
from pyinfra.api.command import PyinfraCommand

from aipbx_agent.contract import CI, COMMAND
from fleet.converge.access.accounts import changed_keys, system_account
from fleet.converge.files import configuration
from fleet.converge.output import sections

# What its keys run, whatever their holder asks for; sudo allows it this, and nothing else.
PROGRAM = f"{COMMAND} ci"
FORCED = f"/usr/bin/sudo -n {PROGRAM}"
FOLDER = "/etc/aipbx/ci"
KEYS = f"{FOLDER}/authorized_keys"
# sshd runs the forced command with it.
SHELL = "/bin/sh"


def confined() -> dict[str, str]:
    """Return how sshd treats it, keyword by value as `sshd -T` prints them."""
    return {
        "authorizedkeysfile": KEYS,
        "forcecommand": FORCED,
        "allowtcpforwarding": "no",
        "disableforwarding": "yes",
        "permittty": "no",
        "permituserrc": "no",
        "maxsessions": "2",
    }


def authorized(keys: list[str]) -> list[str]:
    """Return the lines of its authorized_keys: each says once more what sshd's configuration says.

    Args:
        keys: public keys.
    """
    return [f'restrict,command="{FORCED}" {key}' for key in keys]


@dataclass(frozen=True)
class CiState:
    """The account on the host.

    Attributes:
        passwd: its home and shell; empty when it does not exist.
        groups: the groups that it is in.
        locked: whether no password opens it.
        access: mode and owner of its keys' file.
        keys: the text of that.
    """

    passwd: str = ""
    groups: str = ""
    locked: bool = False
    access: str = ""
    keys: str = ""


class CiAccount(FactBase[CiState]):
    """The account and its keys."""

    def command(self) -> str:
        """One round trip."""
        return (
            f"echo '==passwd'; getent passwd {CI} | cut -d: -f6,7; echo '==groups'; id -nG {CI} 2>/dev/null; "
            f"echo '==locked'; passwd --status {CI} 2>/dev/null | cut -d' ' -f2; "
            f"echo '==access'; stat -c '%a %U:%G' {KEYS} 2>/dev/null; echo '==keys'; cat {KEYS} 2>/dev/null || true"
        )

    @staticmethod
    def default() -> CiState:
        """Nothing of it is there."""
        return CiState()

    def process(self, output: list[str]) -> CiState:
        """Read the sections."""
        parts = sections(output)
        return CiState(
            passwd=parts.get("passwd", "").strip(),
            groups=parts.get("groups", "").strip(),
            locked=parts.get("locked", "").strip() in ("L", "LK"),
            access=parts.get("access", "").strip(),
            keys=parts.get("keys", ""),
        )


@operation()
def account(keys: list[str]) -> Generator[PyinfraCommand | str, None, None]:
    """CI's account, opened by exactly these keys. Whoever has come by another one is put out.

    Args:
        keys: public keys; none: the account opens to no one, and is not made.
    """
    state = host.get_fact(CiAccount)
    if keys or state.passwd:
        yield from _account(state)
    text = "".join(f"{line}\n" for line in authorized(keys))
    if (keys or state.access) and (state.access, state.keys) != ("644 root:root", text):
        for line in changed_keys([_bare(line) for line in state.keys.splitlines()], keys):
            host.log(f"CI: {line}")
        configuration.show_difference(KEYS, state.keys, text)
        yield f"install -d -o root -g root -m 755 {FOLDER}"
        yield configuration.upload(text, f"{KEYS}.new")
        yield configuration.put_in_place(KEYS, "644")
        if set(state.keys.splitlines()) - set(text.splitlines()):
            # An open connection would outlive its key. 1: there is none.
            yield f"pkill -KILL -u {CI} || [ $? -eq 1 ]"


def _account(state: CiState) -> Generator[str, None, None]:
    if not state.passwd:
        yield system_account(CI, SHELL)
    elif state.passwd != f"/:{SHELL}":
        yield f"usermod --home / --shell {SHELL} {CI}"
    if state.groups and state.groups != CI:
        yield f"usermod --gid {CI} --groups '' {CI}"
    if state.passwd and not state.locked:
        yield f"passwd --lock {CI} >/dev/null"


def _bare(line: str) -> str:
    """Return a line of authorized_keys without its options."""
    return line.partition('" ')[2]
