"""The team's own programs around a release: hooks/pre-deploy, hooks/post-deploy, hooks/on-failure, run here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fleet.checkout import ROOT
from fleet.errors import OperatorError
from fleet.output import say, step

if TYPE_CHECKING:
    from fleet.release.plan import Plan

Moment = Literal["pre-deploy", "post-deploy", "on-failure"]
SECONDS = 300
_LINES = 15


def environment(what: Plan, operator: str, problem: str = "", seconds: int | None = None) -> dict[str, str]:
    """Return what a hook gets, as variables of its environment.

    Args:
        what: the deploy or rollback.
        operator: who does it.
        problem: why it failed; empty when it did not.
        seconds: how long it took; None before it has begun.
    """
    before = what.before
    return {
        "AIPBX_HOST": what.host,
        "AIPBX_ACTION": what.action,
        "AIPBX_OPERATOR": operator,
        "AIPBX_BACKEND": what.after.backend,
        "AIPBX_FRONTEND": what.after.frontend,
        "AIPBX_BACKEND_BEFORE": before.backend if before else "",
        "AIPBX_FRONTEND_BEFORE": before.frontend if before else "",
        "AIPBX_PROBLEM": problem,
        "AIPBX_SECONDS": "" if seconds is None else str(seconds),
    }


def run(moment: Moment, variables: dict[str, str], root: Path = ROOT) -> None:
    """Run a hook where there is one. Only pre-deploy's failure counts: afterwards there is nothing left to stop.

    Args:
        moment: which.
        variables: its environment, see `environment`.
        root: the checkout.

    Raises:
        OperatorError: pre-deploy did not end well, so nothing is begun; or the file cannot be run.
    """
    program = root / "hooks" / moment
    if not program.exists():
        return
    problem = _problem(program, variables)
    if not problem:
        return
    if moment == "pre-deploy":
        raise OperatorError(
            f"{variables['AIPBX_HOST']}: hooks/{moment} refused; nothing was touched.",
            problem,
            f"Fix the cause, or the hook itself ({program}).",
        )
    say(f"  hooks/{moment} failed, which changes nothing on {variables['AIPBX_HOST']}: {problem}", "yellow")


def _problem(program: Path, variables: dict[str, str]) -> str:
    if not os.access(program, os.X_OK):
        return f"It cannot be run: chmod +x {program}"
    with step(f"hooks/{program.name}"):
        try:
            result = subprocess.run(
                [str(program)],
                cwd=program.parent.parent,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"It did not end within {SECONDS} s."
        except OSError as error:
            return f"It cannot be run: {error.strerror}"
    if result.returncode == 0:
        return ""
    lines = [f"    | {line[:200]}" for line in result.stdout.rstrip().splitlines()[-_LINES:]]
    return "\n".join([f"It ended with exit code {result.returncode}{':' if lines else ', no output.'}", *lines])
