"""Restored data take the place of the live ones: by renames, while the backend is held; and back when that fails.

What is about to change places stands in a journal (backups/swap.json) before anything does. How far it came is read
from the databases and folders themselves, which cannot be wrong about it. Until the journal says `decided` no one can
write to the restored data: the backend is held and the database takes no connections, so a run that finds the journal,
after a kill or at boot, takes everything back and loses nothing. From then on the restored data are the live ones, and
that run lets the backend work with them. If it does not become ready, the data from before are live again by a swap of
their own, which retains what was live in between.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from aipbx_agent.backup import sets
from aipbx_agent.contract import MAINTENANCE
from aipbx_agent.core import docker, events, files
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Problem
from aipbx_agent.core.signals import undisturbed
from aipbx_agent.databases import engine, names
from aipbx_agent.databases.engine import Engine
from aipbx_agent.release import colours, public_check, stack
from aipbx_agent.restore import retained as kept
from aipbx_agent.restore.retained import Replaced

# Seconds within which a server must answer again.
SERVER_SECONDS = 120
BEGUN, DECIDED = "begun", "decided"
UNDO = "undo of the "


@dataclass(frozen=True)
class Swap:
    """What changes places.

    Args:
        what: it is, for people: `restore of 20261123T030000Z`.
        label: that the names of what is kept end with.
        database: the live one's name.
        new: the database that gets it.
        kept: the name that the live one gets.
        folders: of the volumes: the live one, the new one, and what the live one will be called.
        at: when it began, ISO 8601.
        runs: whether the backend ran before.
        page: whether the maintenance page was on before.
        returns: whether it brings back what another swap had replaced: a run that finds it cut off completes it.
    """

    what: str
    label: str
    database: str
    new: str
    kept: str
    folders: tuple[tuple[str, str, str], ...]
    at: str
    runs: bool
    page: bool
    returns: bool = False

    @property
    def renames(self) -> list[tuple[str, str]]:
        """The databases' names, before and after."""
        return [(self.database, self.kept), (self.new, self.database)]


def journal(config: Config) -> Path:
    """Where a swap that is under way is written down."""
    return config.backups / "swap.json"


def pending(config: Config) -> tuple[Swap, str] | None:
    """The swap that is under way, or was when it was cut off, and its phase.

    Raises:
        Failed: the journal is damaged.
    """
    path = journal(config)
    if not path.exists():
        return None
    try:
        raw: dict[str, Any] = dict(files.read_json(path))
        phase = str(raw.pop("phase"))
        return Swap(**{**raw, "folders": tuple((str(a), str(b), str(c)) for a, b, c in raw["folders"])}), phase
    except (KeyError, TypeError, ValueError) as problem:
        raise Failed(
            f"{path} cannot be read, so it is unknown how far a restore came.", str(problem), "Look at it by hand."
        ) from None


def planned(config: Config, what: str, label: str, kind: str, new: str, folders: list[tuple[Path, Path]]) -> Swap:
    """A swap on this host as it is now.

    Args:
        config: the host's.
        what: it is, for people.
        label: of the restore.
        kind: how what is live now will be called: names.BEFORE or names.AFTER.
        new: the database that becomes the live one.
        folders: of the volumes: the live one, and the one that becomes it.
    """
    runs, page = now(config)
    kept_folder = names.folder(kind, label)
    return Swap(
        what=what,
        label=label,
        database=config.database,
        new=new,
        kept=names.database(config.database, kind, label),
        folders=tuple((str(live), str(fresh), str(live.with_name(kept_folder))) for live, fresh in folders),
        at=sets.now(),
        runs=runs,
        page=page,
    )


def now(config: Config) -> tuple[bool, bool]:
    """Whether the backend runs, and whether the maintenance page is on."""
    backend = docker.container(config.project, colours.active(config, "backend"), running=False)
    return docker.running(backend), _page(config).exists()


def planned_back(config: Config, replaced: Replaced, *, runs: bool, page: bool, returns: bool = False) -> Swap:
    """The swap that makes live again what another one replaced, and retains what is live now.

    Args:
        config: the host's.
        replaced: what was live before.
        runs: whether the backend runs.
        page: whether the maintenance page is on.
        returns: see Swap.
    """
    undoing = replaced.database == names.database(config.database, names.BEFORE, replaced.label)
    kind = names.AFTER if undoing else names.BEFORE
    retained = names.folder(kind, replaced.label)
    return Swap(
        what=f"{UNDO}{replaced.what}" if undoing else replaced.what.removeprefix(UNDO),
        label=replaced.label,
        database=config.database,
        new=replaced.database,
        kept=names.database(config.database, kind, replaced.label),
        folders=tuple((live, old, str(Path(live).with_name(retained))) for live, old in replaced.folders),
        at=sets.now(),
        runs=runs,
        page=page,
        returns=returns,
    )


