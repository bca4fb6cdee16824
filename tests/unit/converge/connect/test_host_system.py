"""What a host says of itself, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleet.converge.connect import host_system
from fleet.errors import OperatorError
from tests.unit.shell import sh, stub

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
port=22
kex=curve25519-sha256 mlkem768x25519-sha256
"""
GOOD = host_system.parse(OUTPUT.splitlines())


def test_reads_the_probe() -> None:
    assert GOOD.codename == "trixie"
    assert (GOOD.user, GOOD.uid, GOOD.sudo) == ("deploy", 1000, "granted")
    assert GOOD.free_mib == {"/": 9000, "/var": 5000}
    assert GOOD.memory_mib == 3915
    assert GOOD.architecture == "amd64"
    assert "mlkem768x25519-sha256" in GOOD.kex


def probe(stubs: Path) -> str:
    """What the probe prints here, as a user who is not root."""
    stub(stubs, "id", 'case "$1" in -u) echo 1000;; *) echo deploy;; esac')
    return sh(host_system.PROBE, stubs).stdout


WARNING = 'echo "sudo: unable to resolve host vps-4711: Name or service not known" >&2'


def test_a_warning_of_sudos_is_not_its_refusal(tmp_path: Path) -> None:
    out = probe(stub(tmp_path, "sudo", WARNING))
    assert host_system.read("aipbx.org", "deploy", out, "").sudo == "granted"


def test_sudos_refusal_is_its_last_line(tmp_path: Path) -> None:
    out = probe(stub(tmp_path, "sudo", f"{WARNING}; echo 'sudo: a password is required' >&2; exit 1"))
    assert host_system.read("aipbx.org", "deploy", out, "").sudo == "sudo: a password is required"


def answered(before: str = "", after: str = "") -> str:
    return f"{before}{host_system.BEGIN}\n{OUTPUT}{host_system.END}\n{after}"


def test_what_is_between_the_marks_is_read() -> None:
    assert host_system.read("aipbx.org", "root", answered(), "a warning on the other stream") == GOOD


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_login_that_prints_a_greeting_is_refused(where: str) -> None:
    with pytest.raises(OperatorError, match="root's login prints 'id=Welcome!' in a session without a terminal"):
        host_system.read("aipbx.org", "root", answered(**{where: "id=Welcome!\n"}), "")


@pytest.mark.parametrize(
    ("out", "err", "what", "why"),
    [
        ("", "Password change required but no TTY available.\n", "the password of root has expired", "no TTY"),
        ("", "WARNING: Your password has expired.\n", "the password of root has expired", "Your password"),
        ("", "", "root logs in, but no command can be run", "nothing"),
        ("This account is currently not available.\n", "", "no command can be run", "not available"),
        (f"{host_system.BEGIN}\nid=debian\n", "", "no command can be run", "nothing"),
    ],
)
def test_a_session_that_cannot_be_worked_in_is_named(out: str, err: str, what: str, why: str) -> None:
    with pytest.raises(OperatorError) as refused:
        host_system.read("aipbx.org", "root", out, err)
    assert what in refused.value.what
    assert why in refused.value.why


def test_a_clouds_root_names_the_account() -> None:
    words = 'Please login as the user "debian" rather than the user "root".\n\n'
    with pytest.raises(host_system.RedirectedError) as redirected:
        host_system.read("aipbx.org", "root", words, "")
    assert redirected.value.account == "debian"


def test_a_supported_host_passes() -> None:
    host_system.refuse_unsupported("aipbx.org", GOOD, 2048)
    host_system.refuse_without_root("aipbx.org", GOOD)
    host_system.refuse_without_root("aipbx.org", replace(GOOD, uid=0, sudo=""))


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
        host_system.refuse_unsupported("aipbx.org", replace(GOOD, **changes), 2048)
    assert said in refused.value.what


@pytest.mark.parametrize(("came_by", "declared"), [(22, 22), (2222, 2222), (0, 22)])
def test_the_port_that_is_declared(came_by: int, declared: int) -> None:
    host_system.refuse_another_port("aipbx.org", replace(GOOD, ssh_port=came_by), declared)


def test_a_port_that_the_firewall_would_close_is_refused() -> None:
    with pytest.raises(OperatorError, match="sshd answers on port 2222, and sshd_port is 22") as refused:
        host_system.refuse_another_port("aipbx.org", replace(GOOD, ssh_port=2222), 22)
    assert '"sshd_port": 2222' in refused.value.do


def test_refused_sudo_is_reported_in_its_own_words() -> None:
    with pytest.raises(OperatorError) as refused:
        host_system.refuse_without_root("aipbx.org", replace(GOOD, sudo="sudo: a password is required"))
    assert refused.value.what == "aipbx.org: sudo does not accept deploy."
    assert "sudo: a password is required" in refused.value.why


def test_garbage_is_an_unsupported_host_not_a_crash() -> None:
    with pytest.raises(OperatorError, match="not supported"):
        host_system.refuse_unsupported("aipbx.org", host_system.parse(["Welcome!", ""]), 2048)
