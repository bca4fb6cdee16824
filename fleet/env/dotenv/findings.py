"""Everything that is wrong with a host's env file, and the values of one with which nothing is."""

from __future__ import annotations

from fleet.env.dotenv import checks, files, production
from fleet.env.dotenv.checks import Finding
from fleet.env.dotenv.files import HostFile, shown
from fleet.errors import OperatorError


def of(file: HostFile) -> list[Finding]:
    """Return everything that is wrong with a file."""
    found = checks.check(file.read, file.host) + production.findings(file)
    mode = file.path.stat().st_mode & 0o777
    if not file.sealed and mode & 0o077:
        why, do = f"can be read by others on this machine (mode {mode:o})", f"chmod 600 {shown(file.path)}"
        found.insert(0, Finding(True, file.path.name, None, why, do))
    return found


def refuse(file: HostFile, found: list[Finding]) -> None:
    """Refuse a file with errors.

    Args:
        found: its findings, or some of them.

    Raises:
        OperatorError: all errors among them, one a line.
    """
    errors = [finding for finding in found if finding.grave]
    if errors:
        raise OperatorError(
            f"{file.host}: {shown(file.path)} has {len(errors)} error{'s' * (len(errors) > 1)}.",
            "\n         ".join(finding.text for finding in errors),
            f"inv env.edit --host={file.host}   (nothing was touched on the host)",
        )


def checked(host: str) -> dict[str, str]:
    """Return the values for the host called `host`, which nothing is wrong with.

    Raises:
        OperatorError: there is no file, or it has errors: all of them, one a line.
    """
    file = files.load(host)
    refuse(file, of(file))
    return file.read.values


def all_checked(hosts: list[str]) -> dict[str, dict[str, str]]:
    """Return the values for each of several hosts, which nothing is wrong with.

    Raises:
        OperatorError: the errors of all of them at once.
    """
    values: dict[str, dict[str, str]] = {}
    refused: list[OperatorError] = []
    for host in hosts:
        try:
            values[host] = checked(host)
        except OperatorError as error:
            refused.append(error)
    if len(refused) > 1:
        raise OperatorError(
            f"{len(refused)} of {len(hosts)} hosts cannot be served.",
            "\n         ".join(f"{error.what} {error.why}" for error in refused),
            "Fix these first; nothing was touched.",
        )
    if refused:
        raise refused[0]
    return values
