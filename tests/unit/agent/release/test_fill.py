"""What a release's images ship gets into the volumes, and whoever is being sent a file gets all of it."""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
from pathlib import Path

import pytest

from aipbx_agent.contract import CERTIFICATE
from aipbx_agent.core.config import Config
from aipbx_agent.release import fill
from fleet.checkout import ROOT
from tests.unit.shell import sh, stub

VOLUMES = {"backend_static": "static", "backend_tts_voices": "voices", "frontend_assets": "assets"}


def elsewhere(script: str, **places: Path) -> str:
    """What runs in the container, with its folders elsewhere."""
    for place, path in places.items():
        script = script.replace(f"/{place}/", f"{path}/")
    return script


@pytest.mark.parametrize("certified", [False, True])
def test_each_image_fills_its_volumes(
    certified: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub(tmp_path / "bin", "docker", f'echo "$@" >>{tmp_path}/words')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"backend": "b:1", "frontend": "f:1"})))
    if certified:
        (tmp_path / CERTIFICATE).parent.mkdir(parents=True)
        (tmp_path / CERTIFICATE).touch()
    fill.main(Config({"app_dir": str(tmp_path), "volumes": VOLUMES}, {}, {}), argparse.Namespace())
    assert json.loads(capsys.readouterr().out) == {"certificate": certified}
    static, assets = [line for line in (tmp_path / "words").read_text().splitlines() if line.startswith("run")]
    run = "run --rm --network none --user 0:0 --entrypoint sh"
    assert static.startswith(f"{run} --volume=static:/app/static --volume=voices:/app/tts_voices b:1 -c ")
    assert assets.startswith(f"{run} --volume=assets:/srv/assets f:1 -c ")


def test_the_assets_are_where_the_image_has_them() -> None:
    dockerfile = (ROOT / "files/images/frontend/Dockerfile").read_text()
    configuration = (ROOT / "files/images/frontend/nginx.conf").read_text()
    assert "COPY --from=build /app/build /srv/www\n" in dockerfile
    assert "root /srv/assets;" in configuration
    assert "place /srv/www/ /srv/assets/\n" in fill.ASSETS


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
    return sh(elsewhere(fill.STATIC, app=app), stubs).returncode


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


def test_a_file_that_is_being_sent_arrives_whole(app: Path, tmp_path: Path) -> None:
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


def test_a_full_disk_is_reported(app: Path, tmp_path: Path) -> None:
    bin_ = owned(tmp_path / "bin", tmp_path / "asked")
    assert filled(app, stub(bin_, "cp", "exit 1")) == 1


def test_assets_of_earlier_releases_stay(tmp_path: Path) -> None:
    for name, text in {"www/main.2.js": "2", "www/index.html": "new", "assets/main.1.js": "1"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert sh(elsewhere(fill.ASSETS, srv=tmp_path)).returncode == 0
    assert {path.name for path in (tmp_path / "assets").iterdir()} == {"main.1.js", "main.2.js", "index.html"}


def test_an_asset_that_this_release_has_too_is_as_young_as_it(tmp_path: Path) -> None:
    for name in ("www/main.js", "assets/main.js", "assets/gone.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("main.js", "gone.js"):
        os.utime(tmp_path / "assets" / name, (1, 1))
    assert sh(elsewhere(fill.ASSETS, srv=tmp_path)).returncode == 0
    assert (tmp_path / "assets" / "main.js").stat().st_mtime > 1
    assert (tmp_path / "assets" / "gone.js").stat().st_mtime == 1
