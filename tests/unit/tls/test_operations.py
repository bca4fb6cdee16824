"""What a host's agent is asked of its certificate, and its answers for an operator."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from fleet.errors import OperatorError
from fleet.remote import Output, Remote
from fleet.tls import operations, report
from fleet.tls.operations import Status
from tests.unit.tls import made


class Recorded(Remote):
    """A host that answers so, and remembers what it was asked.

    Args:
        result: its answer.
    """

    def __init__(self, result: dict[str, Any]) -> None:
        self.name, self.result = "aipbx.net", result
        self.command, self.stdin = "", b""

    def run(self, command: str, *, seconds: float = 60, stdin: bytes = b"", **_: Any) -> Output:
        assert seconds > 0
        self.command, self.stdin = command, stdin
        return Output(0, json.dumps({"result": self.result}), "")


SERVED = {"served": True, "until": "2027-02-26T10:20:30+00:00"}


@pytest.mark.parametrize(("force", "verb"), [(False, "certificate"), (True, "certificate --force")])
def test_what_is_served_and_until_when_is_one_line(force: bool, verb: str) -> None:
    remote = Recorded(SERVED)
    line = operations.ensure(remote, force=force)
    assert line == "serving the certificate of aipbx.net, until 2027-02-26 10:20 UTC"
    assert remote.command.endswith(f"--json {verb}")


def test_an_nginx_that_is_down_serves_it_later() -> None:
    line = operations.ensure(Recorded({"served": False, "until": ""}))
    assert line == "the certificate of aipbx.net is in place; nginx does not run and reads it when it starts"


def test_the_key_travels_on_standard_input_only() -> None:
    remote = Recorded(SERVED)
    given = made.certificate("aipbx.net", names=made.NAMES, starts=made.NOW - timedelta(days=1), days=3650)
    operations.supply(remote, given.pem, given.key_pem, made.NAMES, given.pem)
    assert remote.stdin == given.pem + given.key_pem + b"# aipbx: authority\n" + given.pem
    assert remote.command.endswith("--json certificate-supply --verify")


def test_a_wrong_certificate_never_reaches_the_host() -> None:
    remote = Recorded(SERVED)
    given = made.certificate("x", names=["x.example"])
    with pytest.raises(OperatorError):
        operations.supply(remote, given.pem, given.key_pem, made.NAMES)
    assert remote.command == ""


def test_status() -> None:
    pem = made.certificate("aipbx.org", names=["aipbx.org"]).pem.decode()
    told = {"source": "letsencrypt", "names": ["aipbx.org", "www.aipbx.org"], "file": "ab", "served": "ab"}
    found = operations.status(Recorded({**told, "chain": pem}))
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
    row = report.row("aipbx.org", Status("letsencrypt", ["aipbx.org"], "", "", ""), made.NOW)
    assert report.cells(row) == ["aipbx.org", "missing: aipbx.org", "", "none yet", "letsencrypt", "NO"]
