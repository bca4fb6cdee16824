"""What CI's build hands to Docker: every file of the commit, as it is. Docker itself is a script here."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fleet.checkout import ROOT

DIGEST = f"sha256:{'a' * 64}"
MANIFEST = json.dumps({"digest": DIGEST})
# Keeps what it is to build, and its registry has nothing before that.
DOCKER = f"""#!/bin/sh
case "$1 $2" in
"login "*) cat >/dev/null ;;
"buildx imagetools") for word; do :; done; grep -qsx "$word" "$BUILT.pushed" || exit 1; echo '{MANIFEST}' ;;
"build --file") for word; do :; done; rm -rf "$BUILT"; cp -r "$word" "$BUILT"; echo "$@" >>"$BUILT.builds" ;;
"push --quiet") echo "$3" >>"$BUILT.pushed"; env >"$BUILT.env" ;;
esac
"""
CONTENTS = {
    "start.sh": b"#!/bin/sh\nexec node\n",
    "test/a.txt": b"t\n",
    "version.txt": b"$Format:%H$ $Id$\n",
}


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """A runner's folder with a checkout of the application, and the commands that it has."""
    application = tmp_path / "application"
    for name, content in CONTENTS.items():
        (application / name).parent.mkdir(parents=True, exist_ok=True)
        (application / name).write_bytes(content)
    (application / ".gitattributes").write_text(
        "test export-ignore\nversion.txt export-subst ident\n*.sh text eol=crlf\n"
    )
    git(application, "init", "-q")
    git(application, "add", "-A")
    git(application, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "-m", "A release")
    (application / "left-behind").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    return tmp_path


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


BUILD: dict[str, Any] = {"image": "ghcr.io/team/backend", "arguments": {}, "hosts": ["one", "two"]}
OWN: dict[str, Any] = {"image": "ghcr.io/team/backend-three", "arguments": {"TITLE": "a b"}, "hosts": ["three"]}


def built(runner: Path, sha: str, *builds: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run the build's script as the workflow does."""
    given = {"SERVICE": "backend", "BUILDS": json.dumps(builds or [BUILD]), "SHA": sha, "BUILT": str(runner / "built")}
    given |= {"REGISTRY_USER": "anna", "REGISTRY_TOKEN": "ghs_x", "GITHUB_OUTPUT": str(runner / "output")}
    given["PATH"] = f"{runner / 'bin'}:{os.environ['PATH']}"
    script = ROOT / "tools" / "ci" / "build"
    environment = {**os.environ, **given}
    return subprocess.run(script, cwd=runner, env=environment, capture_output=True, text=True, check=False)


def test_a_build_gets_every_file_as_it_is_whatever_attributes_say(runner: Path) -> None:
    done = built(runner, git(runner / "application", "rev-parse", "HEAD"))
    assert done.returncode == 0, done.stderr
    source = {path.relative_to(runner / "built").as_posix() for path in (runner / "built").rglob("*") if path.is_file()}
    assert source == {*CONTENTS, ".gitattributes"}
    assert {name: (runner / "built" / name).read_bytes() for name in CONTENTS} == CONTENTS
    assert (runner / "output").read_text() == f'digests={{"one": "{DIGEST}", "two": "{DIGEST}"}}\n'
    assert "ghs_x" not in (runner / "built.env").read_text()


def test_hosts_with_other_arguments_get_an_image_of_their_own_and_none_is_built_twice(runner: Path) -> None:
    sha = git(runner / "application", "rev-parse", "HEAD")
    for _ in range(2):
        assert built(runner, sha, BUILD, OWN).returncode == 0
    first, second = (runner / "built.builds").read_text().splitlines()
    assert f"--build-arg=RELEASE={sha} --tag ghcr.io/team/backend:{sha} " in first
    assert f"--build-arg=TITLE=a b --tag ghcr.io/team/backend-three:{sha} " in second
    last = (runner / "output").read_text().splitlines()[-1].removeprefix("digests=")
    assert json.loads(last) == dict.fromkeys(["one", "two", "three"], DIGEST)


def test_a_commit_that_is_not_there_is_not_built(runner: Path) -> None:
    done = built(runner, "0" * 40)
    assert done.returncode != 0
    assert not (runner / "built").exists()
