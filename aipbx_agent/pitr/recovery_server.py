"""A throwaway server in which a base backup and the log since come to be a database as it was at a moment."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aipbx_agent.contract import POSTGRES_DATA
from aipbx_agent.core import docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed
from aipbx_agent.core.process import last_words, run
from aipbx_agent.databases import throwaway
from aipbx_agent.databases.postgres import superuser
from aipbx_agent.databases.postgres.client import LONG
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.pitr import archive
from aipbx_agent.pitr.segments import BYTES
from aipbx_agent.pitr.window import Needed

NAME = VOLUME = "aipbx-point"
WAL = "/wal"
LOG_LINES = 200
# What PostgreSQL says when the log ends before a commit that is younger than the moment.
ENDED = "recovery ended before configured recovery target was reached"
STOPPED = "recovery stopping"
# Whatever the live server's own files say.
SETTINGS = {"archive_mode": "off", "logging_collector": "off", "log_destination": "stderr", "lc_messages": "C"}
_LSN = re.compile(r"([0-9A-F]+)/([0-9A-F]+)")


@dataclass(frozen=True)
class Recovery:
    """What is recovered.

    Args:
        at: the moment.
        needs: the base backup, and the segments.
        base, wal: the folders with them.
    """

    at: datetime
    needs: Needed
    base: Path
    wal: Path

    @property
    def covered(self) -> int:
        """Where in the log the moment is past for sure, in bytes."""
        last = next(
            segment
            for segment in self.needs.segments
            if segment.until >= self.at and segment.number >= self.needs.base.last
        )
        return (last.number + 1) * BYTES


def settings(what: Recovery, *, target: bool) -> str:
    """PostgreSQL's settings for its recovery, as postgresql.auto.conf has it.

    Args:
        what: is recovered.
        target: whether it stops at the moment, or at the end of what there is.
    """
    system = f"{what.needs.base.first.system:016x}"
    values = {
        "restore_command": f'zstd -dc {WAL}/{system}-%f-*{archive.PACKED} >"%p"',
        "recovery_target_timeline": "current",
        "recovery_target_action": "promote",
        **({"recovery_target_time": what.at.strftime("%Y-%m-%d %H:%M:%S.%f+00")} if target else {}),
    }
    return "".join(f"{name} = '{value}'\n" for name, value in values.items())


def command(config: Config, image: str, wal: Path) -> list[str]:
    """Return the command that starts the server.

    Args:
        image: the live server's.
        wal: the folder with the segments.
    """
    argv = [*docker.throwaway(NAME, config.raw), "--shm-size", "128m"]
    argv += ["--volume", f"{VOLUME}:{POSTGRES_DATA}", "--volume", f"{wal}:{WAL}:ro"]
    argv += [image, "postgres", *throwaway.QUICKLY]
    return [*argv, *(word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}"))]


@contextmanager
def server(config: Config, live: Postgres, what: Recovery) -> Iterator[Postgres]:
    """The server, once it is at the moment; deleted afterwards with all that was in it.

    Raises:
        Failed: it did not come up to that moment.
    """
    clear()
    image = docker.image(live.container)
    try:
        run(["docker", "volume", "create", VOLUME], seconds=docker.SECONDS)
        data = docker.volume(VOLUME)
        with events.step("base backup unpacked, and verified"):
            _unpack(image, what, data)
        scratch = Postgres(NAME, live.user, config.backups, live.jobs)
        with events.step(f"WAL replayed up to {what.at:%Y-%m-%d %H:%M:%S} UTC"):
            _configure(data, settings(what, target=True))
            run(command(config, image, what.wal), seconds=docker.SECONDS)
            stopped = _recovered(config, scratch)
            if not stopped:
                # No one has written since: all that there is, is what there was.
                _configure(data, settings(what, target=False))
                docker.start(NAME)
                _recovered(config, scratch)
            _check(scratch, what, stopped=stopped)
        yield scratch
    finally:
        clear()


def clear() -> None:
    """Delete what a killed run left."""
    run(["docker", "rm", "--force", "--volumes", NAME], seconds=docker.SECONDS)
    run(["docker", "volume", "rm", "--force", VOLUME], seconds=docker.SECONDS)


def _unpack(image: str, what: Recovery, data: Path) -> None:
    tar = what.base / f"{what.needs.base.name}{archive.TAR}"
    argv = ["tar", "--extract", "--numeric-owner", "--same-owner", "--use-compress-program=zstd"]
    run([*argv, "--file", str(tar), "--directory", str(data)], seconds=LONG)
    argv = ["docker", "run", "--rm", "--network", "none", "--pull", "never", "--user", "0:0"]
    argv += ["--volume", f"{VOLUME}:{POSTGRES_DATA}:ro", "--entrypoint", "pg_verifybackup", image]
    run([*argv, "--no-parse-wal", "--exit-on-error", "--quiet", POSTGRES_DATA], seconds=LONG)
    owner = (data / "PG_VERSION").stat()
    shutil.chown(data, owner.st_uid, owner.st_gid)
    data.chmod(0o700)


def _configure(data: Path, text: str) -> None:
    """Replace the settings that operators made on the base backup's server: it is to be as the image makes it."""
    owner = (data / "PG_VERSION").stat()
    for name, content in (("postgresql.auto.conf", text), ("recovery.signal", "")):
        path = data / name
        path.write_text(content, "utf-8")
        shutil.chown(path, owner.st_uid, owner.st_gid)
        path.chmod(0o600)


