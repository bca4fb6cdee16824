"""git's commands, word by word; tests/unit/git/test_repository.py runs them."""

from __future__ import annotations

from pathlib import Path

from fleet.commands import git

FOLDER = Path("/c/b.git")


def test_exact() -> None:
    assert git.clone("--upload-pack=x", FOLDER) == [
        *["git", "clone", "--quiet", "--bare", "--", "--upload-pack=x", "/c/b.git"]
    ]
    made = {
        "fetch --quiet --prune --tags origin +refs/heads/*:refs/heads/*": git.fetch(FOLDER),
        "rev-parse --disambiguate=abcd": git.candidates(FOLDER, "abcd"),
        "cat-file -t abcd": git.kind(FOLDER, "abcd"),
        "rev-parse --verify --quiet refs/heads/master^{commit}": git.head(FOLDER, "master"),
        "merge-base --is-ancestor abcd refs/heads/master": git.on_branch(FOLDER, "abcd", "master"),
        "branch --format=%(refname:short) --contains abcd": git.branches_with(FOLDER, "abcd"),
        "-c tar.umask=0022 -c core.autocrlf=false -c core.eol=lf -c core.attributesFile=/dev/null "
        "archive --format=tar abcd": git.archive(FOLDER, "abcd"),
        "ls-tree -r -z abcd": git.tree(FOLDER, "abcd"),
        "grep --name-only filter=lfs abcd -- :(glob)**/.gitattributes": git.filtered(FOLDER, "abcd"),
        "merge-base --is-ancestor abcd ef01": git.ancestor(FOLDER, "abcd", "ef01"),
        "ls-tree -z abcd -- migrations/": git.listed(FOLDER, "abcd", "migrations"),
        "cat-file blob abcd": git.content(FOLDER, "abcd"),
    }
    for words, command in made.items():
        assert command == ["git", "--git-dir", "/c/b.git", *words.split()]
    assert git.between(FOLDER, "a", "b") == ["git", "--git-dir", "/c/b.git", "log", "--format=%h %s", "a..b"]
