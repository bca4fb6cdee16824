"""What a release needs beside its containers: shipped files in volumes, a certificate, a look from outside."""

from __future__ import annotations

import shlex

from aipbx_agent.contract import CERTIFICATE, LEDGER, MAINTENANCE

# Every file below $1 gets to its place below $2 by a rename, and only where it differs: the one that is there is being
# sent to someone, who would get the rest of a file that `cp` has just emptied.
_PLACE = """set -e
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


def _with_volumes(image: str, volumes: dict[str, str], script: str) -> str:
    argv = ["docker", "run", "--rm", "--network", "none", "--user", "0:0", "--entrypoint", "sh"]
    for mount, name in volumes.items():
        argv += ["--volume", f"{name}:{mount}"]
    return shlex.join([*argv, image, "-c", script])


def fill_static(image: str, static: str, voices: str) -> str:
    """The command that puts the static files that an image ships in the place of those of the release before.

    What the app has written stays. A host that lived before has files of root's there: the app's user gets them.

    Args:
        image: the backend's.
        static, voices: names of the volumes.
    """
    script = (
        f"{_PLACE}[ ! -d /app/static.shipped/ ] || place /app/static.shipped/ /app/static/\n"
        "! id -u node >/dev/null 2>&1 || find /app/static /app/tts_voices ! -user node -exec chown -h node:node {} +"
    )
    return _with_volumes(image, {"/app/static": static, "/app/tts_voices": voices}, script)


def fill_assets(image: str, assets: str) -> str:
    """The command that adds a frontend's files to the volume that holds those of earlier releases.

    Args:
        image: the frontend's.
        assets: the volume's name.
    """
    # How old a file is says which release had it last.
    seen = 'find . -type f | while IFS= read -r one; do touch -c /srv/assets/"$one"; done'
    return _with_volumes(image, {"/srv/assets": assets}, f"{_PLACE}place /srv/www/ /srv/assets/\n{seen}")


def prune_assets(image: str, assets: str, minutes: int) -> str:
    """The command that deletes assets that no release of the last `minutes` had."""
    script = f"find /srv/assets -type f -mmin +{minutes} -delete"
    return _with_volumes(image, {"/srv/assets": assets}, script)


def has_certificate(app_dir: str) -> str:
    """The command that succeeds when there is a certificate that nginx can serve."""
    return f"[ -e {shlex.quote(f'{app_dir}/{CERTIFICATE}')} ]"


def maintenance(app_dir: str, *, on: bool) -> str:
    """The command that makes nginx show the maintenance page, or show it no longer."""
    file = shlex.quote(f"{app_dir}/{MAINTENANCE}")
    return f"touch {file}" if on else f"rm -f {file}"


def record(app_dir: str) -> str:
    """The command that adds standard input, a line, to the ledger."""
    ledger = shlex.quote(f"{app_dir}/{LEDGER}")
    # A power cut may have left the last line without its end.
    return f'[ -z "$(tail -c 1 {ledger} 2>/dev/null)" ] || echo >>{ledger}; cat >>{ledger} && sync {ledger}'
