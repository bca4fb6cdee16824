"""The application's git repositories, as the operator's machine sees them."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from aipbx_agent.release.releases import subject
from fleet.checkout import ssh_config_path
from fleet.commands import git
from fleet.errors import OperatorError
from fleet.git import source

if TYPE_CHECKING:
    from fleet.inventory.settings import Settings

SHA = re.compile(r"[0-9a-f]{4,40}")
FETCH_SECONDS = 120
# The mode of a submodule in a commit.
SUBMODULE = "160000 "


@dataclass(frozen=True)
class Repository:
    """A bare copy of one repository.

    Attributes:
        service: which service is built from it.
        url: where it comes from.
        branch: the branch that is deployed.
    """

    service: str
    url: str
    branch: str

    @property
    def folder(self) -> Path:
        """Where the copy is. The same URL leads elsewhere through another ssh_config, so that has its own copy."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        key = f"{self.url} {os.environ.get('AIPBX_SSH_CONFIG', '')}"
        return cache / "aipbx-fleet" / f"{self.service}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.git"

    def refresh(self) -> None:
        """Bring the copy up to date.

        Raises:
            OperatorError: the repository cannot be reached or read.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            if not self.folder.is_dir():
                # Aside, then renamed: a clone that is cut off is no copy.
                with tempfile.TemporaryDirectory(dir=self.folder.parent) as partial:
                    self._checked(git.clone(self.url, Path(partial) / "clone"))
                    (Path(partial) / "clone").rename(self.folder)
            self._checked(git.fetch(self.folder))
            source.keep_whole(self.folder)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Another run on this machine waits: git refuses to update a copy twice at once."""
        try:
            with FileLock(self.folder.with_suffix(".lock"), timeout=FETCH_SECONDS):
                yield
        except Timeout:
            raise OperatorError(
                f"The copy of the {self.service}'s repository on this machine is in use.",
                f"Another run has been bringing it up to date for {FETCH_SECONDS} s: {self.url}",
                "Wait for it, or end it (`ps -ef | grep inv`); then run this again.",
            ) from None

    def head(self) -> str:
        """Return the newest commit of the branch.

        Raises:
            OperatorError: there is no such branch.
        """
        result = self._run(git.head(self.folder, self.branch))
        if result.returncode != 0:
            raise OperatorError(
                f"{self.url} has no branch {self.branch!r}.",
                "`branch` in group_data/all.py names it.",
                "Correct it there, or for one host in inventory.py.",
            )
        return result.stdout.strip()

    def find(self, sha: str) -> str | None:
        """Return the whole SHA of the commit that `sha` abbreviates; None when this repository has none.

        Raises:
            OperatorError: several commits begin so.
        """
        objects = self._run(git.candidates(self.folder, sha)).stdout.split()
        commits = [name for name in objects if self._run(git.kind(self.folder, name)).stdout.strip() == "commit"]
        if len(commits) > 1:
            raise OperatorError(
                f"{sha} is ambiguous: {len(commits)} commits of the {self.service} begin so.",
                ", ".join(name[:12] for name in commits),
                "Give more digits.",
            )
        return commits[0] if commits else None

    def require_on_branch(self, sha: str) -> None:
        """Refuse a commit that is not part of the branch.

        Raises:
            OperatorError: it is not; says where it is.
        """
        if self._run(git.on_branch(self.folder, sha, self.branch)).returncode != 0:
            homes = self._run(git.branches_with(self.folder, sha)).stdout.split()
            raise OperatorError(
                f"{sha[:12]} of the {self.service} is not on branch {self.branch!r}.",
                f"It is on {', '.join(homes)}." if homes else "It is no longer on any branch.",
                f"Merge it into {self.branch!r} first, or change `branch` for this host in inventory.py.",
            )

    def refuse_incomplete(self, sha: str) -> None:
        """Refuse a commit some of whose files are kept elsewhere: a build would find empty folders, or pointers.

        Raises:
            OperatorError: which.
        """
        entries = self._run(git.tree(self.folder, sha)).stdout.split("\0")
        elsewhere = [entry.partition("\t")[2] for entry in entries if entry.startswith(SUBMODULE)]
        kept = "submodules" if elsewhere else "LFS pointers"
        elsewhere = elsewhere or self._run(git.filtered(self.folder, sha)).stdout.split()
        if elsewhere:
            raise OperatorError(
                f"{sha[:12]} of the {self.service} cannot be built on a host: {kept} keep files of it elsewhere.",
                f"{', '.join(path.rpartition(':')[2] for path in elsewhere[:5])}; the source that is sent lacks them.",
                'Let CI build it (images_from = "registry"), or commit the files themselves.',
            )

    def between(self, older: str, newer: str) -> list[str]:
        """Commits after `older` up to `newer`, newest first, a line each; empty when `older` is unknown here."""
        result = self._run(git.between(self.folder, older, newer))
        return [subject(line) for line in result.stdout.splitlines()] if result.returncode == 0 else []

    def subject(self, sha: str) -> str:
        """Return the subject of a commit, as it may stand on a screen; empty when it is unknown here."""
        return subject(self._run(git.subject(self.folder, sha)).stdout)

    def message(self, sha: str) -> str:
        """Return the whole message of a commit."""
        return self._run(git.message(self.folder, sha)).stdout

    def file(self, sha: str, path: str) -> str:
        """Return a file of a commit; empty when it has none of that name."""
        return self._run(git.file(self.folder, sha, path)).stdout

    def leads(self, older: str, newer: str) -> bool:
        """Return whether a commit is part of the history of another, or is the same; False when one is unknown here."""
        return self._run(git.ancestor(self.folder, older, newer)).returncode == 0

    def _checked(self, command: list[str]) -> None:
        try:
            result = self._run(command)
        except subprocess.TimeoutExpired:
            raise self._unreachable(f"no answer within {FETCH_SECONDS} s") from None
        if result.returncode != 0:
            raise self._unreachable(" / ".join(line for line in result.stderr.splitlines() if line.strip())[:600])

    def _unreachable(self, why: str) -> OperatorError:
        return OperatorError(
            f"The {self.service}'s repository cannot be read: {self.url}",
            why or "git printed no message.",
            f"Try `git ls-remote {self.url}` on this machine: it must work with your own key.",
        )

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            # A commit's message may be in any encoding.
            errors="replace",
            timeout=FETCH_SECONDS,
            check=False,
            env=environment(),
        )


