"""The account that operators share: their keys, no password, never in a group that is root without a record."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import FactBase, operation
from pyinfra.api.command import PyinfraCommand

from fleet.converge.files import configuration
from fleet.converge.output import sections


@dataclass(frozen=True)
class AccountState:
    """An account on the host.

    Attributes:
        passwd: its home and shell, as `/home/deploy:/bin/bash`; empty when it does not exist.
        groups: the groups that it is in.
        access: mode and owner of home, .ssh and authorized_keys, one line each, as `750 deploy:deploy`.
        keys: the text of its authorized_keys.
        locked: whether no password opens it.
    """

    passwd: str = ""
    groups: frozenset[str] = frozenset()
    access: str = ""
    keys: str = ""
    locked: bool = False


class Account(FactBase[AccountState]):
    """An account, its groups and its keys."""

    def command(self, user: str) -> str:
        """One round trip."""
        name = shlex.quote(user)
        home = f'"$(getent passwd {name} | cut -d: -f6)"'
        return (
            f"getent passwd {name} >/dev/null || exit 0; echo '==passwd'; getent passwd {name} | cut -d: -f6,7; "
            f"echo '==groups'; id -nG {name}; echo '==locked'; passwd --status {name} | cut -d' ' -f2; "
            f"cd {home} 2>/dev/null || exit 0; "
            "echo '==access'; stat -c '%a %U:%G' . .ssh .ssh/authorized_keys 2>/dev/null; "
            "echo '==keys'; cat .ssh/authorized_keys 2>/dev/null || true"
        )

    @staticmethod
    def default() -> AccountState:
        """No such account."""
        return AccountState()

    def process(self, output: list[str]) -> AccountState:
        """Read the sections."""
        parts = sections(output)
        return AccountState(
            passwd=parts.get("passwd", "").strip(),
            groups=frozenset(parts.get("groups", "").split()),
            access=parts.get("access", ""),
            keys=parts.get("keys", ""),
            locked=parts.get("locked", "").strip() in ("L", "LK"),
        )


def system_account(name: str, shell: str) -> str:
    """Return the command that adds an account without a home, whose number no container uses (PostgreSQL's is 999)."""
    numbers = "-K SYS_UID_MAX=899 -K SYS_GID_MAX=899"
    return f"useradd --system {numbers} --user-group --no-create-home --home-dir / --shell {shell} {name}"


def changed_keys(before: list[str], after: list[str]) -> list[str]:
    """Whose keys begin and cease to open the account, by key and not by comment: the operator is about to agree."""
    old = {line.split()[1]: line for line in before if len(line.split()) > 1}
    new = {line.split()[1]: line for line in after}
    lines = [f"Will let in: {_owner(line)}" for key, line in new.items() if key not in old]
    return lines + [f"Will no longer let in: {_owner(line)}" for key, line in old.items() if key not in new]


def _owner(line: str) -> str:
    kind, key, *comment = line.split(None, 2)
    return f"{comment[0] if comment else 'a key without a name'} ({kind} …{key[-12:]})"


@operation()
def operators(user: str, keys: list[str]) -> Generator[PyinfraCommand | str, None, None]:
    """One account, opened by exactly these keys.

    Args:
        user: its name; its home is /home/`user`.
        keys: public keys. A key on the host that is not among them is removed.
    """
    state = host.get_fact(Account, user=user)
    home = f"/home/{user}"
    if not state.passwd:
        yield f"useradd --create-home --home-dir {home} --shell /bin/bash --user-group {user}"
    elif state.passwd != f"{home}:/bin/bash":
        yield f"usermod --home {home} --move-home --shell /bin/bash {user}"
    if not state.locked:
        yield f"passwd --lock {user} >/dev/null"
    if "docker" in state.groups:
        yield f"gpasswd --delete {user} docker"
    text = "".join(f"{key}\n" for key in keys)
    if state.access != f"750 {user}:{user}\n700 {user}:{user}\n600 {user}:{user}\n" or state.keys != text:
        for line in changed_keys(state.keys.splitlines(), keys):
            host.log(line)
        configuration.show_difference(f"{home}/.ssh/authorized_keys", state.keys, text)
        yield f"install -d -m 750 -o {user} -g {user} {home} && install -d -m 700 -o {user} -g {user} {home}/.ssh"
        yield configuration.upload(text, f"{home}/.ssh/authorized_keys.new")
        yield (
            f"cd {home}/.ssh && chown {user}:{user} authorized_keys.new && chmod 600 authorized_keys.new"
            " && mv -fT authorized_keys.new authorized_keys"
        )
