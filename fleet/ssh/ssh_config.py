"""The one reader of ssh_config, for pyinfra, the tasks and the system's ssh: OpenSSH itself, asked by `ssh -G`."""

from __future__ import annotations

import functools
import getpass
import os
import re
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fleet.checkout import ssh_config_path
from fleet.errors import OperatorError

READ_SECONDS = 10
# Settings that lead elsewhere, or prove who we or the host are, in a way that our SSH library does not know.
UNSUPPORTED = {
    "pkcs11provider": "none",
    "proxyusefdpass": "no",
    "knownhostscommand": "none",
    "revokedhostkeys": "none",
}


@dataclass(frozen=True)
class Jump:
    """The last jump host before a host.

    Attributes:
        host: its name in ssh_config.
        account: who logs in there; empty: as ssh_config says.
        options: ssh's options for it: port, and the jump hosts before it.
    """

    host: str
    account: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Route:
    """How OpenSSH would reach a host.

    Attributes:
        name: the host's name, as typed.
        address: its name or address in the network.
        port: its port.
        proxy: the command whose standard input and output are the connection; empty: a direct one, or by a jump host.
        jump: the jump host through which it goes; None: a direct one.
        identity_files: keys to log in with, in this order; a file may hold the public half only.
        certificates: certificates for them.
        identities_only: whether the agent's other keys are left alone.
        agent: the agent's socket; empty: none.
        known_hosts: files of known host keys.
        host_key_names: the names under which they may know this host; the first is where it belongs.
        source: the local address to connect from; empty: any.
        family: the address family.
    """

    name: str
    address: str
    port: int
    proxy: str
    jump: Jump | None
    identity_files: tuple[Path, ...]
    certificates: tuple[Path, ...]
    identities_only: bool
    agent: str
    known_hosts: tuple[Path, ...]
    host_key_names: tuple[str, ...]
    source: str
    family: socket.AddressFamily


def options() -> list[str]:
    """Return the options that make the system's ssh read the ssh_config in use."""
    return ["-F", str(ssh_config_path())] if os.environ.get("AIPBX_SSH_CONFIG") else []


def route(host: str, account: str) -> Route:
    """Return how OpenSSH would reach `host` as `account`; it is asked once a run.

    Raises:
        OperatorError: it cannot read ssh_config, or finds a keyword there that this project cannot follow.
    """
    return _route(host, account, tuple(options()))


@functools.cache
def _route(host: str, account: str, config: tuple[str, ...]) -> Route:
    try:
        result = subprocess.run(
            ["ssh", *config, "-G", "-T", *(["-l", account] if account else []), host],
            capture_output=True,
            text=True,
            timeout=READ_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperatorError(
            f"ssh cannot say how to reach {host}.", str(error), "Install openssh-client; try `ssh -G` by hand."
        ) from None
    if result.returncode != 0:
        why = " / ".join(line for line in result.stderr.splitlines() if line.strip())
        raise OperatorError(
            f"ssh cannot read {ssh_config_path()}.",
            why or f"`ssh -G {host}` failed.",
            "Correct the line that it names.",
        )
    return parse(host, account, result.stdout)


def parse(host: str, account: str, text: str) -> Route:
    """Read what `ssh -G` printed.

    Args:
        host: the name that was asked for.
        account: who logs in; empty: whom ssh_config says.
        text: lines of a keyword in lower case and its value.

    Raises:
        OperatorError: a keyword there cannot be followed.
    """
    options: dict[str, list[str]] = {}
    for line in text.splitlines():
        keyword, _, value = line.partition(" ")
        options.setdefault(keyword, []).append(value.strip())
    values = {keyword: each[0] for keyword, each in options.items()}
    for keyword, harmless in UNSUPPORTED.items():
        if values.get(keyword, harmless).lower() not in (harmless, "false"):
            raise OperatorError(
                f"{host}: {keyword} in {ssh_config_path()} is not supported.",
                f"It says {values[keyword]!r}; our SSH library would connect differently from ssh.",
                f"Remove it for this host: `Host {host}` with `{keyword} {harmless}`, before the line that sets it.",
            )
    address, port = values.get("hostname", host), int(values.get("port", "22"))
    tokens = _tokens(host, address, port, account, values)
    alias = values.get("hostkeyalias", "")
    return Route(
        name=host,
        address=address,
        port=port,
        proxy="" if (command := values.get("proxycommand", "none")) == "none" else _expand(command, tokens),
        jump=_jump(values.get("proxyjump", "none")),
        identity_files=tuple(Path(_expand(path, tokens)) for path in options.get("identityfile", []) if path != "none"),
        certificates=tuple(Path(_expand(path, tokens)) for path in options.get("certificatefile", [])),
        identities_only=values.get("identitiesonly") == "yes",
        agent=_agent(values.get("identityagent", "SSH_AUTH_SOCK"), tokens),
        known_hosts=tuple(
            path
            for keyword in ("userknownhostsfile", "globalknownhostsfile")
            for path in _files(_expand(values.get(keyword, ""), tokens))
        ),
        host_key_names=(alias,) if alias else (address,) if port == 22 else (f"[{address}]:{port}", address),
        source=values.get("bindaddress", ""),
        family={"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(
            values.get("addressfamily", "any"), socket.AF_UNSPEC
        ),
    )


def _tokens(host: str, address: str, port: int, account: str, values: dict[str, str]) -> dict[str, str]:
    here = socket.gethostname()
    return {
        "%": "%",
        "d": str(Path.home()),
        "h": address,
        "i": str(os.getuid()),
        "k": values.get("hostkeyalias", host),
        "L": here.partition(".")[0],
        "l": here,
        "n": host,
        "p": str(port),
        "r": account,
        "u": getpass.getuser(),
    }


def _expand(text: str, tokens: dict[str, str]) -> str:
    """`~`, `${NAME}` and `%h`, which `ssh -G` leaves as they are written; a token that we do not know stays."""
    text = re.sub(r"\$\{(\w+)\}", lambda match: os.environ.get(match[1], match[0]), text)
    text = re.sub(r"%(.)", lambda match: tokens.get(match[1], match[0]), text)
    return str(Path(text).expanduser()) if text.startswith("~") else text


def _jump(text: str) -> Jump | None:
    *earlier, last = text.split(",")
    if last == "none":
        return None
    jump = re.fullmatch(r"(?:ssh://)?(?:(?P<user>.+)@)?(?P<host>\[[^\]]+\]|[^:]+)(?::(?P<port>\d+))?", last)
    assert jump is not None  # noqa: S101  ssh has accepted it
    options = ["-J", ",".join(earlier)] if earlier else []
    options += ["-p", jump["port"]] if jump["port"] else []
    return Jump(jump["host"].strip("[]"), jump["user"] or "", tuple(options))


def _agent(value: str, tokens: dict[str, str]) -> str:
    if value == "none":
        return ""
    if value == "SSH_AUTH_SOCK" or value.startswith("$"):
        return os.environ.get(value.lstrip("$").strip("{}"), "")
    return _expand(value, tokens)


def _files(text: str) -> list[Path]:
    """Return the files of a list that `ssh -G` prints without quotation marks: a blank may belong to a name."""
    words, paths = text.split(), []
    while words:
        for count in range(len(words), 0, -1):
            path = Path(" ".join(words[:count])).expanduser()
            if path.is_file():
                paths.append(path)
                break
        else:
            count = 1
        words = words[count:]
    return paths
