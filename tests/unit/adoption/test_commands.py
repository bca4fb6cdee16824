"""Commands that must never be wrong by a word, run for real with a stand-in for docker where they decide something."""

import os
import subprocess
from pathlib import Path

from fleet.commands import adoption

DOCKER = """#!/bin/sh
echo "$*" >>"$LOG"
case $1 in
volume) [ "$2" = create ] || echo "$VOLUME" ;;
cp) if [ -z "$MISSING" ]; then tar -c -C "$SOURCE" .; else
    echo "Error response from daemon: $MISSING" >&2; exit 1; fi ;;
esac
"""


def run(folder: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    for name in ("source", "volume"):
        (folder / name).mkdir(exist_ok=True)
    given = {"LOG": "log", "MISSING": "", "SOURCE": str(folder / "source"), "VOLUME": str(folder / "volume")}
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", **given, **variables}
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=20
    )


def test_files_are_copied_compared_and_counted(tmp_path: Path) -> None:
    run(tmp_path, "true")
    (tmp_path / "source" / "счёт 1.pdf").write_text("paid")
    (tmp_path / "volume" / "only here").write_text("stays")
    done = run(tmp_path, adoption.copy_files("x", "/app/static", "v"))
    assert (done.returncode, done.stdout.strip()) == (0, "2"), done.stderr
    assert (tmp_path / "volume" / "счёт 1.pdf").read_text() == "paid"


def test_a_copy_that_is_not_whole_fails(tmp_path: Path) -> None:
    run(tmp_path, "true")
    (tmp_path / "source" / "a.pdf").write_text("paid")
    command = adoption.copy_files("x", "/app/static", "v").replace("&& docker cp", '&& rm "$to/a.pdf" && docker cp')
    assert run(tmp_path, command).returncode != 0


def test_a_folder_that_was_never_made_is_no_loss(tmp_path: Path) -> None:
    done = run(
        tmp_path, adoption.copy_files("x", "/app/static", "v"), MISSING="Could not find the file /app/static in x"
    )
    assert (done.returncode, done.stdout) == (0, "0\n")
    done = run(tmp_path, adoption.copy_files("x", "/app/static", "v"), MISSING="the disk is on fire")
    assert done.returncode == 1
    assert "on fire" in done.stderr


def test_postgres_stops_last_and_gets_its_time() -> None:
    assert adoption.stop({"postgres": "p", "backend": "b", "nginx": "n"}) == (
        "docker stop --time 10 b n >/dev/null && docker stop --time 60 p >/dev/null"
    )
    assert adoption.stop({}) == "true"


def test_a_file_is_set_aside_once(tmp_path: Path) -> None:
    old, kept, instead = tmp_path / "compose.yml", tmp_path / "aside", tmp_path / "instead.yml"
    old.write_text("by hand")
    instead.write_text("ours")
    command = adoption.set_aside(str(old), str(kept), str(instead))
    for _ in range(2):
        assert run(tmp_path, command).returncode == 0
        assert (old.read_text(), (kept / "compose.yml").read_text()) == ("ours", "by hand")


LINE = """0 3 * * * /app/scripts/backup-db.sh "it's" $HOME\\n >> /var/log/db-backup.log 2>&1"""


def test_a_cron_line_ends_and_the_others_stay(tmp_path: Path) -> None:
    table, kept = tmp_path / "crontab", tmp_path / "aside"
    before = f"PATH=/bin\n{LINE}\n0 0 * * * true\n{LINE} # another\n"
    table.write_text(before)
    table.chmod(0o640)
    for _ in range(2):
        done = run(tmp_path, adoption.end_cron(str(table), LINE, str(kept)))
        assert (done.returncode, done.stderr) == (0, "")
        lines = table.read_text().splitlines()
        assert [line for line in lines if not line.startswith("#")] == [
            "PATH=/bin",
            "0 0 * * * true",
            f"{LINE} # another",
        ]
        assert lines[1].endswith(f"aipbx-backup.timer does it: {LINE}")
    assert table.stat().st_mode & 0o777 == 0o640
    assert (kept / "cron-crontab").read_text() == before
    assert [path.name for path in kept.iterdir()] == ["cron-crontab"]


def test_an_accounts_own_table_is_given_to_cron(tmp_path: Path) -> None:
    command = adoption.end_cron("/var/spool/cron/crontabs/root", LINE, "/app/set-aside-by-aipbx")
    assert command.endswith(
        "crontab -u root /app/set-aside-by-aipbx/cron-root.new && rm /app/set-aside-by-aipbx/cron-root.new"
    )
