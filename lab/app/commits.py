"""What happened to the stand-in application: every commit of its two repositories, in order."""

from __future__ import annotations

from dataclasses import dataclass

BRANCH = "master"
# The backend's commit before the one that is deployed: what a demonstration goes back to.
EARLIER = "third"
# The branch of both repositories of which no image can be made.
NEVER_BUILT = "broken/build"


@dataclass(frozen=True)
class Commit:
    """One commit.

    Args:
        message: Its first and only line.
        version: What the application says of itself from here on.
        overlay: The folder below ``variants/<application>`` whose files it adds or replaces.
        branch: The branch that it makes, starting from the head of master; master itself for the good ones.
        without: Files that only later commits have.
    """

    message: str
    version: str
    overlay: str | None = None
    branch: str = BRANCH
    without: tuple[str, ...] = ()


BACKEND = (
    Commit("The application", "1.0.0"),
    Commit("Shorter answers", "1.0.1"),
    Commit("Invoices have a note", "1.0.2", "invoice-notes"),
    Commit("A new font for invoices [deploy:2]", "1.0.3", "new-stamp"),
    Commit("Greets in words", "1.0.4", "broken-build", NEVER_BUILT),
    Commit("Users in a service of their own", "1.0.4", "broken-crash", "broken/crash"),
    Commit("Waits for all models", "1.0.4", "broken-never-ready", "broken/never-ready"),
    Commit("Keeps every call in memory", "1.0.4", "broken-dies", "broken/dies"),
    Commit("Invoices know whether they are paid", "1.0.4", "broken-migration", "broken/migration"),
    Commit("Something else", "1.1.0", branch="feature/other"),
)

FRONTEND = (
    Commit("The pages", "1.0.0", without=(".npmrc",)),
    Commit("Shorter texts", "1.0.1"),
    Commit("Dark colours [deploy all]", "1.0.2", "new-look"),
    Commit("Styles in two files", "1.0.3", "broken-build", NEVER_BUILT),
    Commit("Something else", "1.1.0", branch="feature/other"),
)
