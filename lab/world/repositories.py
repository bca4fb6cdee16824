"""The git repositories that the world serves as GitHub does, over SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab.machines.machine import Machine

FOLDER = "/var/lib/world/git"
_TIMEOUT = 120
_AS_GIT = "runuser -u git --"
_LIST = "for-each-ref --format='%(objectname) %(refname)'"
# A bundle comes through standard input; no one's password or prompt is ever in the way.
_TAKE = """
set -eu
bundle=$(mktemp) && trap 'rm -f "$bundle"' EXIT
cat >"$bundle" && chmod 644 "$bundle"
[ -d {path} ] || {git} git init --quiet --bare {path}
{git} git -C {path} symbolic-ref HEAD {head}
{git} git -C {path} fetch --quiet --prune "$bundle" '+refs/*:refs/*'
"""


def ensure_repositories(world: Machine, repositories: Mapping[str, Path]) -> None:
    """Make the world's repositories hold what local bare ones do; those that do already stay as they are.

    Args:
        world: The world, running.
        repositories: The local repository by its name on GitHub, such as ``krasterisk/aiPBX``.

    Raises:
        LabError: A local repository is empty or broken, or the world could not take it.
    """
    for name, repository in repositories.items():
        path = f"{FOLDER}/{name}.git"
        wanted = _git(repository, "for-each-ref", "--format=%(objectname) %(refname)").decode()
        served = world.run(f"{_AS_GIT} git -C {path} {_LIST}", check=False)
        if served.returncode != 0 or served.stdout != wanted:
            head = _git(repository, "symbolic-ref", "HEAD").decode().strip()
            bundle = _git(repository, "bundle", "create", "--quiet", "-", "--all")
            world.run(_TAKE.format(path=path, git=_AS_GIT, head=head), _TIMEOUT, stdin=bundle)


def _git(repository: Path, *arguments: str) -> bytes:
    do = f"look at {repository}: the lab offers it as GitHub's"
    return process.run(["git", "-C", str(repository), *arguments], _TIMEOUT, do, what=f"git {arguments[0]} failed")
