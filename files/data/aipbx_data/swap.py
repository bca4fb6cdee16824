"""Restored data take the place of the live ones: by renames, while the backend is held; and back when that fails.

What is about to change places stands in a journal (backups/swap.json) before anything does. How far it came is read
from the databases and folders themselves, which cannot be wrong about it: so whoever finds the journal, after a kill or
at boot, puts everything back, unless it says `done`.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aipbx_data import colours, docker, engine, events, kept, names, sets
from aipbx_data.config import Config
from aipbx_data.engine import Engine
from aipbx_data.errors import DataError, Failed, Told

# Seconds within which a server must answer again.
SERVER_SECONDS = 120
BEGUN, DONE = "begun", "done"


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
        raw: dict[str, Any] = dict(sets.read_json(path))
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
    backend = docker.container(config.project, colours.active(config, "backend"), running=False)
    kept_folder = names.folder(kind, label)
    return Swap(
        what=what,
        label=label,
        database=config.database,
        new=new,
        kept=names.database(config.database, kind, label),
        folders=tuple((str(live), str(fresh), str(live.with_name(kept_folder))) for live, fresh in folders),
        at=sets.now(),
        runs=docker.running(backend),
        page=_page(config).exists(),
    )


def carry_out(config: Config, server: Engine, swap: Swap) -> float:
    """Let the data change places; when anything fails, all of it is as before.

    Args:
        config: the host's.
        server: the live one.
        swap: what changes places.

    Returns: the seconds for which the backend was held.

    Raises:
        Failed: it did not work; `what` says how things stand.
    """
    _write(config, swap, BEGUN)
    try:
        seconds = _forward(config, server, swap)
        _write(config, swap, DONE)
    except BaseException as problem:
        with undisturbed():
            _back_after(config, swap, problem)
        raise
    with undisturbed():
        try:
            _finish(config, swap)
        except OSError as problem:
            # The journal says `done`, so the next run of anything here ends it.
            events.note(f"It is live; what is kept could not be written down yet: {problem}")
    return seconds


def recover(config: Config) -> bool:
    """Bring a swap that was cut off to an end: everything as it was before it, or, if it was done, its last steps.

    Returns: whether there was one.

    Raises:
        Failed: that cannot be; the journal stays, and the next run tries again.
    """
    found = pending(config)
    if not found:
        return False
    swap, phase = found
    with undisturbed():
        if phase == DONE:
            _finish(config, swap)
            return True
        with events.step(f"{swap.what} was cut off: everything back in its place"):
            _back(config, _answering(config), swap)
    return True


@contextmanager
def undisturbed() -> Iterator[None]:
    """Nobody's signal ends what happens here; what kills it all the same is followed by `recover`."""
    before = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _forward(config: Config, server: Engine, swap: Swap) -> float:
    backend = docker.container(config.project, colours.active(config, "backend"), running=False)
    _page(config).touch()
    begun = time.monotonic()
    with events.step("backend held"):
        docker.stop(backend)
    with events.step(f"{swap.new} is {swap.database}, which is {swap.kept}"):
        server.rename(swap.renames)
    if swap.folders:
        with events.step(f"{len(swap.folders)} volumes changed places"):
            for live, new, old in swap.folders:
                Path(live).rename(old)
                Path(new).rename(live)
                sets.sync(Path(live).parent)
    with events.step("backend ready"):
        docker.start(backend)
        docker.wait_healthy(backend, "The backend", float(config.raw["ready_seconds"]))
    return time.monotonic() - begun


def _back_after(config: Config, swap: Swap, problem: BaseException) -> None:
    """Put everything back, and tell so in place of the problem when that was none of ours."""
    try:
        with events.step("everything back in its place"):
            backend = _back(config, _answering(config), swap)
            if swap.runs:
                docker.wait_healthy(backend, "The backend", float(config.raw["ready_seconds"]))
    except DataError as second:
        raise Failed(
            f"{config.host} IS NOT WELL: {swap.what} failed, and so did the way back.",
            f"{problem} And then: {second.what} {second.why}",
            f"Mend what it names, then: inv restore --undo --host={config.host}",
        ) from None
    if isinstance(problem, Told):
        raise Failed(f"{swap.what} failed; what was live is live again.", f"{problem.what} {problem.why}", problem.do)


def _back(config: Config, server: Engine, swap: Swap) -> str:
    backend = docker.container(config.project, colours.active(config, "backend"), running=False)
    renamed = swap.kept in server.databases()
    moved = [one for one in reversed(swap.folders) if Path(one[2]).exists()]
    if renamed or moved:
        docker.stop(backend)
    if renamed:
        server.take_back(swap.renames)
    for live, new, old in moved:
        if Path(live).exists():
            Path(live).rename(new)
        Path(old).rename(live)
        sets.sync(Path(live).parent)
    if swap.runs:
        docker.start(backend)
    _end(config, swap)
    return backend


def _finish(config: Config, swap: Swap) -> None:
    folders = [(live, old) for live, _, old in swap.folders]
    kept.keep(config, kept.Replaced(swap.kept, tuple(folders), swap.label, swap.what, swap.at))
    _end(config, swap)


def _end(config: Config, swap: Swap) -> None:
    if not swap.page:
        _page(config).unlink(missing_ok=True)
    journal(config).unlink(missing_ok=True)
    sets.sync(config.backups)


def _answering(config: Config) -> Engine:
    """The live server, started when it was stopped meanwhile."""
    service = "mysql" if config.dialect == "mysql" else config.services["backend"]["DB_HOST"]
    docker.start(docker.container(config.project, service, running=False))
    end = time.monotonic() + SERVER_SECONDS
    while True:
        try:
            server = engine.live(config)
            server.databases()
        except DataError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
        else:
            return server


def _write(config: Config, swap: Swap, phase: str) -> None:
    sets.write_json(journal(config), {**asdict(swap), "phase": phase})


def _page(config: Config) -> Path:
    """While this file is there, nginx shows the maintenance page (fleet/commands/rollout.py)."""
    return config.app / "maintenance" / "on"
