"""The survey as a host's shell runs it: what it prints, fleet/state/survey.py understands."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aipbx_agent.core import files
from fleet.commands import survey as commands
from fleet.state import releases, survey
from fleet.state.survey import Survey
from tests.unit.shell import sh, stub

ENTRY = releases.Entry(
    "2026-11-23T10:00:00Z", "anna@desk", "deploy", "ok", 41, None, releases.Release("a" * 40, "b" * 40), {}, "Ünïcode"
)
STATE = "ghcr.io/krasterisk/aipbx_backend:abc|running|0|healthy|2026-11-23T10:00:30.5Z"


# As aipbx_agent.backup.sets.write_json has it.
KEPT = json.dumps(
    {"looks": {}, "replaced": {"at": "x", "database": "y", "folders": [], "what": "restore of a b.tar"}}, indent=1
)


def taken(app: Path, stubs: Path) -> Survey:
    done = sh(commands.survey(str(app), "aipbx", [3032, 3034]), stubs)
    assert (done.returncode, done.stderr) == (0, "")
    return survey.parse(done.stdout)


def app_in(folder: Path) -> Path:
    app = folder / "app"
    for name, text in {
        "compose.yml": "",
        "environment.json": "{}",
        "images.env": f"BACKEND_IMAGE=r:5000/b:{'a' * 40}\nFRONTEND_IMAGE=r:5000/f:{'b' * 40}\n",
        "releases.jsonl": ENTRY.line() + '{"time": "20',
        "lock/owner": "anna@desk, deploy, since 2026-11-23 10:00:00 UTC\n",
        "maintenance/on": "",
        "backups/sets/20260920T030000Z/manifest.json": "{}",
        "backups/sets/20260920T030000Z/verified.json": '{\n "at": "x",\n "ok": true\n}\n',
        "backups/sets/20260920T030000Z/offsite.json": "{}",
        "backups/sets/20260921T030000Z/manifest.json": "{}",
        "backups/sets/20260921T030000Z/verified.json": '{\n "ok": false\n}\n',
        "backups/sets/.aside-backup/manifest.json": "{}",
        "backups/sets/20260922T030000Z/database.dump": "",
        "backups/backup-state.json": '{\n "ok": false,\n "running": false\n}\n',
        "backups/kept.json": KEPT,
        "tls/current/fullchain.pem": "",
    }.items():
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text(text)
    return app


def programs(folder: Path) -> Path:
    bin_ = stub(folder / "bin", "df", "echo head; echo '/dev/sda1 40000 30000 9000 77% /'")
    stub(bin_, "nproc", "echo 4")
    stub(bin_, "openssl", "echo 'notAfter=Jan  5 09:30:00 2027 GMT'")
    stub(bin_, "conntrack", 'case "$*" in *3032) echo udp a; echo udp b;; *3034) echo udp c;; esac; echo n shown. >&2')
    return stub(
        bin_,
        "docker",
        'case "$*" in *psql*) cat >"$0.sql"; echo 2; exit;; esac; '
        f'case "$*" in ps*=backend-green\\ *) echo 1;; ps*=nginx\\ *) echo 2;; *\\ 1) echo "{STATE}";; '
        '*\\ 2) echo "nginx:1.30-alpine|exited|3||2026-11-23T09:00:00Z";; esac',
    )


def test_a_host_in_use(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    (app / "nginx" / "active").mkdir(parents=True)
    (app / "nginx" / "active" / "backend-green").touch()
    found = taken(app, programs(tmp_path))
    assert found.files == {"compose.yml", "environment.json", "images.env"}
    assert found.images == {"backend": f"r:5000/b:{'a' * 40}", "frontend": f"r:5000/f:{'b' * 40}"}
    assert found.running == ENTRY.after
    assert found.entries == [ENTRY]
    assert found.current == ENTRY
    assert found.lock == "anna@desk, deploy, since 2026-11-23 10:00:00 UTC"
    assert (found.lock_seconds >= 0, found.lock_standing) == (True, "")
    (app / "lock" / "connection").write_text(f"{2**22} 17\n")
    assert taken(app, tmp_path / "bin").lock_standing == "ended"
    assert found.maintenance
    assert (found.disk_free_mib, found.disk_percent) == (9000, 77)
    assert found.memory_mib >= found.memory_free_mib > 0
    assert (found.processors, found.load >= 0) == (4, True)
    assert found.certificate_until == datetime(2027, 1, 5, 9, 30, tzinfo=UTC)
    assert found.backup == datetime(2026, 9, 21, 3, tzinfo=UTC)
    assert found.verified == datetime(2026, 9, 20, 3, tzinfo=UTC)
    assert found.offsite == datetime(2026, 9, 20, 3, tzinfo=UTC)
    assert found.backup_failed
    assert found.kept == "restore of a b.tar"
    assert found.unfinished == ""
    files.write_json(app / "backups" / "swap.json", {"what": "restore of a b.tar", "phase": "begun"})
    assert taken(app, tmp_path / "bin").unfinished == "restore of a b.tar"
    assert found.calls == 3
    assert found.migrations == "2"
    assert (tmp_path / "bin" / "docker.sql").read_text().startswith(f"\\set release {'a' * 40}\n\\set QUIET on\n")
    assert set(found.containers) == {"backend", "nginx"}
    assert found.colours == {"backend": "backend-green", "frontend": "frontend"}
    assert found.containers["backend"].good
    assert str(found.containers["nginx"]) == "exited"
    assert found.containers["nginx"].restarts == 3


def test_a_fresh_host_says_nothing_and_that_is_no_error(tmp_path: Path) -> None:
    found = taken(tmp_path / "missing", tmp_path)
    assert not found.converged
    assert found == survey.parse("")


def test_a_converged_host_without_anything_yet(tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "compose.yml").touch()
    bin_ = stub(tmp_path / "bin", "docker", "exit 1")
    stub(bin_, "conntrack", "exit 1")
    found = taken(app, bin_)
    assert found.converged
    assert (found.running, found.lock, found.maintenance, found.containers) == (None, "", False, {})
    assert (found.certificate_until, found.backup, found.calls) == (None, None, None)
    assert found.disk_free_mib > 0


def test_no_call_is_not_the_same_as_cannot_be_counted(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    bin_ = programs(tmp_path)
    assert taken(app, stub(bin_, "conntrack", "true")).calls == 0
    assert taken(app, stub(bin_, "conntrack", "exit 1")).calls is None


@pytest.mark.parametrize("owner", [None, ""])
def test_a_lock_without_an_owner_is_a_lock(owner: str | None, tmp_path: Path) -> None:
    app = app_in(tmp_path)
    shutil.rmtree(app / "lock")
    (app / "lock").mkdir()
    if owner is not None:
        (app / "lock" / "owner").write_text(owner)
    assert taken(app, programs(tmp_path)).lock == "unknown"
