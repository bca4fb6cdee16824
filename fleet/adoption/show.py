"""`inv adopt`: a host installed by hand read, and what an operator needs to take it over written on their machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.adoption import environment, gate, hand_made
from fleet.env import report
from fleet.env.dotenv import files
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from fleet.adoption.hand_made import HandMade
    from fleet.remote import Remote


def show(remote: Remote) -> None:
    """Say what was found, write the env file if there is none, and say what to do next; the host is only read.

    Raises:
        OperatorError: there is nothing to take over.
    """
    old = hand_made.read(remote)
    if old is None or old.adopted:
        raise OperatorError(
            f"{remote.name}: there is nothing to take over.",
            old.lines()[0] if old else "Nothing installed by hand was found.",
            f"inv deploy --host={remote.name}",
        )
    print(f"{remote.name}: installed by hand")
    for line in old.lines():
        print(f"    {line}")
    errors = _write_environment(remote, old)
    lines = gate.inventory_lines(remote, old)
    if lines:
        print(f"add to {remote.name} in inventory.py:")
        for line in lines:
            print(f"    {line}")
    print("next, none of it interrupts anything but the last:")
    steps = [f"inv env.edit --host={remote.name}"] * bool(errors)
    steps += [f"pyinfra inventory.py deploys/bootstrap.py --limit {remote.name}"] * bool(lines)
    steps += [f"inv env.push --host={remote.name}", f"inv deploy --host={remote.name}"]
    for step in steps:
        print(f"    {step}")


def _write_environment(remote: Remote, old: HandMade) -> int:
    """Returns: how many errors the env file has."""
    path = next((path for path in files.paths(remote.name) if path.exists()), None)
    if path is None:
        has = environment.read(remote, old)
        if "backend" in old.containers:
            environment.refuse_other_database(remote, has, set(old.containers))
        path = files.paths(remote.name)[0]
        files.save(path, has.file(remote.name).encode())
        print(f"wrote {files.shown(path)} (mode 600, not in git) from {has.source}")
        for line in has.notes():
            print(f"    note: {line}")
    else:
        print(f"{files.shown(path)} is there already, and stays as it is")
    return report.findings(files.load(remote.name), remote.settings.images_from)
