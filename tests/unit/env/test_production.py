"""What belongs to production never comes to a staging host, and play payments do not come to production unnoticed."""

from dataclasses import replace
from pathlib import Path

import pytest

from fleet.env import findings, production, report
from fleet.env.dotenv import files
from fleet.env.dotenv.checks import Finding
from fleet.env.dotenv.dotenv_file import read, written
from fleet.env.secret_store import merging, protocol
from fleet.errors import OperatorError
from fleet.inventory import hosts
from fleet.inventory.hosts import Host

THEIRS = {
    "STRIPE_SECRET_KEY": "sk_live_production0123",
    "TELEGRAM_BOT_TOKEN": "1234567890:AAproductionproductionproduction",
    "DB_PASS": "correct-horse-battery",
    "MAIL_HOST": "smtp.example.com",
    "MAIL_USER": "robot@aipbx.net",
    "ARI_URL": "https://pbx.example.com:8089/ari",
    "FRONTEND_URL": "https://aipbx.net",
    "REDIS_URL": "redis://redis:6379",
    "OFFSITE_S3_ACCESS_KEY_ID": "AKIAPRODUCTION",
    "TIMEZONE": "Europe/Amsterdam",
    "DB_NAME": "aipbx_production",
    "NEW_FEATURE": "a-word-of-both",
}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A production host with an env file, and a staging host."""
    (tmp_path / "env").mkdir()
    (tmp_path / "ssh_config").write_text("")
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "ssh_config"))
    known = [Host("try.test", ("staging",), {"staging": True}), Host("aipbx.net", ("production",), {"staging": False})]
    monkeypatch.setattr(hosts, "load", lambda: known)
    files.save(files.paths("aipbx.net")[0], written(THEIRS).encode())
    return tmp_path


def found(**values: str) -> list[Finding]:
    files.save(files.paths("try.test")[0], written(values).encode())
    return production.findings(files.load("try.test"))


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("STRIPE_SECRET_KEY", "sk_live_anotheraccount", "is a live key"),
        ("FRONTEND_STRIPE_KEY", "pk_live_anotheraccount", "is a live key"),
        ("ROBOKASSA_PASSWORD_1", "another-password", "is set without ROBOKASSA_TEST_MODE"),
        ("TELEGRAM_BOT_TOKEN", THEIRS["TELEGRAM_BOT_TOKEN"], "is the same as TELEGRAM_BOT_TOKEN of aipbx.net"),
        ("ALERT_TELEGRAM_BOT_TOKEN", THEIRS["TELEGRAM_BOT_TOKEN"], "is the same as TELEGRAM_BOT_TOKEN of aipbx.net"),
        ("DB_PASS", THEIRS["DB_PASS"], "is the same as DB_PASS of aipbx.net"),
        ("OFFSITE_S3_ACCESS_KEY_ID", "AKIAPRODUCTION", "is the same as OFFSITE_S3_ACCESS_KEY_ID of aipbx.net"),
        ("UNDECLARED", THEIRS["DB_PASS"], "is the same as DB_PASS of aipbx.net"),
        ("MAIL_HOST", "SMTP.example.com", "is aipbx.net's"),
        ("MAIL_USER", "robot@aipbx.net", "is aipbx.net's"),
        ("ARI_URL", "http://pbx.example.com/ari", "is aipbx.net's"),
        ("FRONTEND_URL", "https://aipbx.net/app", "is aipbx.net's"),
    ],
)
def test_what_is_production_s_is_refused_on_staging(fleet: Path, name: str, value: str, why: str) -> None:
    (finding,) = found(**{name: value})
    assert (finding.grave, finding.name, finding.line) == (True, name, 1)
    assert finding.why.startswith(why)
    assert value not in finding.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_SECRET_KEY", "sk_test_anotheraccount"),
        ("MAIL_HOST", "mailtrap.test"),
        ("TIMEZONE", "Europe/Amsterdam"),
        ("DB_NAME", "aipbx_production"),
        ("REDIS_URL", "redis://redis:6379"),
        ("STRIPE_SECRET_KEY", ""),
    ],
)
def test_what_staging_may_have(fleet: Path, name: str, value: str) -> None:
    assert found(**{name: value}) == []


def test_play_payments_may_be_made_on_staging(fleet: Path) -> None:
    values = {"ROBOKASSA_PASSWORD_1": "another-password", "ROBOKASSA_TEST_MODE": "true"}
    assert found(**values) == []


def test_of_a_name_that_no_one_declared_it_is_a_warning(fleet: Path) -> None:
    assert [(one.grave, one.name) for one in found(NEW_FEATURE="a-word-of-both")] == [(False, "NEW_FEATURE")]


def test_a_production_file_that_is_not_here_is_a_warning(fleet: Path) -> None:
    files.paths("aipbx.net")[0].unlink()
    (finding,) = found(DB_PASS=THEIRS["DB_PASS"])
    assert not finding.grave
    assert finding.text.startswith("aipbx.net.env could not be compared: There is no env file for aipbx.net.")


def test_production_s_secrets_in_a_store_are_compared_too(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.save(files.paths("aipbx.net")[0], b"DB_NAME='aipbx'\n")
    file = replace(files.load("aipbx.net"), stored={"DB_PASS": THEIRS["DB_PASS"]})
    monkeypatch.setattr(merging, "of_host", lambda _: file)
    (finding,) = found(DB_PASS=THEIRS["DB_PASS"])
    assert finding.why == "is the same as DB_PASS of aipbx.net"

    def sealed(_: Host) -> None:
        raise protocol.sealed("aipbx.net: a store")

    monkeypatch.setattr(merging, "of_host", sealed)
    (finding,) = found(DB_PASS=THEIRS["DB_PASS"])
    assert not finding.grave
    assert "could not be compared: aipbx.net: a store: the store is sealed." in finding.text


def test_a_push_to_staging_is_refused(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found(DB_PASS=THEIRS["DB_PASS"], NEW_FEATURE="a-word-of-both")
    with pytest.raises(OperatorError) as refused:
        findings.checked(files.load("try.test"))
    assert "DB_PASS is the same as DB_PASS of aipbx.net" in refused.value.why
    report.warnings(files.load("try.test"), "registry")
    assert "warning: line 2: NEW_FEATURE is the same as NEW_FEATURE of aipbx.net" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("STRIPE_SECRET_KEY", "sk_test_abcdefghijklmnop", "is a test key"),
        ("FRONTEND_STRIPE_KEY", "pk_test_abcdefghijklmnop", "is a test key"),
        ("ROBOKASSA_TEST_MODE", "true", "is on"),
    ],
)
def test_play_payments_in_production_are_a_warning(name: str, value: str, why: str) -> None:
    assert [
        (one.grave, one.name, one.why) for one in production.keys(read(f"{name}={value}\n".encode()), staging=False)
    ] == [(False, name, why)]
