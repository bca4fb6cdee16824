"""`aipbx-agent VERB …`: each verb is a module with `arguments(parser)` and `main(config, options)`.

    aipbx-agent backup                 as the timer runs it: plain lines, in this process
    aipbx-agent --json backup          as `inv` runs it: JSON lines (events.py)
    aipbx-agent --detached --json …    the same, in a unit of systemd's that a lost connection does not stop

Exit codes: 0 done, 1 begun and failed, 2 refused before anything was touched.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from contextlib import ExitStack
from typing import NamedTuple

from aipbx_agent.contract import VERSION
from aipbx_agent.core import detached, events, lock
from aipbx_agent.core.config import Config, load
from aipbx_agent.core.errors import AgentError, Failed, Interrupted, Refused
from aipbx_agent.monitoring import silence
from aipbx_agent.report import run_state


class Verb(NamedTuple):
    """What the program can do: in which module, whether one run at a time, whether the team is notified when it fails.

    One that disturbs silences the alerts that it causes itself.

    Without a stack goes what asks nothing of the application: a host may keep others' copies, and is given a
    certificate, before it has one.
    """

    module: str
    exclusive: bool = False
    watched: bool = False
    disturbs: bool = False
    stack: bool = True


VERBS = {
    "alerted": Verb("aipbx_agent.monitoring.alerted", stack=False),
    "alerts": Verb("aipbx_agent.monitoring.alerts", stack=False),
    "attach": Verb("aipbx_agent.report.attach", stack=False),
    "base": Verb("aipbx_agent.pitr.base_backup"),
    "backup": Verb("aipbx_agent.backup.take", exclusive=True, watched=True),
    "certificate": Verb("aipbx_agent.tls.ensure", stack=False),
    "certificate-status": Verb("aipbx_agent.tls.serving", stack=False),
    "certificate-supply": Verb("aipbx_agent.tls.supply", stack=False),
    "ci": Verb("aipbx_agent.ci.serve", stack=False),
    "cleanup": Verb("aipbx_agent.cleanup"),
    "cancel": Verb("aipbx_agent.report.cancel", stack=False),
    "dashboard": Verb("aipbx_agent.monitoring.dashboard", stack=False),
    "discard": Verb("aipbx_agent.restore.discard", exclusive=True, watched=True),
    "figures": Verb("aipbx_agent.monitoring.figures", stack=False),
    "fill": Verb("aipbx_agent.release.fill"),
    "images": Verb("aipbx_agent.status.images"),
    "import-mysql": Verb("aipbx_agent.mysql_import.run", exclusive=True, watched=True, disturbs=True),
    "list": Verb("aipbx_agent.status.listing"),
    "lock": Verb("aipbx_agent.release.lock.take_lock", stack=False),
    "migrate": Verb("aipbx_agent.migrations.apply", exclusive=True, watched=True, disturbs=True),
    "migrations": Verb("aipbx_agent.migrations.due"),
    "monitoring": Verb("aipbx_agent.monitoring.stack", stack=False),
    "notify": Verb("aipbx_agent.report.send_notice"),
    "offered": Verb("aipbx_agent.release.offered", stack=False),
    "overlap": Verb("aipbx_agent.release.switch.overlap"),
    "point": Verb("aipbx_agent.pitr.targets"),
    "prepare": Verb("aipbx_agent.release.prepare"),
    "prune": Verb("aipbx_agent.release.prune"),
    "pull": Verb("aipbx_agent.release.pull", stack=False),
    "record": Verb("aipbx_agent.release.record"),
    "recover": Verb("aipbx_agent.recover"),
    "restore": Verb("aipbx_agent.restore.restore", exclusive=True, watched=True, disturbs=True),
    "retained": Verb("aipbx_agent.restore.retained"),
    "roles": Verb("aipbx_agent.roles.declare"),
    "rotate": Verb("aipbx_agent.roles.rotate"),
    "scrub": Verb("aipbx_agent.staging.scrub", exclusive=True, watched=True),
    "scrub-plan": Verb("aipbx_agent.staging.plan"),
    "services": Verb("aipbx_agent.release.containers.services", watched=True, disturbs=True),
    "silence": Verb("aipbx_agent.monitoring.silence", stack=False),
    "state": Verb("aipbx_agent.status.state", stack=False),
    "switch": Verb("aipbx_agent.release.switch.switch", watched=True, disturbs=True),
    "undo": Verb("aipbx_agent.restore.undo", exclusive=True, watched=True, disturbs=True),
    "unlock": Verb("aipbx_agent.release.lock.unlock", stack=False),
    "update-image": Verb("aipbx_agent.release.containers.update_image", watched=True, disturbs=True),
    "verify": Verb("aipbx_agent.backup.verify", exclusive=True, watched=True),
    "watch": Verb("aipbx_agent.status.freshness"),
    # Copies are made beside backups: a slow line must not keep the next set from being taken.
    "offsite": Verb("aipbx_agent.offsite.copy_sets", stack=False),
    "offsite-list": Verb("aipbx_agent.offsite.stored", stack=False),
    "offsite-point": Verb("aipbx_agent.offsite.send_point", stack=False),
    "offsite-send": Verb("aipbx_agent.offsite.send", stack=False),
    "offsite-probe": Verb("aipbx_agent.offsite.probe", stack=False),
    "peers": Verb("aipbx_agent.offsite.peers", stack=False),
    "wal": Verb("aipbx_agent.pitr.daemon", stack=False),
}


def main(argv: list[str]) -> int:
    """Do what the words say.

    Returns: the exit code.
    """
    parser = argparse.ArgumentParser(prog="aipbx-agent", description="The agent of this host. Operators use `inv`.")
    parser.add_argument("--json", action="store_true", help="report progress as JSON lines")
    parser.add_argument("--detached", action="store_true", help="continue when the caller is gone")
    parser.add_argument("--stdin", action="store_true", help="with --detached: hand standard input on")
    parser.add_argument("--contract", type=int, default=VERSION, help="the version that the caller speaks")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, verb in VERBS.items():
        arguments = verbs.add_parser(name)
        if name in argv:
            importlib.import_module(verb.module).arguments(arguments)
    options = parser.parse_args(argv)
    if options.json:
        events.speak_json()
    try:
        _refuse_another_contract(options.contract)
        if options.detached:
            return detached.run(
                [word for word in argv if word != "--detached"], options.verb, watched=VERBS[options.verb].watched
            )
        signal.signal(signal.SIGTERM, _stopped)
        _run(load(stack=VERBS[options.verb].stack), options)
    except (AgentError, Interrupted) as problem:
        events.error(problem)
        return problem.code
    except OSError as problem:
        events.error(Failed(f"{options.verb} failed.", str(problem), "Fix the cause, then run it again."))
        return 1
    return 0


def _refuse_another_contract(spoken: int) -> None:
    if spoken != VERSION:
        newer = "this host's agent" if spoken < VERSION else "this checkout"
        raise Refused(
            "This host's agent and this checkout are of different versions.",
            f"Their contracts are {VERSION} and {spoken}; {newer} is newer.",
            "Update the checkout (git pull), then converge the host: pyinfra inventory.py deploys/bootstrap.py",
        )


def _run(config: Config, options: argparse.Namespace) -> None:
    verb = VERBS[options.verb]
    with ExitStack() as stack:
        recording = run_state.recorded(config, options.verb, attended=options.json) if verb.watched else None
        run = stack.enter_context(recording) if recording else None
        if verb.exclusive:
            stack.enter_context(lock.held(options.verb))
        if run:
            run.begun()
        if verb.disturbs:
            stack.enter_context(silence.during(config, options.verb))
        importlib.import_module(verb.module).main(config, options)


def _stopped(_: int, __: object) -> None:
    raise Interrupted("The run was stopped.", "It received SIGTERM.", "Run it again.")


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
