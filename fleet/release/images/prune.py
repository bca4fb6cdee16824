"""Images that no release needs: one rule says what stays, after every deploy and for `inv prune`.

What is judged are tags that are commits, in the two repositories of the application: nothing else on a host is ours.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from aipbx_agent import contract
from aipbx_agent.core.text import size
from aipbx_agent.release import prune as pruning
from aipbx_agent.release import releases
from aipbx_agent.release.build_cache import KEPT
from aipbx_agent.release.prune import Image
from fleet import agent
from fleet.cli import agree
from fleet.errors import OperatorError
from fleet.output import print_table, say, step
from fleet.release.lock.deploy_lock import held
from fleet.state import survey

if TYPE_CHECKING:
    from aipbx_agent.release.releases import Entry, Release
    from fleet.remote import Remote
    from fleet.state.survey import Survey

SECONDS = 300


@dataclass(frozen=True)
class Pruning:
    """What `inv prune` does, for the lock."""

    action: str = "prune"


def after_release(remote: Remote, entries: list[Entry], running: Release) -> None:
    """Delete the images and the assets that no release needs which `inv rollback` could go back to.

    Args:
        entries: the ledger, the release that has just come included.
        running: that release.
    """
    data = remote.settings
    # Where nothing of ours is built, the cache is someone else's: `inv prune` asks before it goes.
    content = pruning.after_release(
        entries, running, remote.settings.repositories, data.keep_releases, cache=data.images_from == "build"
    )
    with step("prune"):
        _judged(remote, content)


def prune(hosts: list[Remote], *, dry: bool, yes: bool) -> None:
    """Show which images stay and which go, and what of the build cache; ask, and delete that.

    Args:
        hosts: where.
        dry: whether it only shows.
        yes: whether the operator has agreed in advance.

    Raises:
        OperatorError: a host has no release, or is locked; or the operator did not agree.
    """
    with ThreadPoolExecutor() as pool:
        states = list(pool.map(survey.take, hosts))
        for host, state in zip(hosts, states, strict=True):
            _refuse(host, state, dry=dry)
        answers = list(pool.map(lambda host, state: _ask(host, state, remove=[]), hosts, states))
    going = []
    for host, state, answer in zip(hosts, states, answers, strict=True):
        images = [Image(**each) for each in answer["images"]]
        going_images = [image for image in images if not image.stays]
        _show(host.name, state, images)
        if going_images:
            most = size(sum(image.size for image in going_images))
            say(
                f"{host.name}: {len(going_images)} of {len(images)} images go: {most} at most, less what others share.",
                "yellow",
            )
        if excess := answer["excess"]:
            say(f"{host.name}: {size(excess)} of build cache go; {size(KEPT)} stay for the next build.", "yellow")
        if going_images or excess:
            going.append((host, state, {image.reference for image in going_images}))
        else:
            say(f"{host.name}: nothing to prune; {len(images)} images stay.", "green")
    if dry or not going:
        return
    names = ", ".join(host.name for host, *_ in going)
    agree(names, f"delete the listed images and cache of {names}", yes=yes)
    for host, state, shown in going:
        _delete(host, state, shown)


def _ask(remote: Remote, state: Survey, **more: Any) -> dict[str, Any]:
    """Have the host judge its images and remove some."""
    keep = remote.settings.keep_releases
    return _judged(remote, pruning.request(state.entries, state.running, remote.settings.repositories, keep, **more))


def _judged(remote: Remote, content: dict[str, Any]) -> dict[str, Any]:
    return agent.query(remote, ["prune"], json.dumps(content).encode(), seconds=SECONDS)


def _refuse(remote: Remote, state: Survey, *, dry: bool) -> None:
    if state.running is None:
        raise OperatorError(
            f"{remote.name} has no release yet.",
            "Which of its images will be needed is not known.",
            f"inv deploy --host={remote.name}",
        )
    if state.lock and not dry:
        raise OperatorError(
            f"{remote.name} is locked: {state.lock}.",
            "A running operation may need images that no release of the ledger has yet.",
            f"Wait for it; inv prune --dry --host={remote.name} only shows.",
        )


def _delete(remote: Remote, state: Survey, shown: set[str]) -> None:
    with held(remote, Pruning(), state, datetime.now(UTC)), step(f"{remote.name}: prune"):
        # Judged once more, now that no one else is at it: a container may have got one of them.
        result = _ask(remote, state, remove=sorted(shown), cache=True)
    removed = result["removed"]
    say(f"{remote.name}: {len(removed)} images deleted, {size(result['freed'])} more are free.", "green")
    if remaining := shown - set(removed):
        say(f"  Still there, because something began to use them: {', '.join(sorted(remaining))}", "yellow")


def _show(host: str, state: Survey, images: list[Image]) -> None:
    used = {
        (service, entry.after.sha(service)): f"{entry.since[:16].replace('T', ' ')} {entry.result} "
        f"{entry.subjects.get(service, '')}"
        for entry in releases.with_subjects(state.entries)
        for service in contract.SERVICES
    }
    table = Table("image", "last release (UTC)", "age", "size", "", title=host)
    for image in sorted(images, key=lambda image: bool(image.stays)):
        days = (datetime.now(UTC) - datetime.fromisoformat(image.built)).days
        release = Text(used.get((image.service, image.tag), "never").rstrip())
        stays = Text(f"stays: {image.stays}") if image.stays else Text("goes", "yellow")
        table.add_row(f"{image.service} {image.tag[:12]}", release, f"{days} d", size(image.size), stays)
    if images:
        print_table(table)
