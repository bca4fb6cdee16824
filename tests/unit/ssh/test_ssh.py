"""The system's ssh: no questions, known hosts only, the fleet's ssh_config, few keys. And what a failure is called."""

from __future__ import annotations

import errno
import shlex
import socket
from pathlib import Path
from typing import Any

import pytest
from paramiko import SSHException

from fleet.ssh import identities, ssh, ssh_config
from fleet.ssh.identities import Identity
from fleet.ssh.ssh_config import Jump, Route

ALWAYS = [
    *["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10"],
    *["-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3"],
    *["-o", "ControlMaster=no", "-o", "ControlPath=none"],
    *["-o", "RemoteCommand=none", "-o", "PermitLocalCommand=no", "-o", "IdentitiesOnly=yes"],
]
PLAIN = ["-o", "ClearAllForwardings=yes", "-T"]
KEYS = [Identity(f"{number}".encode(), "", Path(f"/keys/{number}")) for number in range(8)]
OFFERED = [word for number in range(5) for word in ("-o", f'IdentityFile="/keys/{number}"')]


@pytest.fixture(autouse=True)
def eight_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_config, "route", lambda *_: None)
    monkeypatch.setattr(identities, "offered", lambda _: KEYS)


def test_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIPBX_SSH_CONFIG", raising=False)
    assert ssh.command("aipbx.net", "deploy", "sudo -n true") == [
        *[*ALWAYS, *OFFERED, *PLAIN, "-l", "deploy", "aipbx.net", "sudo -n true"]
    ]
    assert ssh.command("aipbx.net", "deploy", "", "-N", "-L", "1:2:3") == [
        *[*ALWAYS, *OFFERED, "-l", "deploy", "-N", "-L", "1:2:3", "aipbx.net"]
    ]


@pytest.mark.parametrize(("options", "added"), [(["-T"], 0), (["-tt"], 0), ([], 1)])
def test_a_terminal_is_what_we_say(options: list[str], added: int) -> None:
    """What an operator sets for sessions of their own (RequestTTY force) must not reach a stream of ours."""
    assert ssh.command("aipbx.net", "deploy", "cat", *options).count("-T") - options.count("-T") == added


def test_the_key_that_has_opened_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIPBX_SSH_CONFIG", raising=False)
    monkeypatch.setattr(ssh, "OPENED", {("aipbx.net", "deploy"): KEYS[7]})
    assert ssh.command("aipbx.net", "deploy", "") == [
        *[*ALWAYS, "-o", 'IdentityFile="/keys/7"', *PLAIN, "-l", "deploy", "aipbx.net"]
    ]


def test_the_ssh_config_in_use_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "config"))
    assert ssh.command("aipbx.net", "deploy", "") == [
        *[*ALWAYS, *OFFERED, *PLAIN, "-F", str(tmp_path / "config"), "-l", "deploy", "aipbx.net"]
    ]


def route(**values: Any) -> Route:
    """How a host on another port is reached."""
    usual: dict[str, Any] = {
        "name": "aipbx.org",
        "address": "203.0.113.20",
        "port": 2222,
        "proxy": "",
        "jump": None,
        "identity_files": (),
        "certificates": (),
        "identities_only": False,
        "agent": "",
        "known_hosts": (),
        "host_key_names": ("[203.0.113.20]:2222",),
        "source": "",
        "family": socket.AF_UNSPEC,
    }
    return Route(**{**usual, **values})


@pytest.mark.parametrize(
    ("error", "what", "more"),
    [
        (
            SSHException("Server '…' not found in known_hosts"),
            "host key is not known",
            "ssh-keyscan -p 2222 203.0.113.20,",
        ),
        (TimeoutError("timed out"), "does not answer on its SSH port.", "port 2222: timed out, for 10 s"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "refuses connections", "refused, at once"),
        (
            OSError(errno.EHOSTUNREACH, "No route to host"),
            "There is no route to aipbx.org.",
            "port 2222: No route to host",
        ),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "cuts the connection", "reset by peer."),
        (ssh.NoGreetingError("Not allowed at this time"), "refuses SSH from this address", "passes by itself"),
        (ssh.NoGreetingError("Exceeded MaxStartups"), "too many SSH logins", "password guessing"),
        (ssh.NoGreetingError(""), "does not speak SSH", "closes the connection at once"),
        (ssh.NoGreetingError("220 mail ESMTP"), "does not speak SSH", "'220 mail ESMTP'"),
    ],
)
def test_a_failure_has_its_own_name(error: Exception, what: str, more: str) -> None:
    told = ssh.unreachable(route(), error)
    assert what in told.what
    assert more in f"{told.why} {told.do}"


def test_a_jump_host_that_fails_is_named() -> None:
    told = ssh.unreachable(route(jump=Jump("gate", "", ())), ssh.NoGreetingError(""))
    assert told.what == "aipbx.org cannot be reached by its jump host, gate."


def test_a_jump_host_gets_few_keys_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIPBX_SSH_CONFIG", raising=False)
    words = shlex.split(ssh.jump(route(jump=Jump("two", "ada", ("-J", "one", "-p", "2200")))))
    assert words == [
        *[
            "ssh",
            "-o",
            "BatchMode=yes",
            *ssh.NO_MASTER,
            *ssh.OUR_COMMAND,
            "-o",
            "IdentitiesOnly=yes",
            *OFFERED,
            "-l",
            "ada",
        ],
        *["-J", "one", "-p", "2200", "-W", "[203.0.113.20]:2222", "two"],
    ]
