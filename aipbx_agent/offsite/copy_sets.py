"""`aipbx-agent offsite`: copy every set that has no checked copy off this host; delete old copies that are ours.

Runs after each backup and every hour, so that whatever kept a copy from being made needs no operator to be made up for.
A failure here never touches a set: it stays as good as it was.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aipbx_agent.backup import sets
from aipbx_agent.core import events, files, lock, metrics, times
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Interrupted, Refused
from aipbx_agent.offsite import prune, stored
from aipbx_agent.report import notify
from aipbx_agent.stores import configured, encryption
from aipbx_agent.stores.base import Content, Store, Taken, measured

LOCK = Path("/run/lock/aipbx-offsite")
# How the last run ended, beside the sets.
STATE = "offsite-state.json"


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Copy what has no copy yet.

    Raises:
        Failed: a set has none now.
    """
    kept = configured.of(config)
    if kept is None:
        events.note("No off-site store is declared (`offsite` in the inventory): nothing leaves this host.")
        return
    with lock.held("offsite", LOCK):
        begun = time.monotonic()
        try:
            keys = encryption.recipients(config)
            with kept:
                copied = copy_all(config, kept, keys)
        except (AgentError, Interrupted, OSError) as problem:
            _ended(config, time.monotonic() - begun, problem)
            raise
        _ended(config, time.monotonic() - begun, None)
    events.result(where=kept.where, copied=copied)


def copy_all(config: Config, kept: Store, keys: list[str]) -> list[str]:
    """Copy every set that has no checked copy, the newest first, and prune where that is ours to do.

    Args:
        kept: where to, opened.
        keys: whose private halves open the copies.

    Returns: the names of the sets that were copied.

    Raises:
        Failed: a set could not be copied; those that could are.
    """
    folder = sets.folder(config.backups)
    present = kept.names("sets")
    names = sets.names(config.backups)
    done = [name for name in names if has_copy(folder / name, kept.where)]
    if done and stored.label(done[-1]) not in present:
        events.note(f"{kept.where} no longer has its copies: all are made again.")
        done = []
    damaged: AgentError | None = None
    for name in [name for name in reversed(names) if name not in done]:
        try:
            with events.step(f"{name} to {kept.where}"):
                copy(config, kept, folder / name, keys, present)
        except (AgentError, OSError) as problem:
            if not (folder / name).is_dir():
                events.note(f"{name} was deleted here meanwhile: it was old")
            elif isinstance(problem, Refused):
                # A set that is not whole keeps no other from being copied.
                damaged = damaged or problem
            else:
                raise
    _notify_verified(kept, folder, names, present)
    if not kept.prunes_itself:
        prune.prune(kept, config.raw["offsite_keep"])
    if damaged:
        raise Failed(damaged.what, damaged.why, "Take a new set: inv backup. The other sets have their copies.")
    return [name for name in names if name not in done]


def has_copy(path: Path, where: str) -> bool:
    """Return whether a set has a copy in a store that was read back and found equal."""
    record = files.read_json(path / sets.OFFSITE)
    return bool(record.get("checked_at")) and record.get("where") == where


