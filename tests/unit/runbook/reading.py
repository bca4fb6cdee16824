"""Commands on pages, read by the programs that they are for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from invoke.parser import Parser
from invoke.program import Program

import tasks
from fleet.command_line import parsing
from fleet.inventory import hosts
from fleet.migrations import grammar
from fleet.runbook import pages

ROOT = Path(__file__).resolve().parents[3]
# What begins a line of commands on the operator's machine, and what runs on a host behind `ssh`.
HERE = {
    "inv",
    "pyinfra",
    "ssh",
    "ssh-add",
    "ssh-keygen",
    "ssh-keyscan",
    "curl",
    "git",
    "cp",
    "cd",
    "date",
    "tools/environment",
}
THERE = {"apt-get", "curl", "df", "docker", "du", "fail2ban-client", "free", "head", "journalctl", "ps", "sort"}
THERE |= {"ssh-keygen", "sshd", "systemctl", "tail", "timedatectl", "true", "uptime"}
UNIT = re.compile(r"\baipbx-[a-z]+(?:\.service|\.timer)?\b")


def is_command(span: str) -> bool:
    """Whether what a page quotes is a command rather than a message."""
    return " " in span and span.split()[0] in HERE


def read(command: str, *, within: bool = False) -> None:
    """Have a command read by its own program; one that cannot be read fails.

    Args:
        within: it is a part of a sentence, where no host is named.
    """
    argv = shlex.split(command)
    assert argv[0] in HERE, f"{command}: unknown program"
    if argv[0] == "inv":
        read_inv([*argv[1:], *["--host=aipbx.org"] * (within and takes_host(argv[1]) and "--host" not in command)])
    elif argv[0] == "ssh":
        read_ssh(argv[1:])


@cache
def parser() -> Parser:
    """What `inv` reads a command line with."""
    return Parser(initial=Program().initial_context, contexts=tasks.namespace.to_contexts())


@cache
def known_hosts() -> set[str]:
    """The inventory's hosts."""
    return {host.name for host in hosts.load()}


def takes_host(verb: str) -> bool:
    """Whether a verb is about hosts."""
    return any("host" in one.names for one in tasks.namespace[verb].get_arguments())


def read_inv(argv: list[str]) -> None:
    """Read a verb with its options as `inv` does."""
    typed = parsing.with_hosts(argv, tasks.namespace, lambda: [*known_hosts(), "all"])
    verb = next(one for one in parser().parse_argv(typed) if one.name)
    given = verb.args["host"].value if "host" in verb.args else "all"
    assert given == "all" or set(given.split(",")) <= known_hosts(), f"{argv}: no host is named"
    if verb.name == "runbook":
        assert not verb.args["page"].value or verb.args["page"].value in pages.names()
    if "command" in verb.args and verb.args["command"].value:
        grammar.statements(verb.args["command"].value)


def read_ssh(argv: list[str]) -> None:
    """Read what is asked of a host: known programs, units that exist."""
    host, *rest = [word for word in argv if word != "-v"]
    account, _, name = host.partition("@")
    assert (account, name in known_hosts()) == ("deploy", True), host
    # ssh joins its words with spaces: a quote that is meant for the host must be quoted once more.
    assert len(rest) == 1 or [word for word in rest if word != shlex.quote(word)] == [], rest
    read_there(" ".join(rest))


def read_there(command: str) -> None:
    """Read what root or the deploy account does on a host: known programs, units that exist."""
    for part in re.split(r"\||;|&&", command):
        program = (part.split() or ["true"])[part.split()[:1] == ["sudo"]]
        assert program in THERE, f"{part}: unknown program"
    known = {path.name.removesuffix(".j2") for path in units()}
    for unit in UNIT.findall(command):
        assert {unit, f"{unit}.service"} & known, f"there is no unit {unit}"


def units() -> Iterator[Path]:
    """The files of systemd units that a host gets."""
    return (path for folder in ("files", "templates") for path in (ROOT / folder).rglob("aipbx-*"))
