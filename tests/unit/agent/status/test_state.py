"""How a host is, as its agent tells it: from its own files, with stand-ins for Docker and the kernel."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.contract import CERTIFICATE, ROTATION_MARK
from aipbx_agent.core import files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.release import releases
from aipbx_agent.status import database, preflight, state
from fleet.state import survey
from fleet.state.survey import Survey
from tests.unit.shell import stub
from tests.unit.tls import made

ENTRY = releases.Entry(
    "2026-11-23T10:00:00Z", "anna@desk", "deploy", "ok", 41, None, releases.Release("a" * 40, "b" * 40), {}, "Ünïcode"
)
SERVED = made.certificate("h", names=["h"])
KEPT = {"looks": {}, "replaced": {"at": "x", "database": "y", "folders": [], "label": "l", "what": "restore of a b"}}


def container(identity: str, service: str, **of_state: Any) -> dict[str, Any]:
    config = {"Image": f"{service}:1", "Labels": {"com.docker.compose.service": service}}
    status = {"Status": "running", "StartedAt": "2026-11-23T10:00:30.5Z"} | of_state
    return {"Id": identity, "Config": config, "RestartCount": 3, "State": status}


CONTAINERS = [
    container("1", "backend-green", Health={"Status": "healthy"}),
    container("2", "nginx", Status="exited"),
    container("0", "nginx"),
]


@pytest.fixture
def bin_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    stub(folder, "docker", f'case "$1" in ps) printf "2\\n1\\n0\\n";; inspect) cat {folder}/told;; *) exit 1;; esac')
    (folder / "told").write_text(json.dumps(CONTAINERS))
    stub(
        folder, "conntrack", 'case "$*" in *3032) echo udp a; echo udp b;; *3034) echo udp c;; esac; echo n shown. >&2'
    )
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def config(app: Path) -> Config:
    return Config({"app_dir": str(app), "compose_project": "aipbx", "rtp_ports": [3032, 3034], "host": "h"}, {}, {})


def taken(app: Path) -> Survey:
    return survey.parse(json.loads(json.dumps(state.collect(config(app)))))


@pytest.fixture
def app(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    for name, text in {
        "compose.yml": "",
        "nginx/active/backend-green": "",
        "environment.json": "{}",
        "images.env": f"\n# by hand\nBACKEND_IMAGE=r:5000/b:{'a' * 40}\nFRONTEND_IMAGE=r:5000/f:{'b' * 40}\n",
        "releases.jsonl": ENTRY.line() + '{"time": "20',
        "lock/owner": "anna@desk, deploy, since 2026-11-23 10:00:00 UTC\n",
        "maintenance/on": "",
        CERTIFICATE: SERVED.pem.decode(),
        "backups/sets/20260920T030000Z/manifest.json": "{}",
        "backups/sets/20260920T030000Z/verified.json": '{"ok": true}',
        "backups/sets/20260920T030000Z/offsite.json": "{}",
        "backups/sets/20260921T030000Z/manifest.json": "{}",
        "backups/sets/20260921T030000Z/verified.json": '{"ok": false}',
        "backups/sets/.aside-backup/manifest.json": "{}",
        "backups/sets/20260922T030000Z/database.dump": "",
        "backups/backup-state.json": '{"ok": false, "running": false}',
        "backups/kept.json": json.dumps(KEPT),
    }.items():
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text(text)
    return app


@pytest.mark.usefixtures("bin_")
def test_a_host_in_use(app: Path) -> None:
    found = taken(app)
    assert found.files == {"compose.yml", "environment.json", "images.env"}
    assert found.images == {"backend": f"r:5000/b:{'a' * 40}", "frontend": f"r:5000/f:{'b' * 40}"}
    assert (found.running, found.entries, found.current) == (ENTRY.after, [ENTRY], ENTRY)
    assert found.lock == "anna@desk, deploy, since 2026-11-23 10:00:00 UTC"
    assert (found.lock_seconds >= 0, found.lock_standing) == (True, "by hand")
    assert found.maintenance
    assert found.disk_free_mib > 0
    assert 0 < found.disk_percent <= 100
    assert found.memory_mib >= found.memory_free_mib > 0
    assert (found.processors > 0, found.load >= 0) == (True, True)
    assert found.certificate_until == SERVED.certificate.not_valid_after_utc
    assert found.backup == datetime.fromisoformat("2026-09-21T03:00:00+00:00")
    assert found.verified == found.offsite == datetime.fromisoformat("2026-09-20T03:00:00+00:00")
    assert found.backup_failed
    assert (found.kept, found.unfinished, found.rotation, found.migrations) == ("restore of a b", "", "", "")
    files.write_json(app / "backups" / "swap.json", {"what": "restore of a b.tar", "phase": "begun"})
    assert taken(app).unfinished == "restore of a b.tar"
    assert found.calls == 3
    assert found.colours == {"backend": "backend-green", "frontend": "frontend"}
    assert {name: str(each) for name, each in found.containers.items()} == {"backend": "healthy", "nginx": "exited"}


def test_a_converged_host_without_anything_yet(tmp_path: Path, bin_: Path) -> None:
    for name in ("docker", "conntrack", "openssl"):
        stub(bin_, name, "exit 1")
    found = taken(tmp_path / "app")
    assert (found.converged, found.running, found.lock, found.maintenance) == (False, None, "", False)
    assert (found.certificate_until, found.backup, found.calls, found.containers) == (None, None, None, {})
    assert found.disk_free_mib > 0


def test_no_call_is_not_the_same_as_cannot_be_counted(app: Path, bin_: Path) -> None:
    stub(bin_, "conntrack", "true")
    assert taken(app).calls == 0
    stub(bin_, "conntrack", "exit 1")
    assert taken(app).calls is None


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        (f'host "a" "b" 10.0.0.7/32 trust {ROTATION_MARK}\n', "open"),
        (f"{ROTATION_MARK}\nlocal all all peer\n", "closed"),
        ("local all all peer\n", ""),
    ],
)
def test_a_rotation_that_was_cut_off_is_seen_where_no_server_runs(
    rules: str, left: str, tmp_path: Path, bin_: Path
) -> None:
    (tmp_path / "pg_hba.conf").write_text(rules)
    stub(bin_, "docker", f'case "$1" in ps) echo 1;; inspect) echo {tmp_path};; esac')
    assert database.rotation(config(tmp_path)) == left


def test_variables_that_cannot_be_read_are_their_error(app: Path) -> None:
    met = preflight.collect(config(app), {}, Refused("It cannot be read.", "damaged", "inv env.push"))
    assert met == {
        "variables": {"error": {"what": "It cannot be read.", "why": "damaged", "do": "inv env.push", "code": 2}}
    }
