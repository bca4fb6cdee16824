"""Which host keeps whose copies, and under which account."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet import templates
from fleet.errors import OperatorError
from fleet.inventory import hosts, stores
from fleet.inventory.hosts import Host
from fleet.inventory.settings import of_host
from fleet.ssh import transport

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
DOMAIN = st.lists(LABEL, min_size=1, max_size=4).map(".".join)


@given(DOMAIN, DOMAIN)
def test_no_two_hosts_share_an_account(one: str, other: str) -> None:
    assert (stores.account(one) == stores.account(other)) is (one == other)
    assert len(stores.account(one)) <= 32


def test_an_account_reads_as_its_host() -> None:
    assert stores.account("aipbx.net") == "aipbxoffsite-aipbx-net"


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> dict[str, Host]:
    found = {host.name: Host(host.name, host.groups, dict(host.data)) for host in hosts.load()}
    monkeypatch.setattr(hosts, "load", lambda: list(found.values()))
    return found


def declare(fleet: dict[str, Host], host: str, /, **offsite: Any) -> None:
    fleet[host].data["offsite"] = offsite


def test_the_inventory_says_who_keeps_whose_copies(fleet: dict[str, Host]) -> None:
    declare(fleet, "aipbx.net", kind="sftp", host="aipbx.ru")
    declare(fleet, "aipbx.org", kind="sftp", host="aipbx.ru")
    declare(fleet, "aipbx.ru", kind="s3", endpoint="https://s3.test", bucket="copies", region="r")
    assert [host.name for host in stores.origins("aipbx.ru")] == ["aipbx.net", "aipbx.org"]
    assert stores.origins("aipbx.net") == []
    for name in fleet:
        stores.check(name)


@pytest.mark.parametrize(
    ("offsite", "said"),
    [
        ({"host": "aipbx.net"}, "That is the host itself"),
        ({"host": "aipbx.com"}, "The inventory has no such host"),
        ({"host": "aipbx.org"}, "behind Cloudflare"),
    ],
)
def test_a_peer_that_cannot_be_is_refused(fleet: dict[str, Host], offsite: dict[str, str], said: str) -> None:
    declare(fleet, "aipbx.net", kind="sftp", **offsite)
    with pytest.raises(OperatorError) as refused:
        stores.check("aipbx.net")
    assert said in refused.value.why


def test_a_peer_behind_cloudflare_is_reached_by_its_address(fleet: dict[str, Host]) -> None:
    declare(fleet, "aipbx.net", kind="sftp", host="aipbx.org", address="203.0.113.20")
    stores.check("aipbx.net")
    settings = of_host("aipbx.net", fleet["aipbx.net"].data | {"backup_recipients": [f"age1{'q' * 58}"]})
    assert stores.agent_settings("aipbx.net", settings.offsite) == {
        "kind": "sftp",
        "host": "aipbx.org",
        "address": "203.0.113.20",
        "account": "aipbxoffsite-aipbx-net",
    }
    assert stores.agent_settings("aipbx.net", None) == {}


def test_a_host_outside_the_inventory_has_no_peer(fleet: dict[str, Host]) -> None:
    stores.check("elsewhere.test")


def test_what_an_origin_may_ask_of_sftp_can_undo_nothing() -> None:
    assert not set(stores.REQUESTS) & {
        "remove", "rmdir", "mkdir", "setstat", "fsetstat", "lsetstat", "posix-rename", "hardlink", "symlink",
        "copy-data",
    }  # fmt: skip


def test_sshd_shuts_an_origin_up() -> None:
    confined = {stores.account("aipbx.net"): stores.confined("/app/aipbx", "aipbx.net")}
    settings = of_host("aipbx.org", {host.name: host for host in hosts.load()}["aipbx.org"].data)
    text = templates.render("sshd.conf.j2", settings=settings, key_exchanges=["a"], confined=confined)
    assert "AllowUsers deploy aipbxoffsite-aipbx-net\nPermitRootLogin no\n" in text
    assert text.endswith("    maxsessions 1\n")
    _, _, block = text.partition("Match User aipbxoffsite-aipbx-net\n")
    assert "    chrootdirectory /app/aipbx/offsite/aipbx.net\n" in block
    assert "    forcecommand internal-sftp -d / -u 0277 -l INFO -p open," in block
    alone = templates.render("sshd.conf.j2", settings=settings, key_exchanges=["a"], confined={})
    assert "AllowUsers deploy\nPermitRootLogin no\n" in alone
    assert "Match" not in alone


def test_a_converged_host_is_known_by_what_its_sshd_offers() -> None:
    settings = of_host("aipbx.org", {host.name: host for host in hosts.load()}["aipbx.org"].data)
    text = templates.render("sshd.conf.j2", settings=settings, key_exchanges=["a"], confined={})
    offers = dict(line.split(None, 1) for line in text.splitlines() if line.startswith(("Ciphers ", "MACs ")))
    assert set(offers["Ciphers"].split(",")) == transport.CIPHERS
    assert set(offers["MACs"].split(",")) == transport.MACS
    assert [line for line in text.splitlines() if line.startswith("HostKey ")] == [
        "HostKey /etc/ssh/ssh_host_ed25519_key"
    ]
    assert {"ssh-ed25519"} == transport.HOST_KEYS


@pytest.mark.parametrize(
    "offsite",
    [
        {"kind": "sftp", "host": "aipbx.ru"},
        {"kind": "s3", "endpoint": "https://s3.test", "bucket": "copies", "region": "other"},
    ],
)
def test_staging_and_production_share_no_store(fleet: dict[str, Host], offsite: dict[str, str]) -> None:
    declare(fleet, "aipbx.ru", kind="s3", endpoint="https://s3.test", bucket="copies", region="r")
    declare(fleet, "aipbx.net", **offsite)
    stores.check("aipbx.net")
    fleet["aipbx.net"].data["staging"] = True
    with pytest.raises(OperatorError, match=r"in the same place as those of aipbx\.ru") as refused:
        stores.check("aipbx.net")
    assert refused.value.why.startswith("aipbx.net is staging, aipbx.ru is production")