def copy(config: Config, kept: Store, path: Path, keys: list[str], present: dict[str, int]) -> None:
    """Seal a set, store it, read it back, say so beside it and there.

    Args:
        kept: where to, opened.
        path: the set's folder.
        keys: whose private halves open the copy.
        present: sizes of the files in the store's folder, by name.

    Raises:
        Refused: the set is incomplete.
        Failed: it could not be stored.
    """
    manifest = sets.check(path)
    fingerprint = files.sha256(path / sets.MANIFEST)
    label = f"sets/{stored.label(path.name)}"
    name = f"sets/{stored.sealed(path.name)}"
    if stored.label(path.name) in present:
        # It was made, and this host could not write that down any more.
        written = files.parsed(b"".join(kept.read(label)))
        content = measured(kept.read(name))
        if (written.get("manifest_sha256"), written.get("sha256")) != (fingerprint, content.sha256):
            raise Failed(
                f"{kept.where} has a different {path.name} than this host.",
                "Its description, or its content, is not of this set.",
                "Check it there; it is neither overwritten nor counted as a copy.",
            )
    else:
        _refuse_full(kept, manifest.bytes, config.raw["min_free_disk_mib"])
        content = _stored(
            kept, name, _progress(encryption.packed(path, [sets.MANIFEST, *manifest.files], keys), manifest)
        )
        kept.put([_json(description(manifest, content, fingerprint))], label)
    now = times.now()
    record = {"at": now, "where": kept.where, "bytes": content.bytes, "sha256": content.sha256, "checked_at": now}
    files.write_json(path / sets.OFFSITE, record)


def description(manifest: sets.Manifest, content: Content, fingerprint: str) -> dict[str, Any]:
    """Return what anyone may read of a copy: nothing of what is in it.

    Args:
        manifest: the set's.
        content: the encrypted file's.
        fingerprint: the manifest's hash: the same for the same set.
    """
    return {
        "format": sets.FORMAT,
        "host": manifest.host,
        "name": manifest.name,
        "taken": manifest.taken,
        "bytes": content.bytes,
        "sha256": content.sha256,
        "manifest_sha256": fingerprint,
    }


def _stored(kept: Store, name: str, chunks: Iterable[bytes]) -> Content:
    try:
        return kept.put(chunks, name)
    except Taken:
        # The run that stored it ended before it could describe it. What has its name is whole.
        return measured(kept.read(name))


def _progress(chunks: Iterable[bytes], manifest: sets.Manifest) -> Iterator[bytes]:
    done, reported = 0, 0.0
    for chunk in chunks:
        done += len(chunk)
        if time.monotonic() - reported > 0.3:
            reported = time.monotonic()
            events.progress(done, max(done, manifest.bytes))
        yield chunk


def _refuse_full(kept: Store, size: int, spare_mib: int) -> None:
    free = kept.free()
    needed = size + (spare_mib << 20)
    if free is not None and free < needed:
        raise Failed(
            f"{kept.where} has no room for this set.",
            f"{free >> 20} MiB are free there; it needs {size >> 20}, and {spare_mib} MiB stay free.",
            "Make room there, or keep fewer copies: offsite_keep in group_data/all.py.",
        )


def _notify_verified(kept: Store, folder: Path, names: list[str], present: dict[str, int]) -> None:
    """Say in the store which of its copies were restored and found equal: it outlives this host."""
    for name in names:
        verified = files.read_json(folder / name / sets.VERIFIED)
        marker = stored.verified(name)
        if verified.get("ok") and marker not in present and has_copy(folder / name, kept.where):
            kept.put([_json(verified)], f"sets/{marker}")


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def _ended(config: Config, seconds: float, problem: BaseException | None) -> None:
    """Write down how the run ended; tell someone when that is news: every hour would only teach to look away."""
    path = config.backups / STATE
    before = files.read_json(path)
    now = datetime.now(timezone.utc)
    error = str(problem) if problem else ""
    files.write_json(path, {"at": times.text(now), "ok": not problem, "error": error})
    metrics.write(
        "offsite",
        metrics.gauges(
            {
                "aipbx_offsite_last_run_timestamp_seconds": ("When the last run ended.", now.timestamp()),
                "aipbx_offsite_last_run_ok": ("Whether every set has an off-site copy since.", int(not problem)),
                "aipbx_offsite_last_run_seconds": ("How long it took.", round(seconds, 1)),
            }
        ),
    )
    if problem and before.get("ok", True):
        notify.send(config, f"{config.host}: no off-site copy", error)
    elif not problem and before.get("ok") is False:
        notify.send(config, f"{config.host}: off-site copies are made again", "Every set has one now.")
