"""What stands before a push: the difference, what of it must not happen, and what it will do."""

from __future__ import annotations

from dataclasses import dataclass

from aipbx_agent.contract import HOST_ENVIRONMENT
from fleet.env.host import comparison, rendering
from fleet.env.host.comparison import Change
from fleet.env.host.remote import Remote, current, path_on_host
from fleet.env.variables.table import declared
from fleet.errors import OperatorError


@dataclass(frozen=True)
class Plan:
    """A push that may be made.

    Args:
        changes: what it changes.
        first: whether the host has no environment yet.
        content: the new environment.json.
        host_content: the new host.json.
    """

    host: str
    changes: list[Change]
    first: bool
    content: bytes
    host_content: bytes

    @property
    def waits_for_a_deploy(self) -> bool:
        """Whether a container must start again before it counts; what the host itself reads counts at once."""
        return any(change.service != rendering.HOST for change in self.changes)

    @property
    def consequences(self) -> list[str]:
        """What the changes do beside changing a value, one line each."""
        if self.first:
            return []
        effects = {change.name: declared(change.name).on_change for change in self.changes if change.kind != "added"}
        return [f"{name}: {text}" for name, text in effects.items() if text]


def plan(remote: Remote, app_dir: str, values: dict[str, str]) -> Plan:
    """Compare a host with the values that it would get.

    Args:
        app_dir: its directory of the application.
        values: checked values of its env file.

    Raises:
        OperatorError: the host cannot be asked, or a change must not happen; nothing was touched.
    """
    present = current(remote, app_dir)
    changes = comparison.changes(present, rendering.environments(values))
    locked = [change for change in changes if change.service == "backend" and declared(change.name).locked]
    if present is not None and (refused := [change for change in locked if change.kind != "added"]):
        names = ", ".join(change.name for change in refused)
        raise OperatorError(
            f"{remote.name}: {names} differ{'s' * (len(refused) == 1)} from what the host has.",
            f"{declared(refused[0].name).locked}. Changing it is a task of its own.",
            "Put the value that the host has back into the file; nothing was touched.",
        )
    return Plan(remote.name, changes, present is None, rendering.render(values), rendering.render_host(values))


def push(remote: Remote, app_dir: str, ready: Plan) -> None:
    """Write the environments of a plan to its host.

    Raises:
        OperatorError: one could not be written; what was there stands untouched.
    """
    remote.put_root_file(path_on_host(app_dir, HOST_ENVIRONMENT), ready.host_content, "600")
    remote.put_root_file(path_on_host(app_dir), ready.content, "600")
