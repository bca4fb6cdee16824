"""What a host says of itself, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from fleet.converge import system
from fleet.errors import OperatorError

OUTPUT = """id=debian
version=13
codename=trixie
pretty=Debian GNU/Linux 13 (trixie)
machine=x86_64
init=systemd
user=deploy
uid=1000
sudo=granted
free:/=9000
free:/var=5000
memory=3915
virtualization=none
kex=curve25519-sha256 mlkem768x25519-sha256
"""
GOOD = system.parse(OUTPUT.splitlines())


def test_reads_the_probe() -> None:
    assert GOOD.codename == "trixie"
    assert (GOOD.user, GOOD.uid, GOOD.sudo) == ("deploy", 1000, "granted")
    assert GOOD.free_mib == {"/": 9000, "/var": 5000}
    assert GOOD.memory_mib == 3915
    assert GOOD.architecture == "amd64"
    assert "mlkem768x25519-sha256" in GOOD.kex


def test_a_supported_host_passes() -> None:
    system.refuse_unsupported("aipbx.org", GOOD, 2048)
    system.refuse_without_root("aipbx.org", GOOD)
    system.refuse_without_root("aipbx.org", replace(GOOD, uid=0, sudo=""))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"distribution": "fedora", "version": "44", "pretty": "Fedora Linux 44"}, "runs Fedora Linux 44"),
        ({"version": "11", "pretty": "Debian GNU/Linux 11"}, "runs Debian GNU/Linux 11"),
        ({"machine": "riscv64"}, "is a riscv64 machine"),
        ({"init": "tini"}, "process 1 is tini"),
        ({"free_mib": {"/": 9000, "/var": 100}}, "has only 100 MiB free on /var"),
    ],
)
def test_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(OperatorError) as refused:
        system.refuse_unsupported("aipbx.org", replace(GOOD, **changes), 2048)
    assert said in refused.value.what


def test_refused_sudo_is_told_in_its_own_words() -> None:
    with pytest.raises(OperatorError) as refused:
        system.refuse_without_root("aipbx.org", replace(GOOD, sudo="sudo: a password is required"))
    assert refused.value.what == "aipbx.org: sudo is refused to deploy."
    assert "sudo: a password is required" in refused.value.why


def test_garbage_is_an_unsupported_host_not_a_crash() -> None:
    with pytest.raises(OperatorError, match="not supported"):
        system.refuse_unsupported("aipbx.org", system.parse(["Welcome!", ""]), 2048)
