"""CI's account: what its keys give, on the host."""

from __future__ import annotations

from fleet.checkout import ROOT
from fleet.converge.access import ci_account
from fleet.converge.access.ci_account import CiAccount, CiState

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxK ci"


def test_reads_the_fact() -> None:
    output = [
        "==passwd", "/:/bin/sh", "==groups", "ci", "==locked", "L",
        "==access", "644 root:root", "==keys", "restrict x",
    ]  # fmt: skip
    assert CiAccount().process(output) == CiState("/:/bin/sh", "ci", True, "644 root:root", "restrict x\n")
    assert CiAccount().process(["==passwd", "==groups", "==locked", "==access", "==keys"]) == CiState()


def test_a_key_gives_one_program_and_says_so_itself() -> None:
    assert ci_account.authorized([KEY]) == [f'restrict,command="/usr/bin/sudo -n /usr/local/sbin/aipbx-agent ci" {KEY}']
    assert ci_account._bare(ci_account.authorized([KEY])[0]) == KEY


def test_sshd_says_the_same() -> None:
    said = ci_account.confined()
    assert said["forcecommand"] == ci_account.FORCED
    assert (said["disableforwarding"], said["permittty"], said["permituserrc"]) == ("yes", "no", "no")


def test_sudo_allows_that_program_alone() -> None:
    text = (ROOT / "templates" / "ci" / "sudoers.j2").read_text("utf-8")
    rules = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert rules == [
        'Defaults:{{ account }} env_reset, !env_check, env_keep = "SSH_ORIGINAL_COMMAND SSH_CONNECTION"',
        "{{ account }} ALL=(root) NOPASSWD: {{ command }}",
    ]
