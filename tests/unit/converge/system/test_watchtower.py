"""Which containers are a Watchtower: the fact's command, run with a stand-in for `docker ps`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from fleet.converge.system.watchtower import Watchtowers

LISTED = """\
nginx\tnginx:1.30-alpine
one\tcontainrrr/watchtower:1.7.1
two\tghcr.io/nicholas-fedor/watchtower@sha256:abc
three\twatchtower
four\tregistry:5000/watchtower
watchtower\tteam/other:1
figures\tteam/watchtower-exporter:1
"""


def names(path: str) -> list[str]:
    done = subprocess.run(
        ["/bin/sh", "-c", Watchtowers().command()], capture_output=True, text=True, check=True, env={"PATH": path}
    )
    return done.stdout.split()


def test_by_the_name_of_the_image(tmp_path: Path) -> None:
    (tmp_path / "listed").write_text(LISTED)
    (tmp_path / "docker").write_text(f"#!/bin/sh\ncat {tmp_path}/listed\n")
    (tmp_path / "docker").chmod(0o755)
    assert names(f"{tmp_path}:{os.environ['PATH']}") == ["one", "two", "three", "four"]


def test_none_without_docker(tmp_path: Path) -> None:
    assert names(str(tmp_path)) == []
