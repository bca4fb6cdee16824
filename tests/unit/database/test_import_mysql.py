"""What an operator may name as the source of an import."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.database.import_mysql import brought
from fleet.errors import OperatorError


def test_a_file_or_a_container(tmp_path: Path) -> None:
    path = tmp_path / "aipbx_20261122_030000.sql.gz"
    path.write_bytes(b"x")
    given = brought(str(path))
    assert given is not None
    assert (given.path, given.volumes) == (path, False)
    assert brought("container:app-mysql-1") is None


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("", "neither a file here nor container:NAME"),
        ("nothing.sql", "neither a file here nor container:NAME"),
        ("container:", "not a valid container name"),
        ("container:x;reboot", "not a valid container name"),
        ("container:--help", "not a valid container name"),
    ],
)
def test_what_is_neither(source: str, why: str) -> None:
    with pytest.raises(OperatorError, match=why):
        brought(source)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(OperatorError, match="is empty"):
        brought(str(tmp_path / "empty"))
