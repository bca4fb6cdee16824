"""The source of a commit as builds get it: every file as it was committed, whatever attributes say.

It needs no environment: CI's build starts it with the Python that is there (tools/ci/build).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fleet.commands import git

# They have precedence over a commit's own: `git archive` leaves no file out, and rewrites none.
ATTRIBUTES = "* -export-ignore -export-subst -text -ident\n"


def keep_whole(folder: Path) -> None:
    """Have every archive from a git directory hold all files of its commit as they are."""
    (folder / "info").mkdir(exist_ok=True)
    (folder / "info" / "attributes").write_text(ATTRIBUTES, "utf-8")


def main(checkout: str, sha: str) -> int:
    """Write the source of a commit as a tar archive to standard output, and return git's exit code.

    Args:
        checkout: a folder with a `.git` of its own, made for this build.
        sha: the commit.
    """
    folder = Path(checkout) / ".git"
    keep_whole(folder)
    return subprocess.run(git.archive(folder, sha), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
