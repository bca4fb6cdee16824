"""A release takes the place of the one that runs: a new colour beside it, then nginx, then the PBX, then its end.

A journal (switch.json) names what is to change before anything does. What was done is read from the things themselves:
until images.env.switch has become images.env, a run that finds the journal puts the old colours back, which never
stopped; from then on the new ones are the release, and such a run ends the old ones.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from aipbx_agent.contract import IMAGES, STAGED
from aipbx_agent.core import docker, events, files, lock
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, Problem, Refused
from aipbx_agent.core.process import run
from aipbx_agent.core.signals import undisturbed
from aipbx_agent.release import ledger
from aipbx_agent.release.containers import colours
from aipbx_agent.release.lock import deploy_lock
from aipbx_agent.release.pbx.pbxs import COST, Pbxs
from aipbx_agent.release.switch import drain, health, overlap, public_check, switch_back, switch_journal
from aipbx_agent.release.switch.plan import Switch
from aipbx_agent.release.switch.switch_journal import WANTED
from aipbx_agent.restore import swap, swap_journal

LOCK = Path("/run/lock/aipbx-switch")


def arguments(_: argparse.ArgumentParser) -> None:
    """None: `main` reads them from standard input (fleet/release/switch.py)."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Carry it out.

    Raises:
        Refused: nothing was touched.
        Failed: what ran before runs on.
    """
    request = json.load(sys.stdin)
    with lock.held("switch", LOCK), deploy_lock.taken_over(config, request["owner"]):
        if swap_journal.pending(config):
            with lock.held("switch"):  # refused while its run is at it
                swap.recover(config)
        recover(config)
        names = {}
        for service in request["services"]:
            serving = colours.serving(config, service)
            names[service] = (serving, colours.other(serving, service))
        known = (request["entry"], request["settings"], names, float(request["drain_seconds"]), time.time())
        switch = Switch(*known, bool(request["accepts_overlap"]))
        try:
            result = carry_out(switch.configured(config), switch)
        except Problem as problem:
            problem.about = ledger.about(switch.entry)
            raise
        finally:
            (config.app / STAGED).unlink(missing_ok=True)
        events.result(**result)


def carry_out(config: Config, switch: Switch) -> dict[str, int]:
    """Let the new colours take the place of the old ones; when anything fails, the old ones serve on.

    Returns: `ended`: calls on the old backend that ended by themselves meanwhile; `cut`: those that did not.

    Raises:
        Refused: no moment without a call came, or the timers would run twice; nothing was touched.
        Failed: it did not work.
    """
    pbxs = Pbxs.of(config) if "backend" in switch.names else None
    if pbxs:
        _refuse_silent(pbxs)
    elif not switch.recreates:
        drain.wait_for_quiet(config, switch.names.get("backend", ("", ""))[0], switch.drain_seconds)
    serving = switch.names.get("backend", ("", ""))[0]
    overlap.refuse(config, serving, switch.drain_seconds, accepted=switch.accepts_overlap)
    shutil.copyfile(config.app / STAGED, config.app / WANTED)
    (config.app / WANTED).chmod(0o644)
    switch_journal.write(config, switch)
    try:
        cut = _forward(config, switch, pbxs)
        _commit(config, switch)
    except BaseException as problem:
        if not (config.app / WANTED).exists():
            raise  # the new ones are the release: the tidying after this unit completes it
        with undisturbed():
            switch_back.put_back_after(config, switch, problem)
        raise
    return _finish(config, switch, cut)


def recover(config: Config) -> None:
    """Complete a switch that was interrupted: the old release serves, or, if it was decided, the new one."""
    switch = switch_journal.pending(config)
    if not switch:
        (config.app / WANTED).unlink(missing_ok=True)
        return
    config, committed = switch.configured(config), not (config.app / WANTED).exists()
    with undisturbed(), events.step("complete a switch that was interrupted"):
        if committed:
            switch_journal.record(config, switch, "")
            _start_missing(config, switch)
            for service, (_, new) in switch.names.items():
                colours.point(config, service, new)
            _finish(config, switch, 0)
        else:
            switch_back.put_back(config, switch)
            switch_journal.record(config, switch, "It was interrupted: killed, or the host went down.")
            switch_back.reclaim(config, switch)
            switch_journal.end(config)


def _start_missing(config: Config, switch: Switch) -> None:
    """The old colours serve until the new ones can, also where someone took a new one away meanwhile."""
    for _, name in switch.names.values():
        if not colours.present(config, name):
            colours.start(config, name, config.app / IMAGES)
            health.wait(config, name, float(config.raw["ready_seconds"]))


def cleanup(config: Config) -> None:
    """The same after a unit has ended and at boot, unless a switch continues; no lock of one that is gone stays."""
    if _host_stops():
        return  # it must not wait for calls; the next boot does the rest
    with ExitStack() as stack:
        try:
            stack.enter_context(lock.held("cleanup", LOCK))
        except Refused:
            return
        recover(config)
        deploy_lock.give_back(config, before=deploy_lock.booted())
        if not os.path.lexists(config.app / "lock"):
            # It is written under the lock: so no one is about to switch to it.
            (config.app / STAGED).unlink(missing_ok=True)


def _host_stops() -> bool:
    try:
        return run(["systemctl", "is-system-running"], seconds=docker.SECONDS, fine=(0, 1)).strip() == b"stopping"
    except AgentError:
        return False


def _refuse_silent(pbxs: Pbxs) -> None:
    for name, why in pbxs.silent.items():
        events.note(f"{name} cannot be handed over: {why}. {COST}")
    try:
        pbxs.gets_new_calls()
    except Failed as problem:
        raise Refused(problem.what, problem.why, f"{problem.do} Nothing was changed.") from None


def _forward(config: Config, switch: Switch, pbxs: Pbxs | None) -> int:
    """Do everything until the new colours serve. Returns: how many calls that cut."""
    old, new = switch.names.get("backend", ("", ""))
    cut = 0
    if switch.recreates:
        cut = drain.live(config, old)
        with events.step("what runs now ends"):
            for before, _ in switch.names.values():
                if before:
                    docker.stop(colours.present(config, before))
    begun = time.monotonic()
    with events.step(f"{', '.join(name for _, name in switch.names.values())} started"):
        for _, name in switch.names.values():
            colours.start(config, name, config.app / WANTED)
    for service, (_, name) in switch.names.items():
        with events.step(f"{name} ready"):
            health.wait(config, name, float(config.raw["ready_seconds"]))
            if pbxs and service == "backend":
                health.registered(config, name, old, pbxs)
    with events.step(f"still ready after {config.raw['settle_seconds']} s"):
        health.stays(config, [name for _, name in switch.names.values()], float(config.raw["settle_seconds"]))
    with events.step("requests go to it"):
        for service, (_, name) in switch.names.items():
            colours.point(config, service, name)
    if pbxs:
        with events.step("new calls go to it"):
            pbxs.hand_over(colours.bot(colours.present(config, new)))
    with events.step(f"https://{config.host} answers"):
        public_check.check(config)
    if new:
        overlap.learn(config, time.monotonic() - begun - float(config.raw["settle_seconds"]))
    return cut


def _commit(config: Config, switch: Switch) -> None:
    (config.app / WANTED).replace(config.app / IMAGES)
    files.sync(config.app)
    switch_journal.record(config, switch, "")


def _finish(config: Config, switch: Switch, cut: int) -> dict[str, int]:
    """End the old colours once no one needs them any more."""
    ended = 0
    for service, (old, _) in switch.names.items():
        container = colours.present(config, old) if old else ""
        if container and docker.running(container):
            with events.step(f"{old} has answered its open requests"):
                drain.requests(config, container, colours.HTTP_PORTS[service])
            if service == "backend":
                ended, remaining = drain.calls(config, switch, container)
                cut += remaining
        if container:
            with events.step(f"{old} ended"):
                colours.remove(config, old)
            if service == "backend" and not switch.recreates:
                overlap.report(config, switch.names[service][1])
    switch_journal.end(config)
    return {"ended": ended, "cut": cut}
