"""What comes with a release: its files in volumes, its line in the ledger."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import pytest

from fleet.checkout import ROOT
from fleet.commands import rollout
from fleet.state import releases
from tests.unit.shell import sh, stub

RUN = "docker run --rm --network none --user 0:0 --entrypoint sh"


def script(command: str, **places: Path) -> str:
    """What runs in the container, with its folders elsewhere."""
    text = shlex.split(command)[-1]
    for place, path in places.items():
        text = text.replace(f"/{place}/", f"{path}/")
    return text


def test_exact() -> None:
    assert rollout.fill_static("b:1", "static", "voices").startswith(
        f"{RUN} --volume static:/app/static --volume voices:/app/tts_voices b:1 -c "
    )
    each = 'find . -type f | while IFS= read -r one; do touch -c /srv/assets/"$one"; done'
    assert rollout.fill_assets("f:1", "assets") == (
        f"{RUN} --volume assets:/srv/assets f:1 -c '{rollout._PLACE}place /srv/www/ /srv/assets/\n{each}'"
    )
    assert rollout.prune_assets("f:1", "assets", 90) == (
        f"{RUN} --volume assets:/srv/assets f:1 -c 'find /srv/assets -type f -mmin +90 -delete'"
    )


def test_a_certificate_is_there_when_nginx_finds_one(tmp_path: Path) -> None:
    command = rollout.has_certificate(str(tmp_path))
    assert sh(command).returncode != 0
    (tmp_path / "tls" / "0123").mkdir(parents=True)
    (tmp_path / "tls" / "current").symlink_to("0123")
    assert sh(command).returncode != 0
    (tmp_path / "tls" / "0123" / "fullchain.pem").touch()
    assert sh(command).returncode == 0


def test_the_assets_are_where_the_image_has_them() -> None:
    dockerfile = (ROOT / "files/images/frontend/Dockerfile").read_text()
    configuration = (ROOT / "files/images/frontend/nginx.conf").read_text()
    assert "COPY --from=build /app/build /srv/www\n" in dockerfile
    assert "root /srv/assets;" in configuration
    assert "place /srv/www/ /srv/assets/\n" in rollout.fill_assets("f:1", "assets")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    for path, text in {
        "static.shipped/logo.svg": "new",
        "static.shipped/fonts/a.ttf": "new",
        "static/logo.svg": "old",
        "static/avatars/1.png": "a client's",
        "tts_voices/x": "",
    }.items():
        file = tmp_path / "app" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "app"


def filled(app: Path, stubs: Path) -> int:
    return sh(script(rollout.fill_static("b", "s", "v"), app=app), stubs).returncode


def owned(bin_: Path, log: Path) -> Path:
    """A container with the account `node`, to whom nothing belongs yet."""
    stub(bin_, "id", "true")
    find = shutil.which("find")
    stub(bin_, "find", f'case "$*" in *chown*) for word; do echo "$word"; done >{log};; *) exec {find} "$@";; esac')
    return bin_


def test_shipped_files_replace_the_old_ones_and_the_others_stay(app: Path, tmp_path: Path) -> None:
    assert filled(app, owned(tmp_path / "bin", tmp_path / "asked")) == 0
    texts = {str(path.relative_to(app / "static")): path.read_text() for path in (app / "static").rglob("*.*")}
    assert texts == {"logo.svg": "new", "fonts/a.ttf": "new", "avatars/1.png": "a client's"}
    assert (tmp_path / "asked").read_text().splitlines() == [
        *[f"{app}/static", f"{app}/tts_voices", "!", "-user", "node"],
        *["-exec", "chown", "-h", "node:node", "{}", "+"],
    ]


def test_whoever_is_being_sent_a_file_gets_all_of_it(app: Path, tmp_path: Path) -> None:
    same = app / "static" / "fonts" / "a.ttf"
    same.parent.mkdir()
    same.write_text("new")
    before = same.stat()
    with (app / "static" / "logo.svg").open() as sent:
        assert filled(app, owned(tmp_path / "bin", tmp_path / "asked")) == 0
        assert sent.read() == "old"
    assert (app / "static" / "logo.svg").read_text() == "new"
    after = same.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not list(app.rglob(".shipped"))


def test_links_and_folders_come_too(app: Path, tmp_path: Path) -> None:
    (app / "static.shipped" / "empty").mkdir()
    (app / "static.shipped" / "fonts" / "b c.ttf").symlink_to("a.ttf")
    for _ in range(2):
        assert filled(app, owned(tmp_path / "bin", tmp_path / "asked")) == 0
    assert (app / "static" / "empty").is_dir()
    assert (app / "static" / "fonts" / "b c.ttf").readlink() == Path("a.ttf")


def test_an_image_that_ships_none_and_has_no_such_account_is_fine(app: Path, tmp_path: Path) -> None:
    (app / "static.shipped").rename(tmp_path / "elsewhere")
    assert filled(app, stub(tmp_path / "bin", "id", "exit 1")) == 0
    assert (app / "static" / "logo.svg").read_text() == "old"


def test_a_full_disk_is_told(app: Path, tmp_path: Path) -> None:
    bin_ = owned(tmp_path / "bin", tmp_path / "asked")
    assert filled(app, stub(bin_, "cp", "exit 1")) == 1


def test_assets_of_earlier_releases_stay(tmp_path: Path) -> None:
    for name, text in {"www/main.2.js": "2", "www/index.html": "new", "assets/main.1.js": "1"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert sh(script(rollout.fill_assets("f", "a"), srv=tmp_path)).returncode == 0
    assert {path.name for path in (tmp_path / "assets").iterdir()} == {"main.1.js", "main.2.js", "index.html"}


def test_an_asset_that_this_release_has_too_is_as_young_as_it(tmp_path: Path) -> None:
    for name in ("www/main.js", "assets/main.js", "assets/gone.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("main.js", "gone.js"):
        os.utime(tmp_path / "assets" / name, (1, 1))
    assert sh(script(rollout.fill_assets("f", "a"), srv=tmp_path)).returncode == 0
    assert (tmp_path / "assets" / "main.js").stat().st_mtime > 1
    assert (tmp_path / "assets" / "gone.js").stat().st_mtime == 1


LINE = '{"a": 1}\n'


@pytest.mark.parametrize("before", ["", LINE, LINE * 2])
def test_the_ledger_grows_by_a_line(before: str, tmp_path: Path) -> None:
    ledger = tmp_path / "releases.jsonl"
    ledger.write_text(before)
    assert sh(rollout.record(str(tmp_path)), stdin=LINE.encode()).returncode == 0
    assert ledger.read_text() == before + LINE


def test_the_first_line_makes_the_ledger(tmp_path: Path) -> None:
    done = sh(rollout.record(str(tmp_path)), stdin=LINE.encode())
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "releases.jsonl").read_text() == LINE


def test_a_line_that_a_power_cut_left_unfinished_does_not_swallow_the_next(tmp_path: Path) -> None:
    entry = releases.Entry("t", "o", "deploy", "ok", 1, None, releases.Release("b", "f"), {})
    ledger = tmp_path / "releases.jsonl"
    ledger.write_text('{"time": "2026')
    sh(rollout.record(str(tmp_path)), stdin=entry.line().encode())
    assert releases.parse(ledger.read_text()) == [entry]
