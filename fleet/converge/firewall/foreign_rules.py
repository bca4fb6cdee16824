"""Rules of other programs in the kernel's own chains, where they would decide before ours."""

from __future__ import annotations

import shlex

# Chains of those that belong on such a host: a rule that jumps to one of them is theirs.
_KNOWN = ("ufw-", "ufw6-", "f2b-", "DOCKER")
# What Docker puts first once it runs: every forwarded packet passes our openings before anything else sees it.
GATE = "FORWARD -j DOCKER-USER"
# It only drops, between Docker's networks. A Docker that restarts under live-restore puts it before DOCKER-USER.
ISOLATION = "FORWARD -j DOCKER-ISOLATION-STAGE-1"


def foreign(kernel: list[str], nat: list[str]) -> dict[str, list[str]]:
    """Return the rules of others that could let something in, by table, as `iptables -S` prints them.

    INPUT ends with its policy, so there a rule behind ufw's opens as well as one before. What DOCKER-USER does not let
    pass ends there, so in FORWARD only what comes before the first chain that we know counts.

    Args:
        kernel: the table filter.
        nat: the table nat.
    """
    inward = [line for line in kernel if line.startswith("-A INPUT ") and not _known(line)]
    forwarded = [line for line in kernel if line.startswith("-A FORWARD ")]
    first = next((number for number, line in enumerate(forwarded) if _known(line)), len(forwarded))
    redirected = [line for line in nat if line.startswith("-A PREROUTING ") and not _known(line)]
    rules = {"filter": inward + forwarded[:first], "nat": redirected}
    return {table: lines for table, lines in rules.items() if lines}


def _known(line: str) -> bool:
    words = shlex.split(line)
    return any(flag in words and words[words.index(flag) + 1].startswith(_KNOWN) for flag in ("-j", "-g"))


def gated(kernel: list[str]) -> bool:
    """Return whether forwarded packets meet DOCKER-USER before anything that accepts.

    Before Docker has made its chains, nothing is forwarded.
    """
    forwarded = [line for line in kernel if line.startswith("-A FORWARD ") and line != f"-A {ISOLATION}"]
    return "-N DOCKER" not in kernel or forwarded[:1] == [f"-A {GATE}"]


def removal(rules: dict[str, list[str]], tool: str) -> list[str]:
    """Return the commands that take rules away.

    Args:
        rules: the rules by table.
        tool: iptables or ip6tables.
    """
    commands = []
    for table, lines in rules.items():
        text = "\n".join([f"*{table}", *(line.replace("-A ", "-D ", 1) for line in lines), "COMMIT"])
        commands.append(f"printf '%s\\n' {shlex.quote(text)} | {tool}-restore --wait --noflush")
    return commands


def gate_first(tool: str) -> str:
    """Return the command that puts Docker's way to DOCKER-USER first, where Docker has made its chains.

    Args:
        tool: iptables or ip6tables.
    """
    moved = f"{{ {tool} -w -D {GATE} 2>/dev/null; {tool} -w -I {GATE}; }}"
    return f"! {tool} -w -n -L DOCKER >/dev/null 2>&1 || {moved}"
