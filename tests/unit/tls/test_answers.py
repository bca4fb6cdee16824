"""What the host's script says, read; and what it is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fleet.errors import OperatorError
from fleet.tls import answers, commands, operations, report
from fleet.tls.answers import Status
from tests.unit.tls import made

CERTBOT = "Certbot failed to authenticate some domains\n  Detail: 192.0.2.1: no\n"


def test_commands() -> None:
    script = "/usr/local/lib/aipbx/certificate.sh"
    assert commands.ensure() == f'{{ {script} ensure; }} 2>&1; echo "exit=$?"'
    assert commands.ensure(force=True) == f'{{ {script} ensure --force; }} 2>&1; echo "exit=$?"'
    assert commands.supply() == f'{{ {script} supply --verify; }} 2>&1; echo "exit=$?"'
    assert commands.status() == f'{{ {script} status; }} 2>&1; echo "exit=$?"'


def test_success() -> None:
    assert answers.outcome("aipbx.org", "serving it\nexit=0\n") == "serving it\n"


def test_its_own_words_are_the_error() -> None:
    output = f"{CERTBOT}No certificate was issued.\n    why: Its words are above.\n    do:  Correct it.\nexit=4\n"
    with pytest.raises(OperatorError) as failed:
        answers.outcome("aipbx.org", output)
    assert failed.value.what == "aipbx.org: No certificate was issued."
    assert "Detail: 192.0.2.1: no" in failed.value.why
    assert failed.value.do == "Correct it."


@pytest.mark.parametrize("output", ["sh: 1: certificate.sh: not found\nexit=127\n", "exit=1\n", ""])
def test_a_failure_without_words_is_one_too(output: str) -> None:
    with pytest.raises(OperatorError) as failed:
        answers.outcome("aipbx.org", output)
    assert failed.value.what == "aipbx.org: its certificate script failed."


def test_status() -> None:
    pem = made.certificate("aipbx.org", names=["aipbx.org"]).pem.decode()
    text = f"source=letsencrypt\nnames=aipbx.org www.aipbx.org\nfile=ab\nserved=ab\n{pem}"
    found = answers.status(text)
    assert found == Status("letsencrypt", ("aipbx.org", "www.aipbx.org"), "ab", "ab", pem)
    row = report.row("aipbx.org", found, made.NOW)
    assert row["missing"] == ["www.aipbx.org"]
    assert (row["days_left"], row["issuer"], row["served"]) == (89, "aipbx.org", True)
    assert report.cells(row) == [
        "aipbx.org",
        "aipbx.org\nmissing: www.aipbx.org",
        "aipbx.org",
        "89",
        "letsencrypt",
        "yes",
    ]


def test_no_certificate_yet() -> None:
    row = report.row("aipbx.org", Status("letsencrypt", ("aipbx.org",), "", "", ""), made.NOW)
    assert report.cells(row) == ["aipbx.org", "missing: aipbx.org", "", "none yet", "letsencrypt", "NO"]


class Recorded:
    """A host that says yes, and remembers what it was given."""

    name = "aipbx.net"

    def __init__(self) -> None:
        self.command, self.stdin = "", b""

    def sudo_output(self, command: str, timeout: float, stdin: bytes | None = None) -> str:
        assert timeout > 0
        self.command, self.stdin = command, stdin or b""
        return "serving it\nexit=0\n"


def test_the_key_travels_on_standard_input_only() -> None:
    remote = Recorded()
    given = made.certificate("aipbx.net", names=made.NAMES, starts=made.NOW - timedelta(days=1), days=3650)
    assert operations.supply(remote, given.pem, given.key_pem, made.NAMES) == "serving it"
    assert remote.stdin == given.pem + given.key_pem
    assert "PRIVATE" not in remote.command


def test_a_wrong_certificate_never_reaches_the_host() -> None:
    remote = Recorded()
    given = made.certificate("x", names=["x.example"])
    with pytest.raises(OperatorError):
        operations.supply(remote, given.pem, given.key_pem, made.NAMES)
    assert remote.command == ""
