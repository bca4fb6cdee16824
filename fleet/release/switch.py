"""The critical part of a release, which the host carries out in one piece: a lost connection cannot stop it halfway."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aipbx_agent.contract import ARI_VARIABLE
from fleet import agent
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from aipbx_agent.release.releases import Entry
    from fleet.remote import Remote
    from fleet.state.preflight import Preflight

# What a switch takes beside waiting: starts, the public check, and the way back.
STEPS_SECONDS = 600


def goes_by(remote: Remote) -> dict[str, Any]:
    """Return what the host goes by in this run, for it to read."""
    return remote.settings.model_dump(mode="json", include=agent.GOES_BY)


def carry_out(
    remote: Remote, services: list[str], entry: Entry, owner: str, drain_seconds: int, *, accepts_overlap: bool
) -> dict[str, Any]:
    """Let what is staged take the place of what runs. The host writes the ledger, and gives the deploy lock back.

    Args:
        services: whose release changes.
        entry: the ledger's line, with the seconds until now; the host adds its own, and how it ended.
        owner: what is in the deploy lock.
        drain_seconds: how long calls may continue; 0: they are cut.
        accepts_overlap: whether it begins also when the application's timers would run in two backends.

    Returns: `ended` and `cut`: calls on the old backend that ended by themselves, and that did not.

    Raises:
        OperatorError: the host refused, and nothing was touched.
        FailedError: it failed and what ran before runs on, or the connection was lost and it continues there.
    """
    request: dict[str, Any] = {
        "entry": asdict(entry),
        "settings": goes_by(remote),
        "services": services,
        "owner": owner,
    }
    request |= {"drain_seconds": drain_seconds, "accepts_overlap": accepts_overlap}
    seconds = drain_seconds + 3 * remote.settings.ready_seconds + STEPS_SECONDS
    return agent.run(remote, ["switch"], seconds=seconds, stdin=json.dumps(request).encode())


def interrupts(remote: Remote, services: list[str], calls: int | None, *, drain_seconds: int, hands_over: bool) -> str:
    """Return what a switch will cost, in one line for the operator.

    Args:
        services: whose release changes.
        calls: live RTP flows; None when they cannot be counted.
        drain_seconds: how long calls may continue; 0: they are cut.
        hands_over: whether the host knows its PBX.
    """
    data, live = remote.settings, "calls" if calls is None else f"{calls} RTP flows"
    if data.switch_mode == "recreate":
        parts = ", ".join(["API, Socket.IO and calls"] * ("backend" in services) + ["pages"] * ("frontend" in services))
        cut = f"; {live} are live and will be cut" if calls and "backend" in services else ""
        return f"Interrupts: {parts}, until the new release is ready (switch_mode = recreate){cut}."
    if "backend" not in services or not calls:
        return "Interrupts nothing: the new release starts beside the old one."
    if not drain_seconds:
        return f"Interrupts calls: {live} are live and will be cut (--now). Requests continue."
    if hands_over:
        return f"Interrupts nothing: {live} continue on the old backend, for {drain_seconds} s at most."
    return (
        f"Waits until no call is live: {live} are live; after {drain_seconds} s it gives up. "
        "With ARI_* in the env file it would not wait."
    )


def after_failure(remote: Remote, services: list[str], *, hands_over: bool) -> str:
    """Return what a release that fails would cost; empty: nothing.

    Args:
        services: whose release changes.
        hands_over: whether the host knows its PBX.
    """
    if hands_over or "backend" not in services or remote.settings.switch_mode == "recreate":
        return ""
    return "If it fails, the backend that runs now starts once more: the PBX knows both by one name (no ARI_*)."


def about_pbxs(preflight: Preflight, *, hands_over: bool) -> list[str]:
    """How many PBXs the application is connected to, and which of them cannot be handed over: lines for the operator.

    Args:
        preflight: what a release would meet there.
        hands_over: whether the host knows its PBX.
    """
    try:
        pbxs = preflight.pbxs
    except OperatorError as problem:
        return [f"PBXs: unknown. {problem.what}"]
    shut_out = [
        f"{name} is at {address}, from where the firewall lets no RTP in (pbx_addresses)."
        for name, address in pbxs.get("shut_out", {}).items()
    ]
    if not hands_over:
        count = pbxs["count"]
        none = f"PBXs: {count} in the application's table; none is handed over (ARI_* are not set)."
        return [*[none] * bool(count), *shut_out]
    ends = "Once the old backend has ended, new calls there reach no one, until the hourly aipbx-watch finds it again."
    dialplan = f"Stasis(${{GLOBAL({ARI_VARIABLE})}},…)"
    return [
        f"PBXs: {pbxs['count']}, of which {pbxs['count'] - len(pbxs['silent'])} are handed over.",
        *(f"{name} is not handed over: {why}. {ends}" for name, why in pbxs["silent"].items()),
        *(f"{name} does not know the backend that runs: no calls come from there." for name in pbxs["strange"]),
        *(
            f"{name} was never handed over. If its dialplan does not say {dialplan}, new calls reach no one."
            for name in pbxs["unset"]
        ),
        *shut_out,
    ]
