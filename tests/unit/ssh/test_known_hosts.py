"""Known hosts: real files with lines that paramiko's own reader stumbles over, and a host that shows its key."""

from __future__ import annotations

import socket
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest
from paramiko import PKey, ServerInterface, Transport

from fleet import checkout
from fleet.errors import OperatorError
from fleet.ssh import known_hosts, login, ssh_config
from fleet.ssh.ssh_config import Route

NAMES = ("[203.0.113.20]:2222", "203.0.113.20")
ODD = [
    "# host keys of the fleet",
    "@cert-authority *.example.org ssh-ed25519 {other}",
    "@revoked old.example.org ssh-ed25519 {host}",
    "@unheard-of 203.0.113.20 ssh-ed25519 {other}",
    "203.0.113.20 ssh-ed25519 AAAA",
    "203.0.113.20 ssh-ed25519 %%%A",
    "203.0.113.20 ssh-ed25519 {cut}",
    "203.0.113.20 ssh-rsa {other}",
    "203.0.113.20 no-such-type {other}",
    "203.0.113.20",
    "@revoked",
    "|1|short|short ssh-ed25519 {other}",
    "|1 ssh-ed25519 {other}",
    "",
]
SHOWN = "203.0.113.20 ssh-ed25519 {host} as its console says"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("host", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", tmp_path / name], check=True)
    return tmp_path


def write(folder: Path, *lines: str) -> Path:
    host, other = ((folder / f"{name}.pub").read_text().split()[1] for name in ("host", "other"))
    text = "".join(f"{line.format(host=host, other=other, cut=host[:-8])}\n" for line in lines)
    (folder / "known_hosts").write_bytes(b"caf\xe9 ssh-ed25519 AAAA \xff\n" + text.encode())
    return folder / "known_hosts"


def counted(folder: Path, *lines: str) -> dict[str, str]:
    """By name, the one key that counts: `host` or `other`."""
    found = known_hosts.read([write(folder, *lines)], NAMES).keys
    names = {PKey.from_path(str(folder / name)).get_base64(): name for name in ("host", "other")}
    return {name: names[each["ssh-ed25519"].get_base64()] for name, each in found.items()}


def test_odd_lines_spoil_no_other(folder: Path) -> None:
    assert counted(folder, *ODD, SHOWN, *ODD) == {"203.0.113.20": "host"}


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("one,203.0.113.20,two   ssh-ed25519\t{host}\r", {"203.0.113.20": "host"}),
        ("[203.0.113.20]:2222 ssh-ed25519 {host}", {"[203.0.113.20]:2222": "host"}),
        ("203.0.113.* ssh-ed25519 {host}", {"203.0.113.20": "host"}),
        ("203.0.113.*,!203.0.113.2? ssh-ed25519 {host}", {}),
        ("203.0.113.2 ssh-ed25519 {host}", {}),
    ],
)
def test_names(folder: Path, line: str, known: dict[str, str]) -> None:
    assert counted(folder, line) == known


def test_the_first_that_is_not_revoked_counts(folder: Path) -> None:
    old = "203.0.113.20 ssh-ed25519 {other}"
    assert counted(folder, SHOWN, old) == {"203.0.113.20": "host"}
    assert counted(folder, old, SHOWN) == {"203.0.113.20": "other"}
    assert counted(folder, old, SHOWN, f"@revoked {old}") == {"203.0.113.20": "host"}


def test_hashed_names_are_found(folder: Path) -> None:
    file = write(folder, SHOWN, "[203.0.113.20]:2222 ssh-ed25519 {host}")
    file.write_text("".join(file.read_text(errors="replace").splitlines(keepends=True)[1:]))
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    assert "203.0.113.20" not in file.read_text()
    assert sorted(known_hosts.read([file], NAMES).keys) == ["203.0.113.20", "[203.0.113.20]:2222"]


def test_a_file_that_is_not_there_says_nothing(folder: Path) -> None:
    assert not known_hosts.read([folder / "none", folder], NAMES).keys


def knock(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> bool:
    """Knock at a host that shows the key `host`, and say whether it was taken."""
    ours, theirs = socket.socketpair()
    route = Route(
        *("aipbx.org", "203.0.113.20", 2222, "", None, (), (), False, ""),
        *((write(folder, *lines),), NAMES, "", socket.AF_UNSPEC),
    )
    monkeypatch.setattr(ssh_config, "route", lambda *_: route)
    monkeypatch.setattr(login, "connected", lambda _: ours)
    monkeypatch.setattr(checkout, "state_directory", lambda: folder)
    with closing(Transport(theirs)) as server:
        server.add_server_key(PKey.from_path(str(folder / "host")))
        server.start_server(event=threading.Event(), server=ServerInterface())
        with closing(login.knock("aipbx.org", "deploy").client) as client:
            return client.get_transport() is not None


def test_a_known_key_is_taken_among_odd_lines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert knock(folder, monkeypatch, *ODD, SHOWN)


@pytest.mark.parametrize(
    ("lines", "what", "why"),
    [
        ([], "host key is not known", "man in the middle would strike."),
        (["@cert-authority 203.0.113.* ssh-ed25519 {other}"], "host key is not known", "`@cert-authority` are not"),
        (["203.0.113.20 ssh-ed25519 {other}"], "shows another host key", "reinstalled"),
        (["@revoked * ssh-ed25519 {host}", SHOWN], "that is revoked", "`@revoked`"),
        ([SHOWN, "@revoked 203.0.113.20 ssh-ed25519 {host}"], "that is revoked", "`@revoked`"),
        (["203.0.113.20 ssh-ed25519 {other}", "@revoked * ssh-ed25519 {host}"], "that is revoked", "`@revoked`"),
    ],
)
def test_other_keys_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], what: str, why: str
) -> None:
    with pytest.raises(OperatorError) as refused:
        knock(folder, monkeypatch, *ODD, *lines)
    assert what in refused.value.what
    assert why in refused.value.why
    assert ("@cert-authority" in refused.value.why) == any(line.startswith("@cert") for line in lines)
