"""`aipbx-agent ci`: what sshd runs for CI's key instead of the command that the caller gave.

That command is one of a few (request.py). Its input is rebuilt (rebuild.py), and the agent's own verb gets that.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import syslog

from aipbx_agent.ci import pull, rebuild, request, values
from aipbx_agent.ci.request import DETACHED, Call
from aipbx_agent.contract import COMMAND, VERSION
from aipbx_agent.core import events
from aipbx_agent.core.config import Config, load
from aipbx_agent.core.errors import Refused
from aipbx_agent.core.text import one_line
from aipbx_agent.release import ledger, prune, releases
from aipbx_agent.release import pull as pulling
from aipbx_agent.release.lock import deploy_lock

ORIGINAL = "SSH_ORIGINAL_COMMAND"
# A caller that sends nothing does not keep a process here; nor does one that never leaves.
READ_SECONDS = 60
RUN_SECONDS, DETACHED_SECONDS = 1800, 13 * 3600


def arguments(_: argparse.ArgumentParser) -> None:
    """None: `main` reads the caller's command from sshd's variable, and their input."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Do what is asked; most verbs take the place of this process.

    Raises:
        Refused: CI may not ask it.
        Failed: it failed.
    """
    events.speak_json()
    text = os.environ.pop(ORIGINAL, "")
    syslog.openlog("aipbx-ci")
    syslog.syslog(one_line(text, 300) or "no command")
    call = request.parse(text)
    body = _read(call)
    refuse_another_contract(config, call)
    if own := OWN.get(call.verb):
        if call.verb in rebuild.NEEDS_LOCK:
            rebuild.refuse_without_lock(config)
        own(config, body)
    else:
        _become(call, rebuild.request(_whole(config), call, body))


def _read(call: Call) -> bytes:
    """The caller's input, which must end in time."""

    def late(_: int, __: object) -> None:
        raise request.refused(f"Its input did not end within {READ_SECONDS} s.")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(READ_SECONDS)
    body = sys.stdin.buffer.read(call.longest + 1)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    if len(body) > call.longest:
        raise request.refused(f"Its input is longer than {call.longest} bytes.")
    return body


def refuse_another_contract(config: Config, call: Call) -> None:
    """Refuse a caller of another version, and a host that was converged before CI could come.

    Raises:
        Refused: it is one.
    """
    if call.contract != VERSION or "release" not in config.raw:
        raise Refused(
            f"The agent of {config.host} and CI's checkout are of different versions.",
            f"Their contracts are {VERSION} and {call.contract}.",
            f"Converge the host from the checkout that CI uses: pyinfra inventory.py deploys/bootstrap.py --limit "
            f"{config.host}",
        )


def _whole(config: Config) -> Config:
    """Return the configuration with the application's own, where a host has one: `state` also answers without it."""
    try:
        return load()
    except Refused:
        return config


def _become(call: Call, body: bytes) -> None:
    """Run the agent's own verb in the place of this process, with another input."""
    fd = os.memfd_create("request")
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(body)
    os.lseek(fd, 0, os.SEEK_SET)
    os.dup2(fd, 0)
    sys.stdout.flush()
    # It outlives this program: a verb that never ends is ended. What it has given to a unit of systemd's runs on.
    signal.alarm(DETACHED_SECONDS if call.verb in DETACHED else RUN_SECONDS)
    os.execv(COMMAND, [COMMAND, f"--contract={VERSION}", *call.argv])  # noqa: S606  no shell, on purpose


def _pull(config: Config, body: bytes) -> None:
    events.result(pulled=pulling.pull(config, pull.read(config, body)))


def _owner(body: bytes) -> str:
    return values.owner(body.decode("utf-8", "replace"), "owner")


def _lock(config: Config, body: bytes) -> None:
    """Take it; one that a run of CI's left behind, whose connection has ended, is given back first."""
    owner, current = _owner(body), deploy_lock.current(config)
    if current and current.standing == "ended" and values.is_ours(current.owner):
        deploy_lock.broken(config, current.owner)
    deploy_lock.take(config, owner, tied=True)
    events.result(ledger=ledger.entries(config))


def _unlock(config: Config, body: bytes) -> None:
    """Give back one that was taken over this very connection, or by a run of CI's that has ended."""
    owner, current = _owner(body), deploy_lock.current(config)
    if current and current.owner == owner:
        if current.standing != "ended" and not deploy_lock.of_this_connection(config):
            raise request.refused("The lock is another run's.")
        deploy_lock.broken(config, owner)
    events.result()


def _prune(config: Config, _: bytes) -> None:
    """Delete what no release needs, by this host's own ledger; not while someone brings images that none has yet."""
    own, entries = config.raw["release"], releases.of(ledger.entries(config))
    running = releases.Release(**rebuild.running(config))
    if deploy_lock.current(config) or not releases.current(entries):
        events.result(images=[], removed=[], freed=0, excess=0)
        return
    wanted = prune.after_release(entries, running, own["repositories"], own["keep"], cache=False)
    _become(Call("prune", VERSION), json.dumps(wanted).encode())


OWN = {"pull": _pull, "lock --tied": _lock, "unlock": _unlock, "prune": _prune}
