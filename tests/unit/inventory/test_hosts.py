"""The inventory as the tasks read it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.checkout import ROOT
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings


def test_reads_the_inventory_as_pyinfra_does() -> None:
    """The contract: what pyinfra applies to a host is what the tasks see."""
    shown = subprocess.run(
        [Path(sys.executable).parent / "pyinfra", "inventory.py", "debug-inventory", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    theirs = {entry["name"]: entry["data"] for entry in json.loads(shown.stdout)}
    assert theirs == {host.name: host.data for host in hosts.load()}


def fleet_in(folder: Path) -> list[hosts.Host]:
    (folder / "group_data").mkdir()
    (folder / "inventory.py").write_text(
        "a = [('one', {'port': 1}), 'two']\nb = ['two', ('three', {'colour': 'red'})]\n_not_a_group = ['x']\nsize = 3\n"
    )
    (folder / "group_data" / "all.py").write_text("import os\nport = 9\ncolour = 'blue'\nkeep = True\n")
    (folder / "group_data" / "a.py").write_text("colour = 'green'\n")
    (folder / "group_data" / "b.py").write_text("colour = 'black'\n")
    return hosts.load(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = [('one', {'port': 1})\n", "SyntaxError: '[' was never closed"),
        ("import nosuch\n", "ModuleNotFoundError: No module named 'nosuch'"),
        ("a = []\n", "inventory.py names no host."),
    ],
)
def test_a_slip_in_the_inventory_is_reported_in_three_lines(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "inventory.py").write_text(text)
    with pytest.raises(OperatorError) as error:
        hosts.load(tmp_path)
    assert said in str(error.value)


def test_host_data_win_over_the_later_group_over_all(tmp_path: Path) -> None:
    data = {host.name: host.data for host in fleet_in(tmp_path)}
    assert data == {
        "one": {"port": 1, "colour": "green", "keep": True},
        "two": {"port": 9, "colour": "black", "keep": True},
        "three": {"port": 9, "colour": "red", "keep": True},
    }


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("one", ["one"]),
        ("b", ["two", "three"]),
        ("all", ["one", "two", "three"]),
        ("three, one", ["three", "one"]),
        ("one,a", ["one", "two"]),
    ],
)
def test_selects(tmp_path: Path, pattern: str, names: list[str]) -> None:
    assert [host.name for host in hosts.select(pattern, fleet_in(tmp_path))] == names


def test_an_unknown_host_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as refused:
        hosts.select("one,thre", fleet_in(tmp_path))
    assert refused.value.what == "No host and no group is called 'thre'."
    assert refused.value.do == "Did you mean 'three'?"


@pytest.mark.parametrize("pattern", ["", "one,", ","])
def test_an_empty_name_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(OperatorError):
        hosts.select(pattern, fleet_in(tmp_path))


def with_staging() -> list[hosts.Host]:
    """A staging host stands first, two of production behind it."""
    known = [("try.test", True), ("one.test", False), ("two.test", False)]
    return [hosts.Host(name, ("staging" if tries else "production",), {"staging": tries}) for name, tries in known]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("all", ["one.test", "two.test"]),
        ("production", ["one.test", "two.test"]),
        ("staging", ["try.test"]),
        ("try.test", ["try.test"]),
        ("all,staging", ["one.test", "two.test", "try.test"]),
    ],
)
def test_staging_is_meant_only_where_it_is_named(pattern: str, names: list[str]) -> None:
    assert [host.name for host in hosts.select(pattern, with_staging())] == names


def test_the_default_host_is_never_staging() -> None:
    assert hosts.default(with_staging()).name == "one.test"
    with pytest.raises(OperatorError, match="no production host") as refused:
        hosts.default(with_staging()[:1])
    assert "try.test" in refused.value.do


def test_the_group_staging_is_staging(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "group_data", tmp_path / "group_data")
    (tmp_path / "inventory.py").write_text(
        "production = ['one.test']\nstaging = [('try.test', {'role': 'staging', 'web_from': ['198.51.100.7']})]\n"
    )
    assert {host.name: host.staging for host in hosts.load(tmp_path)} == {"one.test": False, "try.test": True}
    assert settings.of_host("try.test", hosts.load(tmp_path)[1].data).staging