def _recovered(config: Config, scratch: Postgres) -> bool:
    """Wait until the server has ended its recovery; its superuser is the one of that moment.

    Returns: whether it stopped at its target; else the log ended before.

    Raises:
        Failed: it did neither.
    """
    end = time.monotonic() + LONG
    while True:
        if not docker.running(NAME):
            log = _log()
            if ENDED in log:
                return False
            raise Failed("The WAL cannot be replayed.", last_words(log.encode()), "Choose another time, or a set.")
        try:
            scratch.user = superuser.superuser(NAME, config.role)
            if scratch.psql("SELECT pg_is_in_recovery()") == ["f"]:
                scratch.user = superuser.superuser(NAME, config.role)
                return True
        except AgentError as problem:
            if time.monotonic() > end:
                raise Failed("The WAL was not replayed in time.", problem.why, "Use a set.") from None
        time.sleep(docker.PAUSE)


def _check(scratch: Postgres, what: Recovery, *, stopped: bool) -> None:
    """See that the server is at the moment: not past it, and not before it for want of a segment.

    Raises:
        Failed: it is not.
    """
    lsn, late, last = scratch.psql(
        "SELECT pg_last_wal_replay_lsn(); SELECT coalesce(pg_last_xact_replay_timestamp() > "
        f"'{what.at.isoformat()}', false); SELECT coalesce(to_char(pg_last_xact_replay_timestamp() AT TIME ZONE "
        "'UTC', 'YYYY-MM-DD HH24:MI:SS.MS'), '')"
    )
    match = _LSN.fullmatch(lsn)
    place = (int(match[1], 16) << 32) + int(match[2], 16) if match else 0
    at_target = stopped and STOPPED in _log()
    if late == "t" or not (at_target or place >= what.covered):
        raise Failed(
            "The WAL could not be replayed to that time.",
            f"It came to {lsn}, its last commit {last or 'none'} UTC. {last_words(_log().encode())}",
            "Choose an earlier time, or a set; a WAL segment is damaged.",
        )
    events.note(f"The last commit in it is of {last or 'before the base backup'} UTC.")


def _log() -> str:
    argv = ["sh", "-c", 'exec docker logs --tail "$1" "$2" 2>&1', "sh", str(LOG_LINES), NAME]
    return run(argv, seconds=docker.SECONDS).decode(errors="replace")
