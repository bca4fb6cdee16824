"""The one interruption: the old stack ends, what it has written is copied, ours begins; or the old one comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fleet.adoption import certificate
from fleet.adoption.hand_made import MOUNTS, OURS
from fleet.commands import adoption as commands
from fleet.errors import OperatorError
from fleet.output import say, step

if TYPE_CHECKING:
    from fleet.adoption.hand_made import HandMade
    from fleet.remote import Remote

STOP_SECONDS = 180
COPY_SECONDS = 1800
START_SECONDS = 120
BACKEND_PORT = 5005
# The line that says so, in the file of what was stopped: what ours has written since must not be overwritten.
COPIED = "copied"
KEPT_FOLDER = "set-aside-by-aipbx"
# What still calls the old file (scripts, habit) reaches the containers that run now, and cannot start the old ones.
INSTEAD = """\
# Left by aiPBX Fleet for what still calls this file: it leads to the stack that runs now.
# Original: {kept}
name: {project}
include:
  - path: [{app_dir}/compose.yml, {app_dir}/environment.json]
    project_directory: {app_dir}
    env_file: {app_dir}/images.env
"""


@contextmanager
def taking_over(remote: Remote, old: HandMade) -> Iterator[None]:
    """Take the old stack's place within this block; when the block fails, the old stack runs again.

    Args:
        old: what is there.

    Raises:
        OperatorError: from the block, or from stopping and copying; the old stack runs again.
    """
    certificate.take_over(remote, old)
    known = _remembered(remote, old)
    try:
        with step(f"old stack stopped ({', '.join(old.replaced)})"):
            remote.sudo_output(
                commands.stop({name: each.identity for name, each in old.replaced.items()}), STOP_SECONDS
            )
        if COPIED not in known:
            _copy_files(remote, old)
        yield
    except BaseException as error:
        _bring_back(remote, old, error)
        raise
    _settle(remote, old)


def _stopped(remote: Remote) -> str:
    return f"{remote.settings.app_dir}/{commands.STOPPED}"


def _remembered(remote: Remote, old: HandMade) -> list[str]:
    """Return what runs, written down once: a second attempt, after one that was cut off, finds it stopped."""
    running = "".join(f"{each.identity}\n" for each in old.replaced.values() if each.status == "running")
    path = _stopped(remote)
    return remote.sudo_output(f"[ -e {path} ] || cat >{path}; cat {path}", stdin=running.encode()).split()


def _copy_files(remote: Remote, old: HandMade) -> None:
    backend = old.containers.get("backend")
    for path, name in MOUNTS.items():
        volume = remote.settings.volumes[name]
        if backend is None or name == "postgres_data" or backend.volumes.get(path) == volume:
            continue
        with step(f"{path} → volume {volume}"):
            number = remote.sudo_output(commands.copy_files(backend.identity, path, volume), COPY_SECONDS).strip()
        say(f"    {number} files")
    remote.sudo_output(f"echo {COPIED} >>{_stopped(remote)}")


def _bring_back(remote: Remote, old: HandMade, why: BaseException) -> None:
    app_dir = remote.settings.app_dir
    begun = remote.sudo_output(f"cat {_stopped(remote)}").split()
    ours = {each.identity: service for service, each in old.replaced.items()}
    identities = sorted((each for each in begun if each in ours), key=lambda each: OURS.index(ours[each]))
    with step("the old stack runs again"):
        remote.sudo_output(commands.take_away(remote.settings.compose_project), STOP_SECONDS)
        for identity in identities:
            start = commands.start(identity, START_SECONDS, healthy=ours[identity] == "postgres")
            result = remote.run(start, seconds=START_SECONDS + 30)
            if result.code != 0:
                raise OperatorError(
                    f"{remote.name}: the old {ours[identity]} does not start again.",
                    f"{result.last_words} Our release had failed: {why or 'interrupted'}",
                    f"On the host: docker logs {identity}; then docker start {' '.join(identities)}",
                )
        backend = next((each for each in identities if ours[each] == "backend"), None)
        answers = commands.answers(backend, BACKEND_PORT, START_SECONDS) if backend else "true"
        if remote.run(answers, seconds=START_SECONDS + 30).code != 0:
            say(f"    the old backend was started, and does not answer on port {BACKEND_PORT} yet", "yellow")
    remote.sudo_output(f"rm -f {_stopped(remote)} {app_dir}/images.env")


def _settle(remote: Remote, old: HandMade) -> None:
    """Keep what was installed by hand where it cannot be started by mistake, and write down where."""
    data = remote.settings
    files = next((each.compose_files for each in old.replaced.values()), ())
    folder = f"{files[0].rpartition('/')[0] if files else data.app_dir}/{KEPT_FOLDER}"
    containers = [each.identity for each in old.replaced.values()]
    kept = [folder, *old.environment, *old.folders]
    kept += [f"container {each.name}" for name, each in old.replaced.items() if name != "postgres"]
    entry = {"time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "project": old.project, "kept": kept}
    _end_backups(remote, old, folder)
    _end_monitoring(remote, old)
    # From here on this host is ours, and a run that is cut off must not take it over once more.
    remote.put_root_file(f"{data.app_dir}/{commands.ADOPTED}", json.dumps(entry).encode(), "644")
    remote.sudo_output(f"install -d -m 700 {folder}")
    remote.sudo_output(commands.record_containers(containers, f"{folder}/containers.json"))
    text = INSTEAD.format(kept=folder, project=data.compose_project, app_dir=data.app_dir)
    remote.put_root_file(f"{folder}/instead.yml", text.encode(), "644")
    for file in files:
        remote.sudo_output(commands.set_aside(file, folder, f"{folder}/instead.yml"))
    if "postgres" in old.replaced:
        # No one can start it any more: two PostgreSQL on one volume destroy it.
        remote.sudo_output(f"docker rm {old.replaced['postgres'].identity} >/dev/null")
    remote.sudo_output(f"rm -f {_stopped(remote)}")
    say(f"  {remote.name} is taken over. Retained unchanged:")
    for line in kept:
        say(f"    {line}")
    for each in old.cron:
        if not each.backs_up:
            say(f"    cron continues: {each.line}  ({each.table})", "yellow")


def _end_monitoring(remote: Remote, old: HandMade) -> None:
    """Ours watches the host now; two would report everything twice, and theirs take the memory of ours."""
    names = [each.name for each in old.monitoring(remote.settings).values()]
    if names:
        remote.sudo_output(commands.end(names), STOP_SECONDS)
        say(f"  its monitoring is stopped, and retained: {', '.join(names)}. Again: docker start {' '.join(names)}")


def _end_backups(remote: Remote, old: HandMade, folder: str) -> None:
    """Our timer takes over from the cron that dumped the database; its table is kept as it was."""
    for each in (line for line in old.cron if line.backs_up):
        remote.sudo_output(commands.end_cron(each.table, each.line, folder))
        say(f"  cron no longer backs up; aipbx-backup.timer does, every night: {each.line}")
        say(f"    its table as it was: {folder}/cron-{each.table.rpartition('/')[2]}; the old dumps stay, and restore.")
