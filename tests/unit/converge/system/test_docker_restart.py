"""A restart of the daemon: its containers stay, no one who connects is refused, and no rule stays behind."""

import os
import subprocess
from pathlib import Path

import pytest

from fleet.converge.system.docker import containers_survive, unnoticed

# Keeps rules as lines of a file, as the kernel does.
TABLES = """#!/bin/sh
shift
action=$1; shift
case $action in
-I) echo "$0 $*" >>"$RULES" ;;
-D) grep -qxF "$0 $*" "$RULES" && sed -i '0,/./{//d}' "$RULES" ;;
esac
"""
# A daemon that takes up live-restore when it is told to reload, unless it is STUBBORN.
DAEMON = """#!/bin/sh
case "$(basename "$0") $*" in
"systemctl --quiet is-active"*) [ -e active ] ;;
"systemctl reload"*) [ -n "$STUBBORN" ] || touch live ;;
"docker info"*) if [ -e live ]; then echo true; else echo false; fi ;;
esac
"""


def run(folder: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    for name, text in {"iptables": TABLES, "ip6tables": TABLES, "systemctl": DAEMON, "docker": DAEMON}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "rules").touch()
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "RULES": str(folder / "rules"), **variables}
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(("end", "code"), [("true", 0), ("exit 3", 3), ("kill -TERM $$", 1)])
def test_connections_wait_while_it_restarts_and_no_rule_stays(tmp_path: Path, end: str, code: int) -> None:
    done = run(tmp_path, unnoticed(f"cp rules during; {end}", [80, 443]))
    assert done.returncode == code
    during = (tmp_path / "during").read_text().splitlines()
    assert [Path(line.split()[0]).name for line in during] == ["ip6tables", "iptables"][::-1]
    assert all("--syn -m multiport --dports 80,443" in line and line.endswith("-j DROP") for line in during)
    assert (tmp_path / "rules").read_text() == ""


def test_a_daemon_that_does_not_run_needs_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, containers_survive(), STUBBORN="").returncode == 0
    assert not (tmp_path / "live").exists()


def test_a_daemon_that_takes_containers_along_learns_not_to(tmp_path: Path) -> None:
    (tmp_path / "active").touch()
    assert run(tmp_path, containers_survive(), STUBBORN="").returncode == 0
    assert (tmp_path / "live").exists()


def test_one_that_does_not_learn_is_not_restarted(tmp_path: Path) -> None:
    (tmp_path / "active").touch()
    done = run(tmp_path, containers_survive().replace("timeout 30", "timeout 1"), STUBBORN="yes")
    assert done.returncode == 1
    assert "so it is not restarted" in done.stderr
    assert "journalctl -u docker" in done.stderr
