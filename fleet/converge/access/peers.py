"""Accounts by which other hosts bring their off-site copies: no shell, no password, one folder each."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import FactBase, operation

from fleet.converge.access.accounts import system_account
from fleet.converge.output import sections

SHELL = "/usr/sbin/nologin"


@dataclass(frozen=True)
class OriginState:
    """An origin's account and folders on this host.

    Attributes:
        passwd: the account's home and shell, as `/:/usr/sbin/nologin`; empty when it does not exist.
        locked: whether no password opens it.
        access: mode and owner by folder, as `1770 root:aipbxoffsite-aipbx-net`.
    """

    passwd: str = ""
    locked: bool = False
    access: dict[str, str] | None = None


class Origin(FactBase[OriginState]):
    """An origin's account and folders."""

    def command(self, account: str, folders: tuple[str, ...]) -> str:
        """One round trip."""
        name = shlex.quote(account)
        return (
            f"echo '==passwd'; getent passwd {name} | cut -d: -f6,7; "
            f"echo '==locked'; passwd --status {name} 2>/dev/null | cut -d' ' -f2; "
            f"echo '==access'; stat -c '%n=%a %U:%G' {' '.join(map(shlex.quote, folders))} 2>/dev/null || true"
        )

    @staticmethod
    def default() -> OriginState:
        """Nothing of it is there."""
        return OriginState()

    def process(self, output: list[str]) -> OriginState:
        """Read the sections."""
        parts = sections(output)
        return OriginState(
            passwd=parts.get("passwd", "").strip(),
            locked=parts.get("locked", "").strip() in ("L", "LK"),
            access=dict(line.rsplit("=", 1) for line in parts.get("access", "").splitlines()),
        )


def wanted(account: str, folder: str, kinds: tuple[str, ...]) -> dict[str, tuple[str, str, str]]:
    """Mode, owner and group of each folder of an origin.

    sshd shuts the account up in the first one, which must be root's. In the others the sticky bit keeps it from
    deleting what has become root's.

    Args:
        account: the origin's.
        folder: where its copies are.
        kinds: the folders below that.
    """
    return {folder: ("755", "root", "root"), **{f"{folder}/{kind}": ("1770", "root", account) for kind in kinds}}


@operation()
def origin(account: str, folder: str, kinds: tuple[str, ...]) -> Generator[str, None, None]:
    """An account that copies of another host come by, and its folders.

    Args:
        account: its name.
        folder: where its copies are; its parent exists.
        kinds: the folders below that.
    """
    folders = wanted(account, folder, kinds)
    present = host.get_fact(Origin, account=account, folders=tuple(folders))
    name = shlex.quote(account)
    if not present.passwd:
        yield system_account(name, SHELL)
    elif present.passwd != f"/:{SHELL}":
        yield f"usermod --home / --shell {SHELL} {name}"
    if present.passwd and not present.locked:
        yield f"passwd --lock {name} >/dev/null"
    for path, (mode, owner, group) in folders.items():
        if (present.access or {}).get(path) != f"{mode} {owner}:{group}":
            yield f"install -d -o {owner} -g {group} -m {mode} {shlex.quote(path)}"
