"""The way back of a switch: the old colours serve, and the new ones are gone."""

from __future__ import annotations

from aipbx_agent.contract import IMAGES
from aipbx_agent.core import docker, events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed, in_words
from aipbx_agent.release.containers import colours
from aipbx_agent.release.pbx.pbxs import Pbxs
from aipbx_agent.release.switch import drain, health, switch_journal
from aipbx_agent.release.switch.plan import Switch


def put_back_after(config: Config, switch: Switch, problem: BaseException) -> None:
    """Put the old colours back, and tell so in place of the problem when that was none of ours."""
    before = switch.entry["before"]
    runs = (
        f"backend {before['backend'][:8]}, frontend {before['frontend'][:8]}" if before else "nothing: it was the first"
    )
    what = in_words(problem)
    try:
        with events.step(f"back to {runs}"):
            put_back(config, switch)
    except (AgentError, OSError) as second:
        why = f" {second.why}" if isinstance(second, AgentError) else ""
        raise Failed(
            f"{config.host} IS NOT WELL: {what}",
            f"And what ran before does not come back either: {in_words(second)}{why}",
            f"Fix what it names; the next deploy tries again. inv logs backend --host={config.host}",
        ) from None
    finally:
        switch_journal.record(config, switch, what)
    reclaim(config, switch)
    switch_journal.end(config)


def put_back(config: Config, switch: Switch) -> None:
    """The old colours serve and the new ones are gone, however far it came: nothing of the old was removed."""
    docker.answering()
    for service, (old, _) in switch.names.items():
        container = colours.present(config, old) if old else ""
        if old and not container:
            return  # only `reclaim` ends it before the decision, and the new colour has the same release then
        if container and not docker.running(container):
            docker.start(container)
            docker.wait_healthy(container, f"The {service} that ran before", float(config.raw["ready_seconds"]))
        colours.point(config, service, old)
    old, new = switch.names.get("backend", ("", ""))
    pbxs = Pbxs.of(config) if old and new else None
    if pbxs:
        name = colours.bot(colours.present(config, old))
        if pbxs.gets_new_calls() not in {"", name}:
            pbxs.hand_over(name)
    for _, name in switch.names.values():
        colours.remove(config, name)


def reclaim(config: Config, switch: Switch) -> None:
    """Start the release that serves once more, in the other colour, and let that one serve.

    Without names of their own the PBX knows both colours as one, and the failed one, which came last, took the name
    away from the one that serves. The next to come gets it.
    """
    old, new = switch.names.get("backend", ("", ""))
    if not old or config.hands_over or switch.recreates or not colours.present(config, old):
        return
    try:
        with events.step("the backend that serves registers with the PBX again"):
            colours.start(config, new, config.app / IMAGES)
            health.wait(config, new, float(config.raw["ready_seconds"]))
            colours.point(config, "backend", new)
            drain.requests(config, colours.present(config, old), colours.HTTP_PORTS["backend"])
            colours.remove(config, old)
    except (AgentError, OSError) as problem:
        events.note(f"It does not: {in_words(problem)} New calls may fail until: inv deploy --host={config.host}")
        if colours.present(config, old):
            colours.point(config, "backend", old)
            colours.remove(config, new)
