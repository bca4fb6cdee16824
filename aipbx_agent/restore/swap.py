"""Restored data take the place of the live ones: by renames, while the backend is held; and back when that fails.

What is about to change places is in a journal (backups/swap.json) before anything does. How far it came is read
from the databases and folders themselves, which cannot be wrong about it. Until the journal says `decided` no one can
write to the restored data: the backend is held and the database takes no connections, so a run that finds the journal,
after a kill or at boot, takes everything back and loses nothing. From then on the restored data are the live ones, and
that run lets the backend work with them. If it does not become ready, the data from before are live again by a swap of
their own, which retains what was live in between.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NoReturn

from aipbx_agent.core import docker, events, files, retry
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Problem
from aipbx_agent.core.signals import undisturbed
from aipbx_agent.databases import engine
from aipbx_agent.databases.engine import Engine
from aipbx_agent.release.containers import colours, stack
from aipbx_agent.release.switch import public_check
from aipbx_agent.restore import retained, swap_journal, swap_plan
from aipbx_agent.restore.swap_plan import Swap

# Seconds within which a server must answer again.
SERVER_SECONDS = 120


def carry_out(config: Config, server: Engine, swap: Swap) -> float:
    """Let the data change places; when anything fails, what was live before is live again.

    Args:
        server: the live one.
        swap: what changes places.

    Returns: the seconds for which the backend was held.

    Raises:
        Failed: it did not work, or no one reaches what is live now; `what` says how things are.
    """
    swap_journal.write(config, swap, swap_journal.BEGUN)
    begun = time.monotonic()
    try:
        _exchange(config, server, swap)
    except BaseException as problem:
        with undisturbed():
            _back_after(config, swap, problem)
        raise
    with undisturbed():
        try:
            swap_journal.write(config, swap, swap_journal.DECIDED)
        except OSError as problem:
            _back_after(config, swap, problem)
            raise
        _serve(config, server, swap)
    held = time.monotonic() - begun
    if swap.runs and not swap.page:
        _answers(config, swap)
    return held


def recover(config: Config) -> bool:
    """Complete a swap that was interrupted: everything as it was before it, or, if it was decided, its last steps.

    Returns: whether there was one.

    Raises:
        Failed: that cannot be; the journal stays, and the next run tries again.
    """
    interrupted = swap_journal.pending(config)
    if not interrupted:
        return False
    swap, phase = interrupted
    with undisturbed():
        server = _answering(config)
        if phase == swap_journal.BEGUN and not swap.returns:
            with events.step(f"{swap.what} was interrupted: everything back in its place"):
                _back(config, server, swap)
            return True
        events.note(f"{swap.what} was interrupted, and is now completed.")
        if phase == swap_journal.BEGUN:
            _exchange(config, server, swap)
            swap_journal.write(config, swap, swap_journal.DECIDED)
        _serve(config, server, swap)
    return True


def _exchange(config: Config, server: Engine, swap: Swap) -> None:
    """Hold the backend and let the data change places; what was done before is not done again."""
    swap_plan.maintenance_page(config).touch()
    with events.step("backend held"):
        docker.stop(docker.container(config.project, colours.active(config, "backend"), running=False))
    with events.step(f"{swap.new} is {swap.database}, which is {swap.kept}"):
        server.rename(swap.renames)
    if swap.folders:
        with events.step(f"{len(swap.folders)} volumes changed places"):
            for live, new, old in swap.folders:
                if not Path(old).exists():
                    Path(live).rename(old)
                if Path(new).exists():
                    Path(new).rename(live)
                files.sync(Path(live).parent)


def _serve(config: Config, server: Engine, swap: Swap) -> None:
    """Let the backend work with what is live now; if it does not become ready, with what was live before."""
    server.open(swap.database)
    try:
        with events.step("backend started"):
            backend = stack.started(config, colours.active(config, "backend"))
    except AgentError as problem:
        raise Failed(
            f"{config.host} IS NOT WELL: the {swap.what} is done, and {problem.what}",
            problem.why,
            f"Fix the cause, then: inv restore --undo --host={config.host}, which first completes this.",
        ) from None
    try:
        with events.step("backend ready"):
            docker.wait_healthy(backend, "The backend", float(config.raw["ready_seconds"]))
    except Failed as problem:
        if swap.returns:
            raise _not_well(config, swap, problem, problem) from None
        _return(config, server, swap, problem)
    try:
        _finish(config, swap)
    except OSError as problem:
        # The journal says `decided`, so the next run of anything here ends it.
        events.note(f"It is live; what is retained could not be written down yet: {problem}")


def _answers(config: Config, swap: Swap) -> None:
    """See that visitors reach it: the container that was started again may have another address.

    Raises:
        Failed: they do not.
    """
    try:
        with events.step(f"https://{config.host} answers"):
            public_check.check(config)
    except Failed as problem:
        raise Failed(f"The {swap.what} is done, but {problem.what}", problem.why, problem.do) from None


def _return(config: Config, server: Engine, swap: Swap, problem: Failed) -> NoReturn:
    """Let what was live before be live again; what was live meanwhile is retained: someone may have written to it.

    Raises:
        Failed: always; it says why, and how things are.
    """
    back = swap_plan.planned_back(config, swap_plan.replaced(swap), runs=True, page=swap.page, returns=True)
    try:
        swap_journal.write(config, back, swap_journal.BEGUN)
        _exchange(config, server, back)
        swap_journal.write(config, back, swap_journal.DECIDED)
    except AgentError as second:
        raise _not_well(config, swap, problem, second) from None
    _serve(config, server, back)
    raise Failed(
        f"{swap.what} failed; the previous data is live again.",
        f"{problem.what} {problem.why}",
        f"{problem.do} {back.kept} holds the data that was live meanwhile: "
        f"inv restore --discard --host={config.host} deletes it.",
    )


def _back_after(config: Config, swap: Swap, problem: BaseException) -> None:
    """Put everything back, and tell so in place of the problem when that was none of ours."""
    try:
        with events.step("everything back in its place"):
            _back(config, _answering(config), swap)
    except AgentError as second:
        raise _not_well(config, swap, problem, second) from None
    if isinstance(problem, Problem):
        raise Failed(
            f"{swap.what} failed; the previous data is live again.", f"{problem.what} {problem.why}", problem.do
        )


def _not_well(config: Config, swap: Swap, problem: BaseException, second: AgentError) -> Failed:
    return Failed(
        f"{config.host} IS NOT WELL: {swap.what} failed, and so did its rollback.",
        f"{problem} And then: {second.what} {second.why}",
        f"Fix the cause, then: inv restore --undo --host={config.host}",
    )


def _back(config: Config, server: Engine, swap: Swap) -> None:
    """Everything in the place that it had before; the maintenance page goes once the backend is ready again."""
    name = colours.active(config, "backend")
    renamed = swap.kept in server.databases()
    moved = [folder for folder in reversed(swap.folders) if Path(folder[2]).exists()]
    if renamed or moved:
        docker.stop(docker.container(config.project, name, running=False))
    if renamed:
        server.take_back(swap.renames)
    for live, new, old in moved:
        if Path(live).exists():
            Path(live).rename(new)
        Path(old).rename(live)
        files.sync(Path(live).parent)
    if swap.runs:
        backend = stack.started(config, name)
        docker.wait_healthy(backend, "The backend", float(config.raw["ready_seconds"]))
    swap_journal.end(config, swap)


def _finish(config: Config, swap: Swap) -> None:
    retained.keep(config, swap_plan.replaced(swap))
    swap_journal.end(config, swap)


def _answering(config: Config) -> Engine:
    """Return the live server, started when it was stopped meanwhile."""
    stack.started(config, stack.database(config))

    def server() -> Engine:
        live = engine.live(config)
        live.databases()
        return live

    return retry.until(SERVER_SECONDS, server)
