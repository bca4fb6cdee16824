"""Waiting for the end of what an old colour still does, each with a deadline."""

from __future__ import annotations

import time
from datetime import datetime

from aipbx_agent.contract import REQUEST_SECONDS
from aipbx_agent.core import docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.release.containers import colours, traffic
from aipbx_agent.release.pbx.pbxs import Pbxs
from aipbx_agent.release.switch.plan import Switch

PAUSE = 0.5
# Calls are counted so far: a stranger's PBX may name others each time.
MOST_SEEN = 100_000
# A call that read the dialplan's global a moment ago may still come.
LATE_SECONDS = 3.0


def live(config: Config, backend: str) -> int:
    """Return how many calls a colour of the backend has, as far as the kernel can tell.

    Args:
        backend: the colour; empty: none.
    """
    return traffic.flows(colours.port(config, backend)) if backend else 0


def wait_for_quiet(config: Config, backend: str, seconds: float) -> None:
    """Wait for no live call: without the PBX's help two backends must not be up while one is live.

    Args:
        backend: the colour that serves; empty: none, or it stays.
        seconds: the deadline; 0: not at all.

    Raises:
        Refused: none came.
    """
    if not seconds or not live(config, backend):
        return
    end = time.monotonic() + seconds
    with events.step("no live call"):
        while now := live(config, backend):
            if time.monotonic() > end:
                raise Refused(
                    f"{now} calls are still live on {config.host}; nothing was changed.",
                    f"The calls did not end within {seconds:.0f} s, and they cannot be handed over: ARI_* are not set.",
                    "Try a quieter hour, a longer --drain-timeout, or --now, which cuts them. Or set ARI_*.",
                )
            time.sleep(PAUSE)


def requests(config: Config, container: str, port: int) -> None:
    """Wait until a container has answered all requests, as long as nginx does; nginx hands it no new ones.

    Args:
        config: says which paths may take longer than others.
        container: its id.
        port: where it listens.
    """
    seconds = max([REQUEST_SECONDS, *config.raw.get("slow_paths", {}).values()])
    end = time.monotonic() + seconds
    while remaining := traffic.requests(int(docker.state(container)["Pid"]), port):
        if time.monotonic() > end:
            events.note(f"{remaining} requests had no answer after {seconds:.0f} s and are cut.")
            return
        time.sleep(PAUSE)


def calls(config: Config, switch: Switch, container: str) -> tuple[int, int]:
    """Wait until the old backend's calls have ended, and hang up what is left at the deadline.

    Without the PBX's help nothing is waited for: it was done before. What a PBX that does not answer has is unknown:
    none of it counts as ended, and where one never answered, no RTP may flow either.

    Args:
        switch: what is in progress.
        container: the old backend's.

    Returns: how many ended by themselves, and how many did not.
    """
    pbxs = Pbxs.of(config)
    if not pbxs:
        return 0, live(config, switch.names["backend"][0])
    old = switch.names["backend"][0]
    name, end = colours.bot(container), switch.begun + _until(switch, container)
    seen: set[str] = set()
    empty_since: float | None = None
    with events.step("calls on it have ended"):
        while True:
            now = pbxs.channels(name) or []
            if len(seen) < MOST_SEEN:
                seen |= set(now)
            unknown = not now and (pbxs.unheard or bool(pbxs.silent and live(config, old)))
            if now or unknown:
                empty_since = None
            elif empty_since is None:
                empty_since = time.monotonic()
            elif time.monotonic() - empty_since > LATE_SECONDS:
                return len(seen), 0
            if (now or unknown) and time.time() > end:
                break
            time.sleep(PAUSE)
    if unknown:
        cut = live(config, old)
        events.note(f"Not every PBX answers, so {cut} calls that had not ended are cut.")
        return len(seen), cut
    if failed := pbxs.hang_up(now):
        events.note(f"{len(failed)} calls could not be hung up; the first: {failed[0]}.")
    events.note(f"{len(now)} calls had not ended after {switch.drain_seconds:.0f} s and were hung up.")
    return len(seen) - len(now), len(now)


def _until(switch: Switch, container: str) -> float:
    """Seconds after its beginning until which a switch waits for calls; those of a restarted backend are gone."""
    began = str(docker.state(container)["StartedAt"])[:19]
    restarted = datetime.fromisoformat(f"{began}+00:00").timestamp() > switch.begun
    return 0 if restarted else switch.drain_seconds
