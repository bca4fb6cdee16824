"""What `inv config` shows of a host."""

from __future__ import annotations

import json

import pytest

from fleet.inventory import show
from fleet.inventory.hosts import Host, load


def test_what_a_host_has_of_its_own_comes_first() -> None:
    known = load()[0]
    host = Host(known.name, known.groups, known.data | {"settle_seconds": 77})
    lines = show.lines(host, {"settle_seconds": 77, "ready_seconds": known.data["ready_seconds"]})
    assert lines == [
        f"{known.name} ({', '.join(known.groups)}), its own:",
        "  settle_seconds = 77",
        f"{known.name}, as group_data/all.py says:",
        f"  ready_seconds = {known.data['ready_seconds']}",
    ]


def test_json_has_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    hosts = load()
    show.show(hosts, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {host.name for host in hosts}
    assert told[hosts[0].name]["app_dir"] == hosts[0].data["app_dir"]
