"""What an operator wants restored, and what that will mean: shown before they say yes."""

from __future__ import annotations

import re
import secrets
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aipbx_agent.backup.sets import NAME
from aipbx_agent.contract import UPLOAD
from aipbx_agent.core.text import size
from fleet.errors import OperatorError
from fleet.output import step
from fleet.restore import dump_file
from fleet.restore.dump_file import Archive
from fleet.transfer import archive

OF_A_HOST = re.compile(r"([a-z0-9.-]+)/(\d{8}T\d{6}Z)")
INTERRUPTS = "  Interrupts: API, Socket.IO and calls for as long as the backend takes to start (10 to 25 s)"


@dataclass(frozen=True)
class Request:
    """What an operator named.

    Args:
        host: where it was taken; empty: it does not say.
        name: the set's, or the file's.
        path: the file here; None: it is on the host.
        taken: when, ISO 8601; empty: it does not say.
        tables, rows: how many it holds.
        volumes: whether the files that the application wrote are in it.
        label: what the host knows it by, where that is not its name.
        dump: what a dump says of itself.
        scrubbed: whether its customers are made up (inv staging.refresh).
    """

    host: str
    name: str
    path: Path | None = None
    taken: str = ""
    tables: int = 0
    rows: int = 0
    volumes: bool = True
    label: str = ""
    dump: Archive | None = None
    scrubbed: bool = False

    def place(self) -> str:
        """Return its name on the host, where nothing else has it."""
        return f"{UPLOAD}{secrets.token_hex(4)}-{self.path.name}" if self.path else self.label or self.name


def named(what: str) -> Request:
    """Return what an operator typed: a file here, the name of a set, or `host/name`.

    Raises:
        OperatorError: there is no such thing, or it is incomplete.
    """
    path = Path(what).expanduser()
    if path.is_file():
        return _file(path)
    if (path / dump_file.CONTENTS).is_file():
        dump_file.read(path)
    if match := OF_A_HOST.fullmatch(what):
        return Request(match[1], match[2])
    if NAME.fullmatch(what):
        return Request("", what)
    raise OperatorError(
        f"{what!r} is not a backup.",
        "It is neither a file here, nor the name of a set as 20261123T030000Z, nor host/name.",
        "inv backups shows the sets of the hosts.",
    )


def _file(path: Path) -> Request:
    if not path.stat().st_size:
        raise OperatorError(f"{path} is empty.", "It has 0 bytes.", "Use another file.")
    if not _may_be_a_set(path):
        return Request("", path.name, path, volumes=False, dump=dump_file.read(path))
    with step(f"every file in {path.name} compared with its manifest"):
        manifest = archive.check(path)
    tables = manifest["contents"]["tables"]
    return Request(
        manifest["host"],
        manifest["name"],
        path,
        manifest["taken"],
        len(tables),
        sum(tables.values()),
        volumes=bool(manifest.get("volumes")),
        scrubbed=bool(manifest.get("scrubbed")),
    )


def _may_be_a_set(path: Path) -> bool:
    """Return whether a file is a tar, but for one of pg_dump's."""
    try:
        with tarfile.open(path, "r:") as tar:
            first = tar.next()
    except (tarfile.TarError, EOFError):
        return False
    return first is None or first.name != dump_file.CONTENTS


def announcement(host: str, request: Request, live: dict[str, Any], calls: int | None) -> list[str]:
    """Return what a restore is about to do.

    Args:
        request: what is restored.
        live: the live database, as the host reports it: database, bytes.
        calls: live RTP flows there; None: unknown.
    """
    flows = f"; {calls} RTP flows are live and would be cut" if calls else ""
    files = ", and its files that of the live ones" if request.volumes else "; a file of this kind has no volumes"
    return [
        *_whose(host, request),
        "  First it is loaded beside the live data, compared and tried out; nothing is interrupted meanwhile.",
        f"  Then it replaces {live['database']} ({size(live['bytes'])}){files}.",
        f"{INTERRUPTS}{flows}.",
        f"  Data written since {request.taken or 'it was taken'} is not in it, and is retained; --undo brings it back.",
    ]


def looking(host: str, request: Request, live: dict[str, Any], tables: str) -> list[str]:
    """Return what a look is about to do; its arguments are those of `announcement`, and the tables whose rows match."""
    rows = f", with the rows of {tables}" if tables else ""
    return [*_whose(host, request), f"  Into a new database, for inspection{rows}. {live['database']} stays as it is."]


def _whose(host: str, request: Request) -> list[str]:
    about = (
        f"taken {request.taken}, {request.rows} rows of {request.tables} tables"
        if request.taken
        else "it does not say when"
    )
    lines = [f"{host}: restore of {request.name} ({about})"]
    if request.host not in {"", host}:
        lines.append(
            f"  IT WAS TAKEN ON {request.host}: its users, calls and invoices become {host}'s, and what was encrypted "
            f"with the ENCRYPTION_KEY of {request.host} cannot be read here."
        )
    return lines
