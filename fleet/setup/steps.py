"""The steps from a fresh host to a deployed one, and which of them remain."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class State:
    """What decides which steps remain.

    Attributes:
        converged: whether the host was converged completely, ever.
        drift: the operations that would change it now.
        pushed: whether it has variables of the application.
        file: the env file of this machine, as operators read its path; empty: there is none.
        differs: how many values of that file the host has not.
        certificate_until: when the host's certificate ends; None: it has none.
        release: what runs there; empty: nothing.
    """

    converged: bool = False
    drift: list[str] = field(default_factory=list)
    pushed: bool = False
    file: str = ""
    differs: int = 0
    certificate_until: datetime | None = None
    release: str = ""


@dataclass(frozen=True)
class Step:
    """A step: what was found, and the command that remains to be run; none where it is done, or done by another."""

    name: str
    found: str
    command: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """What the operator reads of it."""
        return f"  {self.name:<13}{self.found}"


def steps(host: str, tls: str, state: State) -> list[Step]:
    """Return all steps in their order.

    Args:
        tls: where the host's certificate comes from, as its data say.
    """
    return [_converge(host, state), _variables(host, state), _certificate(host, tls, state), _deploy(host, state)]


def remaining(host: str, tls: str, state: State) -> list[Step]:
    """Return the steps whose command is still to be run."""
    return [step for step in steps(host, tls, state) if step.command]


def _converge(host: str, state: State) -> Step:
    command = ("pyinfra", "inventory.py", "deploys/bootstrap.py", "--limit", host)
    if not state.converged:
        return Step("converge", "to do", command)
    if state.drift:
        return Step("converge", f"{len(state.drift)} operations would change it: {'; '.join(state.drift[:3])}", command)
    return Step("converge", "done: as declared")


def _variables(host: str, state: State) -> Step:
    command = ("inv", "env.push", f"--host={host}")
    if not state.file:
        return Step(
            "variables",
            "done: pushed before; no env file here"
            if state.pushed
            else "no env file yet: it is made first, for you to fill in",
        )
    if not state.pushed:
        return Step("variables", f"to push: {state.file}", command)
    if state.differs:
        return Step("variables", f"{state.differs} of {state.file} to push", command)
    return Step("variables", f"done: the host has {state.file}")


def _certificate(host: str, tls: str, state: State) -> Step:
    if state.certificate_until:
        return Step("certificate", f"done: until {state.certificate_until:%Y-%m-%d}")
    if tls == "supplied":
        return Step("certificate", f"yours to give before the deploy: inv tls.supply --host={host} --cert=… --key=…")
    if not state.release:
        return Step("certificate", "comes with the first deploy")
    return Step("certificate", "to do", ("inv", "tls.issue", f"--host={host}"))


def _deploy(host: str, state: State) -> Step:
    if state.release:
        return Step("deploy", f"done: {state.release}")
    return Step("deploy", "to do", ("inv", "deploy", f"--host={host}"))
