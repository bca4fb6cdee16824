"""Segments on their way off this host, encrypted, over one connection that stays open."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed
from aipbx_agent.pitr import archive, segments
from aipbx_agent.pitr.segments import Segment
from aipbx_agent.stores import configured, encryption
from aipbx_agent.stores.base import Store, Taken

# So many in one pass: meanwhile PostgreSQL's own folder fills.
AT_ONCE = 8
LATE = timedelta(seconds=60)


class Late(Failed):
    """Copies are made, and too slowly."""


class Shipping:
    """Which segments have a copy, and how the others get one."""

    def __init__(self) -> None:
        self._kept: Store | None = None
        self._declared: object = None
        self._there: set[Segment] = set()
        self.until = ""

    def send(self, config: Config) -> None:
        """Send what has no copy yet, the oldest first.

        Raises:
            AgentError: it could not be sent.
        """
        try:
            self._connect(config)
            if self._kept is None:
                self.until = ""
                return
            keys = encryption.recipients(config)
            missing = sorted(
                segment for segment in archive.kept_segments(archive.wal(config)) if segment not in self._there
            )
            for segment in missing[:AT_ONCE]:
                self._send(self._kept, config, segment, keys)
            _refuse_late(self._kept, missing[AT_ONCE:])
        except Late:
            raise
        except (AgentError, OSError):
            # What is there is asked for again: the connection may have broken after the last byte.
            self._kept = None
            raise
        newest = max((segment.until for segment in self._there), default=None)
        self.until = f"{newest:%Y-%m-%dT%H:%M:%SZ}" if newest else ""

    def _connect(self, config: Config) -> None:
        now = (config.raw["offsite"], config.secrets)
        if self._kept is None or now != self._declared:
            if self._kept:
                self._kept.__exit__(None, None, None)
            self._declared = now
            self._kept = configured.of(config)
            stored = (segments.parse(name) for name in self._kept.names("wal")) if self._kept else ()
            self._there = {segment for segment in stored if segment}

    def _send(self, kept: Store, config: Config, segment: Segment, keys: list[str]) -> None:
        path = archive.wal(config) / f"{segment.name}{archive.PACKED}"
        with suppress(Taken):  # what has its name is whole
            kept.put(encryption.sealed(path, keys), f"wal/{segment.name}{archive.PACKED}{archive.SEALED}")
        self._there.add(segment)


def _refuse_late(kept: Store, waiting: list[Segment]) -> None:
    if waiting and datetime.now(timezone.utc) - waiting[0].moment > LATE:
        raise Late(
            f"{len(waiting)} WAL segments have no copy on {kept.where} yet.",
            f"The oldest was closed {waiting[0].moment:%Y-%m-%d %H:%M:%S} UTC. They would be lost with this host.",
            "They are sent one after the other. Is the connection slow, or was much written (a restore)?",
        )
