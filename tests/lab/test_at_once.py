"""Story: two runs change one host at once. One wins; the other works too, or is refused before it touched anything."""

from __future__ import annotations

import pytest

from lab.machines.host import Host
from tests.lab import rows
from tests.lab.intact import LIVE, deploy, other, well
from tests.lab.inv_run import Inv

PAIRS = (
    "backup and backup",
    "backup and rollback",
    "deploy and restore",
    "restore and deploy",
    "bootstrap and deploy",
    "backup and restore",
    "deploy and rotation",
)
SHOWN = "backup and backup"


def taken_back(inv: Inv, server: Host, name: str) -> None:
    """Undo the restore of a set: what was live before is live again, with every row that was acknowledged."""
    assert rows.lost(server, LIVE, f"{LIVE}_before_{name}") == set()
    inv("restore", "--undo", f"--host={server.name}", "--yes").succeeded()
    assert rows.lost(server, LIVE, f"{LIVE}_after_{name}") == set()
    inv("restore", "--discard", f"--host={server.name}", "--yes").succeeded()
    rows.forget(server)


@pytest.mark.parametrize(
    "both", [pytest.param(pair, marks=[] if pair == SHOWN else pytest.mark.test_all) for pair in PAIRS]
)
def test_two_runs_at_once(writing: Inv, server: Host, both: str) -> None:
    writing("backup", f"--host={server.name}").succeeded()
    newest = server.run("ls /app/aipbx/backups/sets | tail -n 1").stdout.strip()
    words = {
        "backup": ["backup", f"--host={server.name}"],
        "rollback": ["rollback", f"--host={server.name}", "--yes"],
        "deploy": deploy(server, other(server)),
        "restore": ["restore", newest, f"--host={server.name}", "--yes"],
        "rotation": ["db.rotate-password", f"--host={server.name}", "--yes"],
    }
    names = both.split(" and ")
    begun = [writing.bootstrap.started("-y") if one == "bootstrap" else writing.started(*words[one]) for one in names]
    said = [run.communicate(timeout=400)[0] for run in begun]
    codes = [run.returncode for run in begun]
    # The other one works too, or is refused before it has touched anything.
    assert 0 in codes, said
    assert set(codes) <= {0, 2}, said
    assert "Traceback" not in "".join(said), said
    if ("restore", 0) in zip(names, codes, strict=True):
        taken_back(writing, server, newest)
    well(server)