def carry_out(config: Config, server: Engine, swap: Swap) -> float:
    """Let the data change places; when anything fails, what was live before is live again.

    Args:
        config: the host's.
        server: the live one.
        swap: what changes places.

    Returns: the seconds for which the backend was held.

    Raises:
        Failed: it did not work, or nobody reaches what is live now; `what` says how things stand.
    """
    _write(config, swap, BEGUN)
    begun = time.monotonic()
    try:
        _exchange(config, server, swap)
    except BaseException as problem:
        with undisturbed():
            _back_after(config, swap, problem)
        raise
    with undisturbed():
        try:
            _write(config, swap, DECIDED)
        except OSError as problem:
            _back_after(config, swap, problem)
            raise
        _serve(config, server, swap)
    held = time.monotonic() - begun
    if swap.runs and not swap.page:
        _answers(config, swap)
    return held


def recover(config: Config) -> bool:
    """Bring a swap that was cut off to an end: everything as it was before it, or, if it was decided, its last steps.

    Returns: whether there was one.

    Raises:
        Failed: that cannot be; the journal stays, and the next run tries again.
    """
    found = pending(config)
    if not found:
        return False
    swap, phase = found
    with undisturbed():
        server = _answering(config)
        if phase == BEGUN and not swap.returns:
            with events.step(f"{swap.what} was cut off: everything back in its place"):
                _back(config, server, swap)
            return True
        events.note(f"{swap.what} was cut off, and comes to its end.")
        if phase == BEGUN:
            _exchange(config, server, swap)
            _write(config, swap, DECIDED)
        _serve(config, server, swap)
    return True


def _exchange(config: Config, server: Engine, swap: Swap) -> None:
    """Hold the backend and let the data change places; what was done before is not done again."""
    _page(config).touch()
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
            f"Fix what it names, then: inv restore --undo --host={config.host}, which first completes this.",
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
    """Let what was live before be live again; what was live meanwhile is retained: somebody may have written to it.

    Raises:
        Failed: always; it tells why, and how things stand.
    """
    back = planned_back(config, _replaced(swap), runs=True, page=swap.page, returns=True)
    try:
        _write(config, back, BEGUN)
        _exchange(config, server, back)
        _write(config, back, DECIDED)
    except AgentError as second:
        raise _not_well(config, swap, problem, second) from None
    _serve(config, server, back)
    raise Failed(
        f"{swap.what} failed; what was live is live again.",
        f"{problem.what} {problem.why}",
        f"{problem.do} {back.kept} holds what was live for that moment: "
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
        raise Failed(f"{swap.what} failed; what was live is live again.", f"{problem.what} {problem.why}", problem.do)


def _not_well(config: Config, swap: Swap, problem: BaseException, second: AgentError) -> Failed:
    return Failed(
        f"{config.host} IS NOT WELL: {swap.what} failed, and so did the way back.",
        f"{problem} And then: {second.what} {second.why}",
        f"Fix what it names, then: inv restore --undo --host={config.host}",
    )


def _back(config: Config, server: Engine, swap: Swap) -> None:
    """Everything in the place that it had before; the maintenance page goes once the backend is ready again."""
    name = colours.active(config, "backend")
    renamed = swap.kept in server.databases()
    moved = [one for one in reversed(swap.folders) if Path(one[2]).exists()]
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
    _end(config, swap)


def _finish(config: Config, swap: Swap) -> None:
    kept.keep(config, _replaced(swap))
    _end(config, swap)


def _replaced(swap: Swap) -> Replaced:
    folders = tuple((live, old) for live, _, old in swap.folders)
    return Replaced(swap.kept, folders, swap.label, swap.what, swap.at)


def _end(config: Config, swap: Swap) -> None:
    if not swap.page:
        _page(config).unlink(missing_ok=True)
    journal(config).unlink(missing_ok=True)
    files.sync(config.backups)


def _answering(config: Config) -> Engine:
    """The live server, started when it was stopped meanwhile."""
    stack.started(config, stack.database(config))
    end = time.monotonic() + SERVER_SECONDS
    while True:
        try:
            server = engine.live(config)
            server.databases()
        except AgentError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
        else:
            return server


def _write(config: Config, swap: Swap, phase: str) -> None:
    files.write_json(journal(config), {**asdict(swap), "phase": phase})


def _page(config: Config) -> Path:
    """While this file is there, nginx shows the maintenance page (fleet/commands/rollout.py)."""
    return config.app / MAINTENANCE
