"""A set is restored into a scratch server and compared: without that, no one knows whether it can be."""

from __future__ import annotations

import argparse
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aipbx_agent import cleanup
from aipbx_agent.backup import compare, loading, sets, unpack
from aipbx_agent.backup.sets import Manifest
from aipbx_agent.core import disk, docker, events, files, metrics, times
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Refused
from aipbx_agent.databases import engine, throwaway
from aipbx_agent.databases.engine import Engine


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which."""
    parser.add_argument("name", nargs="?", default="", help="a set; default: the newest")


def main(config: Config, options: argparse.Namespace) -> None:
    """Verify a set, and write beside it what came of that.

    Raises:
        Refused: there is no such set, no server, or no room.
        Failed: it cannot be restored, or is not restored unchanged.
    """
    cleanup.clear(config)
    names = sets.names(config.backups)
    name = options.name or (names[-1] if names else "")
    if name not in names:
        raise Refused(
            f"There is no set {name} to verify." if name else "There is no set to verify.",
            f"{sets.folder(config.backups)} has {len(names)}.",
            f"inv backups --host={config.host}; inv backup makes one",
        )
    live = engine.live(config)
    path = sets.folder(config.backups) / name
    disk.require(
        # Docker keeps all volumes on one disk, the scratch server's too.
        {docker.volume(next(iter(config.raw["volumes"].values()))): 2.0 * sets.read(path).database_bytes},
        int(config.raw["min_free_disk_mib"]),
    )
    begun, age = time.monotonic(), datetime.now(timezone.utc) - sets.moment_of(name)
    do = ""
    figures: dict[str, Any] = {"ok": False, "error": "", "rpo_seconds": round(age.total_seconds())}
    try:
        manifest = _verified(config, live, path)
        figures |= {"ok": True, "tables": len(manifest.contents.tables), "rows": sum(manifest.contents.tables.values())}
    except AgentError as problem:
        figures["error"] = f"{problem.what} {problem.why}"
        do = problem.do
    seconds = round(time.monotonic() - begun, 1)
    figures |= {"at": times.now(), "seconds": seconds, "rto_seconds": seconds}
    files.write_json(path / sets.VERIFIED, figures)
    metrics.write("verify", lines(figures))
    if not figures["ok"]:
        raise Failed(f"{name} CANNOT BE RESTORED.", figures["error"], do)
    events.result(set=name, **figures)


def lines(figures: dict[str, Any]) -> list[str]:
    """Return the metrics for monitoring."""
    begin = "aipbx_verify_"
    return metrics.gauges(
        {
            f"{begin}last_run_ok": ("Whether the last set that was tried could be restored.", int(figures["ok"])),
            f"{begin}last_run_timestamp_seconds": ("When it was tried.", time.time()),
            f"{begin}rto_seconds": ("How long its restoration took, in a scratch server.", figures["rto_seconds"]),
            f"{begin}rpo_seconds": ("How old its data were then.", figures["rpo_seconds"]),
        }
    )


def _verified(config: Config, live: Engine, path: Path) -> Manifest:
    with events.step("every byte of the set is as it was written"):
        manifest = sets.check(path)
    for key, expected in manifest.volumes.items():
        with events.step(f"{key} unpacked to nowhere, and counted"):
            counts = unpack.read_through(path / f"volume-{key}.tar.zst")
        if not unpack.same(expected, counts):
            raise Failed(
                f"Volume {key} of {path.name} is not restored unchanged.",
                f"It has {counts['files']} files of {counts['bytes']} bytes instead of "
                f"{expected['files']} of {expected['bytes']}.",
                "Use another set.",
            )
    disks = [docker.volume(name) for name in config.raw["volumes"].values()]
    with disk.watched(disks, int(config.raw["min_free_disk_mib"]) // 2), throwaway.server(config, live) as server:
        with events.step(f"loaded into a scratch server of version {server.version()}"):
            contents, role = manifest.contents, manifest.role
            load = loading.Load(path / server.dump_file, role, contents.roles, role)
            loading.load(server, load, manifest.database, lambda _: None)
        with events.step("every table counted, and compared"):
            now = server.contents(manifest.database)
            different = [*compare.differences(contents, now), *compare.properties(contents, now)]
    if different:
        raise Failed(f"{path.name} is not restored unchanged.", compare.shown(different), "Use another set.")
    return manifest
