"""Everything that is wrong with a host's env file, and the values of one with which nothing is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fleet.env import production
from fleet.env.dotenv import checks
from fleet.env.dotenv.checks import Finding
from fleet.env.dotenv.files import HostFile, shown
from fleet.env.variables.table import declared
from fleet.errors import OperatorError


def of(file: HostFile) -> list[Finding]:
    """Return everything that is wrong with a file."""
    findings = checks.check(file.read, file.host) + production.findings(file)
    mode = file.path.stat().st_mode & 0o777
    if not file.sealed and mode & 0o077:
        why, do = f"can be read by others on this machine (mode {mode:o})", f"chmod 600 {shown(file.path)}"
        findings.insert(0, Finding(True, file.path.name, None, why, do))
    return findings + _left_behind(file)


def _left_behind(file: HostFile) -> list[Finding]:
    """Return a warning for each secret in the file of a host that has a store."""
    if not file.store:
        return []
    why = {True: "stands in the store, too", False: "is a secret, and those of this host come from a store"}
    do = f"inv env.move --host={file.host} takes it out of the file"
    names = [name for name in file.read.lines if declared(name).secret]
    return [Finding(False, name, file.read.lines[name], why[name in file.stored], do) for name in names]


def refuse(file: HostFile, findings: list[Finding]) -> None:
    """Refuse a file with errors.

    Args:
        findings: its findings, or some of them.

    Raises:
        OperatorError: all errors among them, one a line.
    """
    errors = [finding for finding in findings if finding.grave]
    if errors:
        store = f", or correct {file.store}" * bool(file.store)
        raise OperatorError(
            f"{file.host}: {shown(file.path)} has {len(errors)} error{'s' * (len(errors) > 1)}.",
            "\n         ".join(finding.text for finding in errors),
            f"inv env.edit --host={file.host}{store}   (nothing was touched on the host)",
        )


def checked(file: HostFile) -> dict[str, str]:
    """Return the values of a file, which nothing is wrong with.

    Raises:
        OperatorError: it has errors: all of them, one a line.
    """
    refuse(file, of(file))
    return file.read.values


def all_checked(reads: Mapping[str, Callable[[], HostFile]]) -> dict[str, HostFile]:
    """Return the files of several hosts, which nothing is wrong with.

    Args:
        reads: what reads each host's.

    Raises:
        OperatorError: the errors of all of them at once.
    """
    by_host: dict[str, HostFile] = {}
    refused: list[OperatorError] = []
    for host, read in reads.items():
        try:
            file = read()
            checked(file)
            by_host[host] = file
        except OperatorError as error:
            refused.append(error)
    if len(refused) > 1:
        raise OperatorError(
            f"{len(refused)} of {len(reads)} hosts cannot be served.",
            "\n         ".join(f"{error.what} {error.why}" for error in refused),
            "Fix these first; nothing was touched.",
        )
    if refused:
        raise refused[0]
    return by_host
