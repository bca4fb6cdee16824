"""What an operator types by habit works, or is refused with a hint and exit code 2."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tasks
from fleet.command_line import parsing

ROOT = Path(__file__).resolve().parents[3]
INV = str(Path(sys.executable).with_name("inv"))
HOSTS = ["aipbx.net", "aipbx.org", "production", "all"]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("deploy aipbx.org", "deploy --host=aipbx.org"),
        ("deploy --yes aipbx.org aipbx.net --now", "deploy --host=aipbx.org,aipbx.net --yes --now"),
        ("deploy aipbx.org,aipbx.net", "deploy --host=aipbx.org,aipbx.net"),
        ("maintenance on production", "maintenance --host=production on"),
        ("deploy --sha all", "deploy --sha all"),
        ("deploy aipbx.og", "deploy aipbx.og"),
        ("exec backend aipbx.org -- ping aipbx.net", "exec --host=aipbx.org backend -- ping aipbx.net"),
        ("restart backend nginx aipbx.org", "restart --host=aipbx.org --services=backend,nginx"),
        ("runbook disk --language=en", "runbook --page=disk --language=en"),
        ("deply aipbx.org", "deply aipbx.org"),
    ],
)
def test_a_host_may_stand_alone(typed: str, read: str) -> None:
    assert parsing.with_hosts(typed.split(), tasks.namespace, lambda: HOSTS) == read.split()


def test_a_query_may_stand_alone() -> None:
    typed = ["db", "aipbx.org", "select 1"]
    assert parsing.with_hosts(typed, tasks.namespace, lambda: HOSTS) == ["db", "--host=aipbx.org", "--command=select 1"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("depoy", "Did you mean 'deploy'?"),
        ("deploy aipbx.og", "Did you mean 'aipbx.org'?"),
        ("deploy --hots=aipbx.org", "Did you mean '--host'?"),
        ("deploy --host", "--host needs a value"),
        ("deploy aipbx.org --yes --sha", "--sha needs a value"),
        ("deploy aipbx.org --allow-destructive --yes", "--allow-destructive needs a value"),
        ("deploy aipbx.org --host=aipbx.net", "the host is named twice"),
        ("deploy --drain-timeout=soon", "'soon' is not one."),
        ("maintenance", "It needs STATE (on or off)."),
        ("lock aipbx.org --dry", "This verb has no dry run: lock."),
        ("deploy aipbx.org -y", "Did you mean --yes?"),
    ],
)
def test_a_mistake_gets_a_hint(typed: str, said: str) -> None:
    done = subprocess.run([INV, *typed.split()], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "typed", ["maintenance -h", "help maintenance", "logs --help", "--help logs", "exec backend -h", "stop -h"]
)
def test_help_is_shown_wherever_it_is_asked_for(typed: str) -> None:
    done = subprocess.run([INV, *typed.split()], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert re.match(
        r"inv (maintenance STATE|logs SERVICES|exec SERVICE|stop \[SERVICES\]) \[HOST\] \[options\]\n", done.stdout
    )
    assert "--host" in done.stdout


@pytest.mark.parametrize("typed", ["", "help", "--list"])
def test_inv_alone_lists_the_verbs(typed: str) -> None:
    done = subprocess.run([INV, *typed.split()], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "  deploy  " in done.stdout) == (0, True)
