"""The programs that reach a store: their words, and what they say when they fail."""

import pytest

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.stores import base, configured, s3, sftp

DECLARED = {"kind": "s3", "endpoint": "https://s3.test", "bucket": "copies", "region": "r-1"}
KEYS = {"OFFSITE_S3_ACCESS_KEY_ID": "id", "OFFSITE_S3_SECRET_ACCESS_KEY": "hush"}


def test_ssh_gets_every_option_and_reads_no_configuration() -> None:
    words = sftp.command("aipbx.org", "203.0.113.20", "aipbxoffsite-aipbx-net")
    assert words[:6] == ["ssh", "-F", "none", "-T", "-i", "/etc/aipbx/offsite/id_ed25519"]
    assert words[-5:] == ["-l", "aipbxoffsite-aipbx-net", "-s", "203.0.113.20", "sftp"]
    options = dict(word.split("=", 1) for word in words if "=" in word)
    assert options["HostKeyAlias"] == "aipbx.org"
    assert options["StrictHostKeyChecking"] == "yes"
    assert options["UserKnownHostsFile"] == "/etc/aipbx/offsite/known_hosts"
    assert options["KexAlgorithms"].startswith("sntrup761")


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Host key verification failed.", "does not show the host key"),
        ("No ED25519 host key is known for aipbx.org and you have requested strict checking.", "host key"),
        ("x@y: Permission denied (publickey).", "rejects this host's key"),
        ("Timeout, server aipbx.org not responding.", "ended before the copy was there"),
    ],
)
def test_ssh_words_become_what_to_do(said: str, what: str) -> None:
    problem = sftp.lost("aipbx.net", "aipbx.org", said)
    assert what in problem.what
    assert said in problem.why


def test_rclone_gets_its_secrets_by_environment_only() -> None:
    environment = s3.environment(DECLARED, KEYS)
    assert [name for name, value in environment.items() if value == "hush"] == ["RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY"]
    assert environment["RCLONE_CONFIG_STORE_ENDPOINT"] == "https://s3.test"
    assert environment["RCLONE_CONFIG"] == "/dev/null"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "2026/11/23 21:44:26 ERROR : : error listing: SignatureDoesNotMatch: … / 2026/11/23 21:44:26 Failed to "
            "lsjson with 2 errors: last error was: error in ListJSON: SignatureDoesNotMatch: check. / code 403",
            "SignatureDoesNotMatch: check. / code 403",
        ),
        ("2026/11/23 21:44:26 Failed to rcat: no such host", "no such host"),
        ("something else", "something else"),
    ],
)
def test_rclone_words_without_what_surrounds_them(said: str, told: str) -> None:
    assert s3.essence(said) == told


@pytest.mark.parametrize("name", list(KEYS))
def test_a_bucket_without_its_key_is_refused(name: str) -> None:
    config = Config({"host": "aipbx.org", "offsite": DECLARED}, {}, {**KEYS, name: ""})
    with pytest.raises(Refused, match=name):
        configured.of(config)


@pytest.mark.parametrize(
    ("declared", "where"),
    [({}, ""), (DECLARED, "s3://copies@s3.test"), ({"kind": "sftp", "host": "aipbx.net"}, "sftp://aipbx.net")],
)
def test_a_store_has_one_name(declared: dict[str, str], where: str) -> None:
    assert configured.where(Config({"offsite": declared}, {}, {})) == where


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("sets/20261123T030000Z.tar.age", True),
        ("wal/000000010000000000000007.age", True),
        ("sets/../../etc/shadow", False),
        ("sets/.part-x", False),
        ("etc/shadow", False),
        ("/etc/shadow", False),
        ("sets/a b", False),
        ("sets/", False),
    ],
)
def test_names_lead_nowhere_else(name: str, fits: bool) -> None:
    assert bool(base.NAME.fullmatch(name)) is fits
