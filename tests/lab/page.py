"""A page of the runbook as somebody follows it: its commands in its order, typed into a shell of an operator's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lab.machines.host import Host
from lab.running import Running
from tests.lab import screen, web
from tests.lab.inv_run import INV, Inv
from tests.lab.pyinfra_run import Run

FENCE = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"(?:^|\s+)# .*$")
# The host that pages name.
NAMED = "aipbx.org"
SECONDS = 400
# How a person says yes.
YES = {"pyinfra": b"\n", "inv": b"y\n"}
# The host's name leads to the lab.
PROGRAMS = {
    "ssh": 'exec /usr/bin/ssh -F "$AIPBX_SSH_CONFIG" "$@"',
    "curl": 'exec /usr/bin/curl -sS --cacert "$PROGRAMS/authority.pem" --connect-to "::$ADDRESS:" "$@"',
}


class Page:
    """One page.

    Args:
        name: the page's.
        operator: who follows it.
        host: the host that is in trouble.
        lab: the lab.
        values: what stands on the page in place of the commits, numbers and times of the day.
    """

    def __init__(self, name: str, operator: Inv, host: Host, lab: Running, values: Mapping[str, str]) -> None:
        text = (operator.tree / "docs" / "en" / "runbook" / f"{name}.md").read_text("utf-8")
        lines = [line for block in FENCE.findall(text) for line in block.splitlines()]
        self.text, self.operator, self.host = text, operator, host
        self.values = {NAMED: host.name, **values}
        self.left = [command for line in lines if (command := COMMENT.sub("", line).strip())]
        self._programs = operator.tree / "programs"
        self._put_programs(lab)

    def _put_programs(self, lab: Running) -> None:
        self._programs.mkdir(exist_ok=True)
        (self._programs / "authority.pem").write_text(web.authority_of(lab))
        for name, script in PROGRAMS.items():
            (self._programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (self._programs / name).chmod(0o755)

    def types(self, part: str) -> Run:
        """Type the page's next command, and say what the terminal shows.

        Args:
            part: what the command has, for who reads the story.
        """
        command = self._next(part)
        for named, real in self.values.items():
            command = command.replace(named, real)
        path = f"{self._programs}:{Path(INV).parent}:{self.operator.environment['PATH']}"
        keys = YES.get(command.split()[0], b"")
        own = {"PROGRAMS": str(self._programs), "ADDRESS": self.host.address4, "PATH": path}
        environment = {**self.operator.environment, **own, "PYINFRA_PROGRESS": "off"}
        return screen.shown(["/bin/bash", "-c", command], self.operator.tree, environment, keys, SECONDS)

    def passes_over(self, *parts: str) -> None:
        """Leave the page's next commands out: they are for another cause than this one."""
        for part in parts:
            self._next(part)

    def says(self, *quotes: str) -> None:
        """Assert that these words stand on the page."""
        assert [quote for quote in quotes if quote not in " ".join(self.text.split())] == []

    def ends(self) -> None:
        """Assert that each of its commands has had its turn."""
        assert self.left == []

    def _next(self, part: str) -> str:
        assert self.left, "the page has no more commands"
        command = self.left.pop(0)
        assert part in command, command
        return command
