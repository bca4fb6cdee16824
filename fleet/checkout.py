"""What this checkout and its machine have: the ssh_config in use, operators' public keys, folders, local state."""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path

from aipbx_agent.contract import CI
from fleet.errors import OperatorError

ROOT = Path(__file__).resolve().parent.parent

# OpenSSH's own format: options are not allowed, so that a key cannot bring a forced command along.
PUBLIC_KEY = re.compile(
    r"(?:ssh-ed25519|sk-ssh-ed25519@openssh\.com|ssh-rsa|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,3}"
    r"(?: [^\r\n]*)?"
)


# Who this machine is to the hosts: an operator, or CI, whose account gives a few verbs of the agent (aipbx_agent/ci).
ACCOUNT = "AIPBX_USER"


def is_ci() -> bool:
    """Whether this machine is CI's.

    Raises:
        OperatorError: AIPBX_USER says something else.
    """
    name = os.environ.get(ACCOUNT, "")
    if name not in {"", CI}:
        raise OperatorError(
            f"{ACCOUNT} is {name!r}.",
            "It says that this machine is not an operator's but CI's.",
            f"Unset it; in a workflow: {ACCOUNT}={CI}",
        )
    return name == CI


def load_environment() -> None:
    """Read `.env` beside the inventory; what the shell already says wins."""
    from dotenv import load_dotenv

    load_dotenv(ROOT / ".env")


def ssh_config_path() -> Path:
    """The ssh_config in use: `AIPBX_SSH_CONFIG`, else the operator's own.

    Raises:
        OperatorError: `AIPBX_SSH_CONFIG` names a file that is not there.
    """
    named = os.environ.get("AIPBX_SSH_CONFIG")
    if not named:
        return Path("~/.ssh/config").expanduser()
    path = Path(named).expanduser().absolute()
    if not path.is_file():
        raise OperatorError(
            f"There is no ssh_config at {path}.",
            "AIPBX_SSH_CONFIG names it.",
            "Correct AIPBX_SSH_CONFIG, unset it to use ~/.ssh/config, or run `inv lab.up` if it should be the lab's.",
        )
    return path


def operators_directory() -> Path:
    """Where the operators' public keys stand. Who may log in travels with how to log in."""
    return directory_in_use("operators")


def directory_in_use(name: str) -> Path:
    """A directory of operators' files: beside the ssh_config that `AIPBX_SSH_CONFIG` names if there is one of that
    name, else in this repository. So the lab's keys and env files never mix with production's."""
    if os.environ.get("AIPBX_SSH_CONFIG"):
        beside = ssh_config_path().parent / name
        if beside.is_dir():
            return beside
    return ROOT / name


def refuse_open_files() -> None:
    """Refuse files that decide who may log in, or where to, and that every user of this machine could write.

    Raises:
        OperatorError: which, or a file in operators/ that is no public key.
    """
    config, operators = ssh_config_path(), operators_directory()
    folders = [operators, operators / CI, directory_in_use("env"), ROOT / "group_data"]
    files = [path for folder in folders for path in sorted(folder.glob("*"))]
    for path in [ROOT, ROOT / "inventory.py", ROOT / "config.py", config, config.parent, *folders, *files]:
        if path.exists() and path.stat().st_mode & stat.S_IWOTH:
            raise OperatorError(
                f"{path} can be written by every user of this machine.",
                "It decides who may log in to the hosts, or where their names lead.",
                f"Check its content, then: chmod o-w {shlex.quote(str(path))}",
            )
    for path in sorted([*operators.glob("[!.]*"), *(operators / CI).glob("[!.]*")]):
        if path.suffix != ".pub" and path.name != "README.md" and path != operators / CI:
            raise _not_a_key(path)


def _not_a_key(path: Path) -> OperatorError:
    if path.is_file() and b"PRIVATE KEY" in path.read_bytes()[:100]:
        return OperatorError(
            f"{path} is a private key.",
            "operators/ is shared with every operator: anyone who has read it can log in as its owner.",
            "Take it out, make a new pair (ssh-keygen -t ed25519), and put only the new .pub there.",
        )
    return OperatorError(
        f"{path} does not count as an operator's key.",
        "Only files whose names end in .pub do.",
        "Rename it, or take it out of the folder.",
    )


def operator_keys() -> list[str]:
    """The public keys that open the deploy account: one line each, from `operators/*.pub`, sorted by file.

    Raises:
        OperatorError: there is none, or a file holds something else than public keys.
    """
    directory = operators_directory()
    keys = _keys(directory)
    if not keys:
        raise OperatorError(
            f"No operator's public key in {directory}.",
            "Root and password logins end when a host converges: without a key here no one could log in.",
            f"cp ~/.ssh/id_ed25519.pub {directory}/$USER.pub",
        )
    return keys


def ci_keys() -> list[str]:
    """The public keys that open CI's account, from `operators/ci/*.pub`; none: there is no such account.

    Raises:
        OperatorError: a file holds something else than public keys, or one of them is an operator's.
    """
    keys = _keys(operators_directory() / CI)
    operators = {key.split()[1] for key in operator_keys()} if keys else set()
    for key in keys:
        if key.split()[1] in operators:
            raise OperatorError(
                f"A key of {operators_directory() / CI} opens the operators' account, too.",
                "Whoever got hold of CI's would be root on the hosts.",
                "Make a pair of its own for CI: ssh-keygen -t ed25519 -N '' -C ci -f ci",
            )
    return keys


def _keys(directory: Path) -> list[str]:
    keys: list[str] = []
    for path in sorted(directory.glob("*.pub")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            if not PUBLIC_KEY.fullmatch(text):
                raise OperatorError(
                    f"{path}, line {number}, is not a public key.",
                    "Each line must be `ssh-ed25519 AAAA… name`, without options; it becomes an authorized key.",
                    "Put the content of your ~/.ssh/id_ed25519.pub there.",
                )
            keys.append(text)
    return keys


def state_directory() -> Path:
    """Where this machine keeps what is only of use here: logs of builds. Made when it is missing."""
    directory = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "aipbx-fleet"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(
            f"{directory} cannot be made.",
            f"{error.strerror}: what is known of hosts is kept there, and logs of builds.",
            "Make the folder, or name another one: export XDG_STATE_HOME=…",
        ) from None
    return directory
