"""`aipbx-agent recover`: complete or take back what was interrupted; start services that are down.

At boot (aipbx-recover.service, which tries again when it fails), and before a deploy that finds something unfinished.
"""

from __future__ import annotations

import argparse

from aipbx_agent import cleanup
from aipbx_agent.core import docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed
from aipbx_agent.release.containers import stack
from aipbx_agent.release.switch import switch_journal
from aipbx_agent.report import notify, run_state
from aipbx_agent.restore import swap_journal
from aipbx_agent.roles import rotation

VERB = "recover"


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Recover, and notify the team: of the first failure, of another one, and of the end.

    Raises:
        Failed: something is still not as it should be.
    """
    earlier = run_state.state(config, VERB)
    done: list[str] = []
    try:
        _recovered(config, done)
    except AgentError as problem:
        run_state.write(config, VERB, running=False, ok=False, error=str(problem))
        if str(problem) != earlier.get("error"):
            notify.send(config, f"{config.host}: recovery failed", f"{problem}\nIt is tried again, with pauses.")
        # The exit code of Refused is a success for the unit: of a host that cannot be configured yet.
        raise Failed(problem.what, problem.why, problem.do) from None
    run_state.write(config, VERB, running=False, ok=True, error="")
    if done or earlier.get("ok") is False:
        notify.send(config, f"{config.host}: recovered", "\n".join(done) or "Everything is in its place again.")
    events.result(done=done)


def _recovered(config: Config, done: list[str]) -> None:
    docker.answering()
    problems = _brought_back(config, done)
    cut_off = swap_journal.pending(config)
    release = switch_journal.pending(config)
    cleanup.main(config, argparse.Namespace(after=""))
    if rotation.close(config):
        done.append(
            "A rotation of the database's password was interrupted. Logins without a password are refused again. "
            f"inv db.rotate-password --host={config.host} completes it."
        )
    if cut_off and not swap_journal.pending(config):
        done.append(f"The {cut_off[0].what} had been cut off, and is at its end.")
    if release and not switch_journal.pending(config):
        done.append(f"A {release.entry['action']} had been cut off, and is at its end.")
    if problems:
        raise problems[0]


def _brought_back(config: Config, done: list[str]) -> list[AgentError]:
    """Start what is down, the database first, without which nothing else is completed.

    Returns: why other services do not come up.
    """
    problems = []
    for service in stack.stopped(config):
        try:
            with events.step(f"{service} was down: started"):
                stack.brought_back(config, service)
        except AgentError as problem:
            if service == stack.database(config):
                raise
            problems.append(problem)
        else:
            done.append(f"{service} was down, and runs again.")
    return problems
