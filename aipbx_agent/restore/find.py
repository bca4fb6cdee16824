"""Find what an operator named: a set of this host, a file that was brought here, or a moment to recover to.

Told apart by what is in them, never by their names. Everything is read to its end before anything is touched.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from aipbx_agent.backup import sets
from aipbx_agent.backup.sets import Manifest
from aipbx_agent.core import disk, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.core.process import run
from aipbx_agent.databases.engine import Engine
from aipbx_agent.pitr import targets
from aipbx_agent.restore import from_moment, incoming
from aipbx_agent.restore.incoming import kind, title
from aipbx_agent.restore.source import Source, mismatch

SECONDS = 6 * 3600
# An old dump becomes a database of about so many times its size; the live one's is a better guess when it is larger.
GROWS = 3


@contextmanager
def opened(config: Config, server: Engine, name: str) -> Iterator[Source]:
    """Find, unpack and check what an operator named; what was unpacked for it goes away afterwards.

    Args:
        server: that it will be restored to.
        name: the name of a set, of a file in `incoming`, or a moment (pitr/targets.py).

    Raises:
        Refused: there is no such thing, or it is incomplete.
    """
    if targets.NAMED.fullmatch(name):
        with from_moment.opened(config, server, name) as source:
            yield source
        return
    if sets.NAME.fullmatch(name):
        path = sets.folder(config.backups) / name
        with events.step("every byte of the set is as it was written"):
            manifest = sets.check(path)
        yield _of_set(path, manifest)
        return
    path = incoming.folder(config) / name
    if "/" in name or name in {"", ".", ".."} or path.is_symlink() or not path.is_file():
        raise Refused(
            f"{name!r} is neither a set of this host nor a file in {incoming.folder(config)}.",
            f"Sets are named as {sets.name_of(datetime.now(timezone.utc))}.",
            f"inv backups --host={config.host}",
        )
    partial = Path(tempfile.mkdtemp(prefix=sets.ASIDE, dir=incoming.folder(config)))
    try:
        folder = partial / title(name)
        folder.mkdir()
        if from_moment.is_for(path):
            with events.step("unpacked, for point-in-time recovery"):
                disk.require({partial: path.stat().st_size}, int(config.raw["min_free_disk_mib"]))
                _untar(path, folder)
            with from_moment.brought(config, server, folder) as source:
                yield source
            return
        yield _unpacked(config, server, path, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unpacked(config: Config, server: Engine, path: Path, partial: Path) -> Source:
    spare = int(config.raw["min_free_disk_mib"])
    what = kind(path)
    with disk.watched([partial], spare // 2):
        if what == "tar":
            disk.require({partial: path.stat().st_size}, spare)
            with events.step(f"{title(path.name)} unpacked, every byte of it as it was written"):
                _untar(path, partial)
                manifest = sets.check(partial)
            return _of_set(partial, manifest)
        dump = path
        if what == "gzip":
            dump = partial / server.dump_file
            with events.step(f"{title(path.name)} unpacked"):
                _gunzip(path, dump)
            what = kind(dump)
    if what not in {"custom", "mysql"}:
        why = "It is SQL of pg_dump's." if what == "postgres" else "It begins like nothing that we know."
        raise Refused(
            f"{title(path.name)} is not a backup that can be restored.",
            f"{why} It may be a set, or a dump by `pg_dump --format=custom` or by mysqldump, also packed by gzip.",
            "Use another file.",
        )
    return _of_file(config, server, path, dump, "postgres" if what == "custom" else "mysql")


def _untar(path: Path, partial: Path) -> None:
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                plain = member.isreg() and "/" not in member.name and not member.name.startswith(".")
                file = tar.extractfile(member) if plain else None
                if file is None:
                    raise Refused(
                        f"{title(path.name)} is not a set.",
                        f"{member.name!r} does not belong there.",
                        "Use another file.",
                    )
                with (partial / member.name).open("xb") as copy:
                    shutil.copyfileobj(file, copy, 1 << 20)
    except (tarfile.TarError, EOFError, FileExistsError) as problem:
        raise Refused(f"{title(path.name)} is incomplete.", str(problem), "Copy it here again.") from None


def _gunzip(path: Path, into: Path) -> None:
    try:
        run(["gzip", "--decompress", "--stdout"], seconds=SECONDS, source=path, into=into)
    except Failed as problem:
        if "exit code" not in problem.what:
            raise
        raise Refused(f"{title(path.name)} is incomplete.", problem.why, "Use another file.") from None


def _of_set(path: Path, manifest: Manifest) -> Source:
    return Source(
        title=manifest.name,
        label=manifest.name,
        folder=path,
        dump=path / next((name for name in manifest.files if name.startswith("database.")), "database"),
        engine=manifest.engine,
        server_version=manifest.server_version,
        host=manifest.host,
        taken=manifest.taken,
        database_bytes=manifest.database_bytes,
        role=manifest.role,
        contents=manifest.contents,
        listed=len(manifest.contents.tables),
        volumes=manifest.volumes,
        release=manifest.release,
        scrubbed=bool(manifest.scrubbed),
    )


def _of_file(config: Config, server: Engine, path: Path, dump: Path, engine: str) -> Source:
    if engine != server.name:
        raise mismatch(title(path.name), engine, server)
    with events.step(f"all of {title(path.name)} can be read"):
        try:
            listed = server.listed(dump)
        except Refused as problem:
            raise Refused(problem.what.replace(dump.name, title(path.name)), problem.why, problem.do) from None
    live = config.database
    return Source(
        title=title(path.name),
        label=sets.name_of(datetime.now(timezone.utc)),
        folder=dump.parent,
        dump=dump,
        engine=engine,
        server_version=server.dumped_from(dump),
        host="",
        taken="",
        database_bytes=max(GROWS * dump.stat().st_size, server.size(live) if live in server.databases() else 0),
        role=_owner(config, listed) if engine == "postgres" else config.role,
        contents=None,
        listed=len(listed),
    )


def _owner(config: Config, listed: set[str]) -> str:
    """Return who owns a dump's tables, the last word of each line: this host's application, or who owns most."""
    owners = Counter(line.rpartition(" ")[2] for line in sorted(listed))
    return config.role if config.role in owners or not owners else owners.most_common(1)[0][0]
