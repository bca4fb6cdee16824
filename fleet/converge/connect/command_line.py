"""pyinfra's command line, checked before it acts: pyinfra itself lets several mistakes pass with exit code 0."""

from __future__ import annotations

import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import click
from pyinfra import logger

from fleet.checkout import operator_keys, operators_directory, refuse_open_files
from fleet.converge import drift
from fleet.errors import OperatorError
from fleet.inventory import hosts

WITHOUT_HOSTS = "pyinfra would continue without any host, and report success."


def check(params: dict[str, Any], *, interactive: bool) -> None:
    """Refuse a command line that would do nothing, or something else than it says.

    Args:
        params: pyinfra's options as click parsed them.
        interactive: whether there is someone to answer a question.

    Raises:
        OperatorError: what is wrong with it, or with what the run would need of this machine.
    """
    named = Path(str(params["inventory"]))
    _refuse_no_inventory(named)
    if named.name == "inventory.py":
        fleet = hosts.load()
        for pattern in (*(params.get("limit") or ()), *(params.get("exclude") or ())):
            _refuse_unmatched(str(pattern), fleet)
    if params.get("no_wait"):
        raise OperatorError(
            "--no-wait is not supported here.",
            "With it pyinfra reports success although an operation failed.",
            "Leave it out: hosts are converged side by side anyway.",
        )
    refuse_open_files()
    if converges(params):
        operator_keys()
    confirms = not (params.get("yes") or params.get("dry") or params.get("json_output"))
    if confirms and not interactive and converges(params):
        raise OperatorError(
            "There is no terminal for the confirmation.",
            "pyinfra shows the changes and waits for Enter.",
            "Add --dry to see the changes only, or -y to make them without being asked.",
        )


def _refuse_no_inventory(named: Path) -> None:
    if named.suffix != ".py" and not str(named).startswith("@"):
        raise OperatorError(
            f"{named} is not an inventory.",
            WITHOUT_HOSTS,
            f"For a host of this name: pyinfra inventory.py deploys/bootstrap.py --limit {named}",
        )
    if named.suffix == ".py" and not named.exists():
        raise OperatorError(
            f"There is no inventory {named}.",
            WITHOUT_HOSTS,
            "Run it in the repository's folder: pyinfra inventory.py deploys/bootstrap.py",
        )


def _refuse_unmatched(pattern: str, fleet: list[hosts.Host]) -> None:
    """pyinfra takes one name, group or glob at a time; what matches nothing is a warning to it, and success."""
    if any(pattern in host.groups or fnmatch(host.name, pattern) for host in fleet):
        return
    if pattern == "all" or "," in pattern:
        raise OperatorError(
            f"{pattern!r} is not one host or group.",
            "pyinfra would match nothing, do nothing, and report success.",
            "Repeat the option for several hosts; leave it out for all.",
        )
    hosts.select(pattern, fleet)


def converges(params: dict[str, Any]) -> bool:
    """Return whether this command line deploys files, and so may change the hosts."""
    return any(str(name).endswith(".py") for name in params["operations"])


def checked() -> dict[str, Any]:
    """The command line of this process, as click parsed it; a refused one ends it with a message and exit code 2."""
    context = click.get_current_context()
    try:
        check(context.params, interactive=sys.stdin.isatty())
    except OperatorError as error:
        logger.error(f"--> {error}")
        raise SystemExit(2) from None
    if converges(context.params):
        # In a lab the folder beside its ssh_config counts, and keys in the checkout's do not.
        logger.info(f"--> Operators' keys: {len(operator_keys())} in {operators_directory()}")
    if converges(context.params) and not context.params.get("dry"):
        drift.forget()
        end_where_declined(sys.modules["pyinfra_cli.cli"])
    return context.params


def end_where_declined(cli: Any) -> None:
    """Have a declined question end the run with exit code 2: to pyinfra it is success, and `inv setup` would continue.

    Args:
        cli: pyinfra's module.
    """
    confirm = cli._do_confirm

    def confirmed(message: str) -> bool:
        agreed = bool(confirm(message))
        if not agreed and message.startswith("Detected changes"):
            logger.info("--> Nothing was changed.")
            raise SystemExit(2)
        return agreed

    cli._do_confirm = confirmed
