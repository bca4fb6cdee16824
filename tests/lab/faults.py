"""Faults at a chosen moment of the host's data program: just before or after the command of Docker's that marks it.

The program itself knows nothing of it. In front of `docker` stands a script that writes every call down and, once, when
a call with its standard input matches, does something else first: kills the unit, stops the server, fills the disk.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from lab import wait
from lab.machines.host import Host

FOLDER = "/run/faults"
DOCKER = "/usr/local/sbin/docker"
# Standard input is read only where SQL comes over it; dumps go through untouched.
SCRIPT = rf"""#!/bin/bash
text="$*" sql=
case $text in *"--file -" | *" --skip-reconnect "*) IFS= read -rd '' sql; text="$text $sql" ;; esac
mkdir -p {FOLDER}
printf '%s\n' "$text" >>{FOLDER}/calls
real() {{ if [ -n "$sql" ]; then printf %s "$sql" | /usr/bin/docker "$@"; else /usr/bin/docker "$@"; fi; }}
if [ -f {FOLDER}/when ] && [[ $text =~ $(cat {FOLDER}/when) ]] && mv {FOLDER}/when {FOLDER}/was 2>/dev/null; then
	if [ -f {FOLDER}/after ]; then real "$@"; code=$?; fi
	CALLER=$PPID bash {FOLDER}/do >>{FOLDER}/said 2>&1
	[ ! -f {FOLDER}/after ] || exit $code
fi
real "$@"
"""


def kill(verb: str) -> str:
    """The fault: kill -9 of the whole unit that does a verb."""
    return f"systemctl kill --signal=KILL aipbx-agent-{verb}.service; sleep 60"


# The host stays in this moment until the story lets it continue.
HELD = f"touch {FOLDER}/now; timeout 120 sh -c 'until [ -e {FOLDER}/go ]; do sleep 0.1; done'"


@contextmanager
def possible(host: Host) -> Iterator[None]:
    """The script is in its place within this block."""
    host.run(f"mkdir -p {FOLDER} && cat >{DOCKER} && chmod 755 {DOCKER}", stdin=SCRIPT.encode())
    try:
        yield
    finally:
        host.run(f"rm -rf {DOCKER} {FOLDER}")


def at(host: Host, moment: str, do: str, *, after: bool = False) -> None:
    """Let something happen once.

    Args:
        host: where.
        moment: a regular expression for Docker's words and the SQL that goes with them.
        do: for bash.
        after: whether the call comes first.
    """
    flag = f"touch {FOLDER}/after" if after else f"rm -f {FOLDER}/after"
    script = f"cd {FOLDER}; rm -f was said; {flag}; cat >do; printf %s {shlex.quote(moment)} >when"
    host.run(script, stdin=do.encode())


def hold(host: Host, moment: str, *, after: bool = False) -> None:
    """Let the program stop at a moment, as `at` has it, until `continues`."""
    at(host, moment, HELD, after=after)
    host.run(f"rm -f {FOLDER}/now {FOLDER}/go")


def reached(host: Host) -> None:
    """Wait until it has come there."""
    there = f"[ -e {FOLDER}/now ]"
    wait.until(lambda: host.run(there, check=False).returncode == 0, 90, "the moment has come", f"cat {FOLDER}/calls")


def continues(host: Host) -> None:
    """Let it continue from there."""
    host.run(f"touch {FOLDER}/go")


def happened(host: Host) -> bool:
    """Whether it did."""
    return host.run(f"[ -f {FOLDER}/was ]", check=False).returncode == 0


def said(host: Host) -> str:
    """What it printed."""
    return host.run(f"cat {FOLDER}/said").stdout


def calls(host: Host) -> str:
    """Every call so far."""
    return host.run(f"cat {FOLDER}/calls").stdout


def ended(host: Host, verb: str) -> None:
    """Wait until the unit that does a verb has ended, cleaned up after."""
    ask = f"systemctl is-active aipbx-agent-{verb}.service"
    done = ("inactive", "failed")
    wait.until(lambda: host.run(ask, check=False).stdout.strip() in done, 90, f"{verb} has ended", ask)
