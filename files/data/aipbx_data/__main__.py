"""`aipbx-data VERB …`: each verb is a module with `arguments(parser)` and `main(config, options)`.

    aipbx-data backup                 as the timer runs it: plain lines, in this process
    aipbx-data --json backup          as `inv` runs it: JSON lines (events.py)
    aipbx-data --detached --json …    the same, in a unit of systemd's that a lost connection does not stop

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

from aipbx_data import detached, events, lock, outcome
from aipbx_data.config import Config, load
from aipbx_data.errors import DataError, Failed, Interrupted


class Verb(NamedTuple):
    """What the program can do: in which module, whether one run at a time, whether somebody is told when it fails.

    Without a stack goes what asks nothing of the application: a host may keep others' copies before it has one.
    """

    module: str
    exclusive: bool = False
    watched: bool = False
    stack: bool = True


VERBS = {
    "base": Verb("aipbx_data.base"),
    "backup": Verb("aipbx_data.backup", exclusive=True, watched=True),
    "database": Verb("aipbx_data.database"),
    "discard": Verb("aipbx_data.discard", exclusive=True, watched=True),
    "import-mysql": Verb("aipbx_data.import_mysql", exclusive=True, watched=True),
    "kept": Verb("aipbx_data.kept"),
    "list": Verb("aipbx_data.listing"),
    "migrate": Verb("aipbx_data.migrate", exclusive=True, watched=True),
    "migrations": Verb("aipbx_data.migrations"),
    "overlap": Verb("aipbx_data.overlap"),
    "pbxs": Verb("aipbx_data.pbxs"),
    "point": Verb("aipbx_data.moments"),
    "recover": Verb("aipbx_data.recover"),
    "restore": Verb("aipbx_data.restore", exclusive=True, watched=True),
    "roles": Verb("aipbx_data.roles"),
    "switch": Verb("aipbx_data.switch", watched=True),
    "tell": Verb("aipbx_data.tell"),
    "tidy": Verb("aipbx_data.tidy"),
    "undo": Verb("aipbx_data.undo", exclusive=True, watched=True),
    "verify": Verb("aipbx_data.verify", exclusive=True, watched=True),
    "watch": Verb("aipbx_data.watch"),
    # Copies are made beside backups: a slow line must not keep the next set from being taken.
    "offsite": Verb("aipbx_data.offsite", stack=False),
    "offsite-list": Verb("aipbx_data.offsite_list", stack=False),
    "offsite-point": Verb("aipbx_data.offsite_point", stack=False),
    "offsite-send": Verb("aipbx_data.offsite_send", stack=False),
    "offsite-probe": Verb("aipbx_data.offsite_probe", stack=False),
    "siblings": Verb("aipbx_data.siblings", stack=False),
    "wal": Verb("aipbx_data.wal", stack=False),
}


def main(words: list[str]) -> int:
    """Do what the words say.

    Returns: the exit code.
    """
    parser = argparse.ArgumentParser(prog="aipbx-data", description="Backups of this host. Operators: use `inv`.")
    parser.add_argument("--json", action="store_true", help="tell progress as JSON lines")
    parser.add_argument("--detached", action="store_true", help="go on when whoever called is gone")
    parser.add_argument("--stdin", action="store_true", help="with --detached: hand standard input on")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, verb in VERBS.items():
        importlib.import_module(verb.module).arguments(verbs.add_parser(name))
    options = parser.parse_args(words)
    if options.json:
        events.speak_json()
    try:
        if options.detached:
            return detached.run([word for word in words if word != "--detached"], options.verb)
        signal.signal(signal.SIGTERM, _stopped)
        _run(load(stack=VERBS[options.verb].stack), options)
    except (DataError, Interrupted) as problem:
        events.error(problem)
        return problem.code
    except OSError as problem:
        events.error(Failed(f"{options.verb} failed.", str(problem), "Mend what it names, then run it again."))
        return 1
    return 0


def _run(config: Config, options: argparse.Namespace) -> None:
    verb = VERBS[options.verb]
    with ExitStack() as stack:
        told = outcome.told(config, options.verb, attended=options.json) if verb.watched else None
        run = stack.enter_context(told) if told else None
        if verb.exclusive:
            stack.enter_context(lock.held(options.verb))
        if run:
            run.begun()
        importlib.import_module(verb.module).main(config, options)


def _stopped(_: int, __: object) -> None:
    raise Interrupted("The run was stopped.", "It was told to end (SIGTERM).", "Run it again.")


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
