"""Which keys are offered: OpenSSH's order, the operators' keys first."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from fleet.ssh import identities
from fleet.ssh.identities import Identity, in_order

AGENT = [Identity(f"agent {number}".encode(), f"key {number}", agent_key=object()) for number in range(8)]
FILE = Identity(b"file", "~/.ssh/id", Path("/home/ada/.ssh/id"))


def names(keys: list[Identity]) -> list[str]:
    return [key.name for key in keys]


def test_of_eight_keys_the_operators_own_comes_first() -> None:
    found = in_order(AGENT, [], {AGENT[6].blob}, only_files=False)
    assert names(found)[:3] == ["key 6", "key 0", "key 1"]
    assert len(found) == 8


def test_openssh_offers_the_named_ones_of_the_agent_then_its_others_then_files() -> None:
    named = Identity(AGENT[3].blob, "x.pub")
    assert names(in_order(AGENT[:4], [FILE, named], set(), only_files=False)) == [
        *["key 3", "key 0", "key 1", "key 2", "~/.ssh/id"]
    ]


def test_identities_only_with_a_public_half_means_that_key_of_the_agent() -> None:
    named = Identity(AGENT[3].blob, "x.pub")
    assert in_order(AGENT, [named], {AGENT[5].blob}, only_files=True) == [AGENT[3]]


def test_a_public_half_whose_private_one_is_nowhere_is_not_offered() -> None:
    assert in_order([], [Identity(b"lost", "x.pub"), FILE], set(), only_files=True) == [FILE]


@pytest.mark.parametrize("passphrase", ["", "secret"])
def test_the_public_half_of_a_file(passphrase: str, tmp_path: Path) -> None:
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(key)], check=True, timeout=30)
    public = tmp_path / "id.pub"
    blob = base64.b64decode(public.read_text().split()[1])
    assert identities.public_half(public) == blob
    assert identities.public_half(key) == blob
    fingerprint = subprocess.run(["ssh-keygen", "-lf", str(key)], capture_output=True, text=True, check=True).stdout
    assert Identity(blob, "").fingerprint in fingerprint
    public.unlink()
    assert identities.public_half(key) == blob
    assert identities.public_half(tmp_path / "missing") is None


def test_a_key_of_the_agent_has_a_file_for_the_systems_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=30)
    public = (tmp_path / "id.pub").read_text().split()
    file = Identity(base64.b64decode(public[1]), "of the agent").file()
    assert file.read_text().split() == public[:2]
