"""Which of a server's own source files name Docker's repository; run for real, in a folder instead of /etc/apt."""

import subprocess
from pathlib import Path

from fleet.converge.system.sources import OtherSources

DOCKER = "https://download.docker.com/linux"


def test_only_files_that_name_nothing_else(tmp_path: Path) -> None:
    files = {
        "docker.sources": f"URIs: {DOCKER}/debian\n",
        "docker.list": f"# by hand\ndeb [signed-by=/etc/apt/keyrings/docker.gpg] {DOCKER}/debian trixie stable\n",
        "both.list": f"deb {DOCKER}/debian trixie stable\ndeb http://deb.debian.org/debian trixie main\n",
        "debian.sources": "URIs: http://deb.debian.org/debian\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    command = OtherSources().command(DOCKER, f"{tmp_path}/docker.sources")
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace("/etc/apt/sources.list.d", str(tmp_path))],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    assert done.stdout.split() == [f"{tmp_path}/docker.list"]
