"""`inv restore --at`: a database as it was at a recovery target; the agent does it; this asks, sends, reports."""

from __future__ import annotations

import io
import json
import shlex
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from aipbx_agent import contract
from aipbx_agent.core.text import size
from aipbx_agent.pitr.archive import SEALED
from aipbx_agent.restore.from_moment import LABEL
from fleet import agent
from fleet.cli import agree, hosts_to_change, only
from fleet.env.dotenv import encryption
from fleet.errors import FailedError, OperatorError
from fleet.offsite import copies
from fleet.output import bar, say, step
from fleet.remote import as_root
from fleet.restore import recovery_target, restore
from fleet.restore.request import INTERRUPTS, Request
from fleet.ssh import program, ssh
from fleet.state import survey

if TYPE_CHECKING:
    from fleet.remote import Remote


def to(text: str, host: str, tables: str, database: str, *, yes: bool) -> None:
    """Restore a host's database to a moment, or bring it as it was then into a database for inspection.

    Args:
        text: the moment, as typed.
        host: as typed.
        tables: only the rows of these, with commas; nothing changes places.
        database: the new database that gets it; nothing changes places.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: it was refused, and nothing was touched.
        FailedError: it failed; what was live is live.
    """
    target = recovery_target.parse(text)
    remote = only(hosts_to_change(host))
    past = recovery_target.since(target, datetime.now(UTC))
    say(f"{remote.name}: the database as it was at {recovery_target.shown(target)} ({past})", "bold")
    with step("host"):
        calls = survey.take(remote).calls
        live = agent.query(remote, ["retained"])["live"]
        offer, elsewhere = _query(remote, target)
    look = bool(tables or database)
    with tempfile.TemporaryDirectory(prefix="aipbx-restore-") as folder:
        lines = announcement(offer, live, calls, look=look)
        if elsewhere:
            lines.insert(
                0, f"  This host does not have it; {offer['where']} does: {size(offer['bytes'])} come here first."
            )
            for line in lines:
                say(line)
            agree(remote.name, f"restore to {recovery_target.shown(target)} on {remote.name}", yes=yes)
            path = fetch(remote, target, Path(folder), offer["bytes"])
            request = Request(remote.name, recovery_target.shown(target), path, volumes=False)
            restore.go(remote, request, [], tables, database, yes=True)
            return
        request = Request(
            remote.name, recovery_target.shown(target), volumes=False, label=recovery_target.named(target)
        )
        restore.go(remote, request, lines, tables, database, yes=yes)


def announcement(offer: dict[str, Any], live: dict[str, Any], calls: int | None, *, look: bool) -> list[str]:
    """Return what is about to happen.

    Args:
        offer: what the host, or the store, said of that target.
        live: the live database: database, bytes.
        calls: live RTP flows; None: unknown.
        look: whether it only comes to be looked into.
    """
    lines = [f"  From the base backup of {offer['base']} and the WAL since, in a throwaway server without a network."]
    if look:
        return [*lines, f"  Into a new database, for inspection. {live['database']} stays as it is."]
    flows = f"; {calls} RTP flows are live and would be cut" if calls else ""
    files = f": those of then are in set {offer['set']}" if offer.get("set") else ""
    return [
        *lines,
        "  Then it is loaded beside the live data, compared and tried out; nothing is interrupted meanwhile.",
        f"  Then it replaces {live['database']} ({size(live['bytes'])}). Files stay as they are now{files}.",
        f"{INTERRUPTS}{flows}.",
        "  Data written since is not in it, and is retained; --undo brings it back.",
    ]


def _query(remote: Remote, target: datetime) -> tuple[dict[str, Any], bool]:
    """Return what the host says of a recovery target; else its store, and that it was the store."""
    try:
        return agent.query(remote, ["point", recovery_target.named(target)]), False
    except FailedError:
        raise
    except OperatorError as problem:
        if not remote.settings.offsite or target > datetime.now(UTC):
            raise
        try:
            return _store(remote, target), True
        except OperatorError as second:
            raise OperatorError(problem.what, f"{problem.why} {second.what} {second.why}", problem.do) from None


def _store(remote: Remote, target: datetime) -> dict[str, Any]:
    query, more = copies.through(remote)
    return agent.query(query, ["offsite-point", recovery_target.named(target), *more])


def fetch(remote: Remote, target: datetime, folder: Path, length: int) -> Path:
    """Bring what makes a moment from off-site, opened.

    Args:
        remote: the host whose database it was.
        target: the moment.
        folder: gets the file.
        length: bytes that will come.

    Returns: a tar that the host's program takes (aipbx_agent.restore.from_moment).

    Raises:
        OperatorError: no key here opens it.
        FailedError: it did not come, or is not what was stored.
    """
    query, more = copies.through(remote)
    command = shlex.join([contract.COMMAND, "offsite-point", recovery_target.named(target), "--send", *more])
    argv = ssh.command(query.name, query.settings.deploy_user, as_root(command, copies.LONG), "-T")
    path = folder / f"point-{target:%Y%m%dT%H%M%SZ}.tar"
    label = json.dumps({"at": recovery_target.named(target), "host": remote.name}).encode()
    wrong = ""
    try:
        with (
            program.running(argv) as sending,
            bar(f"{recovery_target.shown(target)} from off-site", length) as passed,
            tarfile.open(path, "w") as opened,
            tarfile.open(fileobj=sending.stdout, mode="r|") as sealed,
        ):
            _add(opened, LABEL, io.BytesIO(label))
            for member in sealed:
                _open(opened, sealed, member)
                passed(member.size)
    except (tarfile.TarError, EOFError) as problem:
        wrong = str(problem)
    if wrong or sending.code != 0:
        why = sending.last_words or wrong or f"ssh ended with {sending.code}."
        raise FailedError("The off-site copy did not arrive.", why, "Run this again.")
    return path


def _open(opened: tarfile.TarFile, sealed: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    import pyrage

    content = sealed.extractfile(member)
    if content is None or "/" in member.name:
        raise FailedError(f"{member.name!r} does not belong in a store.", "It is not a file.", "Check the store.")
    if not member.name.endswith(SEALED):
        _add(opened, member.name, io.BytesIO(content.read()))
        return
    keys, _ = encryption.identities("off-site copies")
    with tempfile.TemporaryFile(dir=Path(str(opened.name)).parent) as plain:
        try:
            pyrage.decrypt_io(content, plain, keys)
        except pyrage.DecryptError as problem:
            raise OperatorError(
                f"{member.name} cannot be opened here.",
                f"age says: {problem}. It is damaged, or none of your keys is one of its backup_recipients.",
                "Get the key from the team's password manager, and name it: export AIPBX_AGE_IDENTITY=<file>",
            ) from None
        _add(opened, member.name.removesuffix(SEALED), plain)


def _add(opened: tarfile.TarFile, name: str, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size = content.seek(0, 2)
    content.seek(0)
    opened.addfile(member, content)
