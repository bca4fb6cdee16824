"""What the tools said, and what the clock said: read, compared, put into a table."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

Tool = Literal["pyinfra", "Ansible"]
Kind = Literal["first convergence", "no-op"]

_RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s", re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """One measured run.

    Attributes:
        kind: what was to do.
        hosts: on how many hosts.
        tool: who did it.
        seconds: how long it took on the wall's clock.
    """

    kind: Kind
    hosts: int
    tool: Tool
    seconds: float


@dataclass(frozen=True)
class Row:
    """A line of the comparison.

    Attributes:
        kind: what was to do.
        hosts: on how many hosts.
        pyinfra: seconds of each of its runs.
        ansible: seconds of each of its runs.
    """

    kind: Kind
    hosts: int
    pyinfra: tuple[float, ...]
    ansible: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The part of Ansible's time that pyinfra takes, by the medians."""
        return median(self.pyinfra) / median(self.ansible)


def rows(samples: Sequence[Sample]) -> list[Row]:
    """Bring the runs of both tools together; in the order in which they were first measured."""
    cases = dict.fromkeys((sample.kind, sample.hosts) for sample in samples)

    def of(case: tuple[Kind, int], tool: Tool) -> tuple[float, ...]:
        return tuple(sample.seconds for sample in samples if (sample.kind, sample.hosts, sample.tool) == (*case, tool))

    return [Row(*case, of(case, "pyinfra"), of(case, "Ansible")) for case in cases]


def _shown(seconds: tuple[float, ...]) -> str:
    spread = f" ({min(seconds):.1f}-{max(seconds):.1f})" if len(seconds) > 1 else ""
    return f"{median(seconds):.1f}{spread}"


def table(measured: Sequence[Row]) -> str:
    """Return the comparison as text: seconds as the median, with the range where there are several runs."""
    lines = [("", "hosts", "pyinfra, s", "Ansible, s", "pyinfra/Ansible")]
    lines += [
        (row.kind, str(row.hosts), _shown(row.pyinfra), _shown(row.ansible), f"{row.ratio:.3f} = 1/{1 / row.ratio:.1f}")
        for row in measured
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )


def report(
    measured: Sequence[Row], differences: Mapping[str, Sequence[str]], circumstances: Mapping[str, Any]
) -> dict[str, Any]:
    """The same as JSON, with every single run.

    Args:
        measured: the comparison.
        differences: what pyinfra would still change after Ansible's first convergence: hosts by operation.
        circumstances: versions, load and the like.
    """
    return {
        **circumstances,
        "differences": differences,
        "rows": [
            {
                "kind": row.kind,
                "hosts": row.hosts,
                "pyinfra_seconds": row.pyinfra,
                "ansible_seconds": row.ansible,
                "pyinfra_median": median(row.pyinfra),
                "ansible_median": median(row.ansible),
                "ratio": row.ratio,
            }
            for row in measured
        ],
    }


def same_state(differences: Mapping[str, Sequence[str]], operations: int) -> str:
    """In words: whether the hosts that Ansible converged are converged for pyinfra too."""
    if not differences:
        return f"The same state: on hosts that Ansible converged, none of pyinfra's {operations} operations has work."
    lines = [f"    {operation}: {', '.join(hosts)}" for operation, hosts in differences.items()]
    return "\n".join(["NOT the same state: after Ansible, pyinfra still has work:", *lines])


def planned(output: str) -> tuple[dict[str, list[str]], int]:
    """Read `pyinfra --dry --json`.

    Returns: the hosts that each operation would change, without those that change none; and how many there are.
    """
    plan = json.loads(output)["plan"]
    would = {
        operation["name"]: sorted({*operation["hosts_with_change"], *operation["hosts_with_conditional_change"]})
        for operation in plan
    }
    return {name: hosts for name, hosts in would.items() if hosts}, len(plan)


def changes_by_pyinfra(output: str) -> dict[str, int]:
    """Read `pyinfra -y --json`: how many operations changed each host that it visited."""
    changes: dict[str, int] = {}
    for operation in json.loads(output)["results"]["operations"]:
        for host in (*operation["success"], *operation["no_change"]):
            changes[host] = changes.get(host, 0) + (host in operation["success"])
    return changes


def changes_by_ansible(output: str) -> dict[str, int]:
    """Read the end of `ansible-playbook`: how many tasks changed each host that it visited."""
    return {host: int(changed) for host, changed in _RECAP.findall(output)}


CHANGES: dict[Tool, Callable[[str], dict[str, int]]] = {"pyinfra": changes_by_pyinfra, "Ansible": changes_by_ansible}


def is_what_it_claims(kind: Kind, hosts: Sequence[str], changes: Mapping[str, int]) -> bool:
    """Return whether a run visited every host, and changed each (first convergence) or none (no-op)."""
    return set(changes) == set(hosts) and all(
        (count > 0) == (kind == "first convergence") for count in changes.values()
    )
