"""Which data may come to a staging host."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fleet.database import import_mysql
from fleet.errors import OperatorError
from fleet.inventory import hosts
from fleet.inventory.hosts import Host
from fleet.restore import clear_data, restore

STAGING: Any = SimpleNamespace(name="try.test", settings=SimpleNamespace(staging=True))
PRODUCTION: Any = SimpleNamespace(name="aipbx.org", settings=SimpleNamespace(staging=False))


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inventory: one production host, two for staging."""
    names = ("aipbx.net", "try.test", "other.test")
    found = [Host(name, (), {"staging": name != "aipbx.net"}) for name in names]
    monkeypatch.setattr(hosts, "load", lambda: found)


@pytest.mark.parametrize(
    ("origin", "why"),
    [
        ("aipbx.net", "It was taken on aipbx.net, which is not staging"),
        ("", "It was taken no one knows where"),
        ("elsewhere.test", "It was taken on elsewhere.test"),
    ],
)
def test_customers_data_do_not_come_to_a_staging_host(origin: str, why: str) -> None:
    clear_data.refuse(PRODUCTION, "set", origin)
    clear_data.refuse(STAGING, "set", origin, scrubbed=True)
    with pytest.raises(OperatorError) as refused:
        clear_data.refuse(STAGING, "set", origin)
    assert refused.value.why.startswith(why)
    assert refused.value.do.startswith("inv staging.refresh --host=try.test")


@pytest.mark.parametrize("origin", ["try.test", "other.test"])
def test_what_was_taken_on_staging_does(origin: str) -> None:
    clear_data.refuse(STAGING, "set", origin)


def test_nor_do_mysql_s(tmp_path: Any) -> None:
    path = tmp_path / "dump.sql"
    path.write_text("-- MySQL dump")
    for source in (str(path), "container:app-mysql-1"):
        with pytest.raises(OperatorError, match="is a staging host"):
            import_mysql.run(STAGING, source, "", "", yes=True)


def test_nor_does_another_host_s_set_that_has_a_copy_off_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "only", lambda _: STAGING)
    monkeypatch.setattr(restore, "hosts_to_change", lambda _: [])
    with pytest.raises(OperatorError, match="is not brought there"):
        restore.restore("aipbx.net/20261123T030000Z", "try.test", "", "", yes=True)
