"""`aipbx-agent fill`: what a release's images ship, brought into the volumes that hide it.

Static files, which the application reads and adds to, and the frontend's files, for tabs that stay open.
"""

from __future__ import annotations

import argparse
import json
import sys

from aipbx_agent.contract import CERTIFICATE
from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.process import run

SECONDS = 180
# Every file below $1 gets to its place below $2 by a rename, and only where it differs: the one that is there is being
# sent to someone, who would get the rest of a file that `cp` has just emptied.
PLACE = """set -e
place() {
  cd "$1"
  find . -type d | while IFS= read -r one; do mkdir -p "$2/$one"; done
  find . ! -type d | while IFS= read -r one; do
    if [ -L "$one" ] || ! cmp -s "$one" "$2/$one"; then
      cp -P "$one" "$2/${one%/*}/.shipped"
      mv -fT "$2/${one%/*}/.shipped" "$2/$one"
    fi
  done
}
"""
# What the application has written stays. A host that lived before has files of root's there: the app's user gets them.
STATIC = f"""{PLACE}[ ! -d /app/static.shipped/ ] || place /app/static.shipped/ /app/static/
! id -u node >/dev/null 2>&1 || find /app/static /app/tts_voices ! -user node -exec chown -h node:node {{}} +"""
# How old a file is says which release had it last.
ASSETS = f"""{PLACE}place /srv/www/ /srv/assets/
find . -type f | while IFS= read -r one; do touch -c /srv/assets/"$one"; done"""


def arguments(_: argparse.ArgumentParser) -> None:
    """None: `main` reads the images by service from standard input."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Fill the volumes, and report whether there is a certificate to serve them with.

    Raises:
        Failed: a container could not do it.
    """
    images, volumes = json.load(sys.stdin), config.raw["volumes"]
    mounts = {"/app/static": volumes["backend_static"], "/app/tts_voices": volumes["backend_tts_voices"]}
    with_volumes(images["backend"], mounts, STATIC)
    with_volumes(images["frontend"], {"/srv/assets": volumes["frontend_assets"]}, ASSETS)
    events.result(certificate=(config.app / CERTIFICATE).exists())


def with_volumes(image: str, volumes: dict[str, str], script: str) -> None:
    """Run a script for sh in a container of an image.

    Args:
        image: the image.
        volumes: names by where they are mounted.
        script: it must succeed.
    """
    argv = ["docker", "run", "--rm", "--network", "none", "--user", "0:0", "--entrypoint", "sh"]
    mounts = [f"--volume={name}:{mount}" for mount, name in volumes.items()]
    run([*argv, *mounts, image, "-c", script], seconds=SECONDS)