def environment() -> dict[str, str]:
    """git's environment: it asks no questions, and its SSH goes where the fleet's does."""
    added = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    if os.environ.get("AIPBX_SSH_CONFIG"):
        added["GIT_SSH_COMMAND"] = f"ssh -F {shlex.quote(str(ssh_config_path()))} -o BatchMode=yes -o ConnectTimeout=10"
    return {**os.environ, **added}


def chosen(repositories: list[Repository], shas: list[str]) -> dict[str, str]:
    """Return which commit of which service the operator means.

    Args:
        repositories: those that may be meant, refreshed.
        shas: as typed, whole or abbreviated.

    Returns: whole SHA by service, only for services that were named.

    Raises:
        OperatorError: a SHA is none, is unknown, is ambiguous, or is not on the branch.
    """
    by_service: dict[str, str] = {}
    for sha in (word.strip().lower() for word in shas):
        if not SHA.fullmatch(sha):
            raise OperatorError(
                f"{sha!r} is not a git SHA.", "It has 4 to 40 of the digits 0-9 and a-f.", "Copy it from `git log`."
            )
        homes = [(repository, name) for repository in repositories if (name := repository.find(sha))]
        if not homes:
            where = " and ".join(repository.service for repository in repositories)
            raise OperatorError(
                f"{sha} is unknown.",
                f"No commit of the {where} begins so; their repositories were just fetched.",
                "Has it been pushed? Copy the SHA from `git log`.",
            )
        if len(homes) > 1:
            raise OperatorError(
                f"{sha} is ambiguous: the backend and the frontend both have such a commit.",
                ", ".join(f"{repository.service} {name[:12]}" for repository, name in homes),
                "Add --service=backend or --service=frontend, or give more digits.",
            )
        repository, name = homes[0]
        repository.require_on_branch(name)
        if by_service.setdefault(repository.service, name) != name:
            raise OperatorError(
                f"Two different commits of the {repository.service} were given.",
                f"{by_service[repository.service][:12]} and {name[:12]}.",
                "A release has one of each service.",
            )
    return by_service


def repositories(settings: Settings) -> dict[str, Repository]:
    """Return the application's repositories, by service."""
    urls = {"backend": settings.backend_repository, "frontend": settings.frontend_repository}
    return {service: Repository(service, url, settings.branch) for service, url in urls.items()}
