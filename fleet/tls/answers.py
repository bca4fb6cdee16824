"""What the host's script answers, read: an outcome, or an error in its own words."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.errors import OperatorError


@dataclass(frozen=True)
class Status:
    """What a host says of its certificate.

    Attributes:
        source: `letsencrypt` or `supplied`.
        names: the names that the host answers for.
        file: a hash of the chain in force; empty when there is none.
        served: a hash of the chain that nginx hands out; empty when it hands out none.
        chain: the chain in force, as PEM.
    """

    source: str
    names: tuple[str, ...]
    file: str
    served: str
    chain: str


def outcome(host: str, output: str) -> str:
    """What the script printed, without its exit code.

    Args:
        host: whose it is, for the message.
        output: of a command that `commands.reported` made.

    Raises:
        OperatorError: it failed; in its own words, which end with `what`, `why:`, `do:`.
    """
    text, _, code = output.rstrip("\n").rpartition("exit=")
    if code == "0":
        return text
    lines = text.rstrip("\n").splitlines()
    whys = [number for number, line in enumerate(lines) if line.startswith("    why: ")]
    if not whys or whys[-1] == 0 or not lines[whys[-1] + 1 :] or not lines[whys[-1] + 1].startswith("    do:  "):
        said = " ".join(lines[-5:]) or "It said nothing."
        raise OperatorError(
            f"{host}: its certificate script failed.", said, f"Converge the host, then try again; exit code {code}."
        )
    at = whys[-1]
    why = lines[at].removeprefix("    why: ")
    if lines[: at - 1]:
        why = "\n         ".join([why, *lines[: at - 1]])
    raise OperatorError(f"{host}: {lines[at - 1]}", why, lines[at + 1].removeprefix("    do:  "))


def status(text: str) -> Status:
    """Read what `certificate.sh status` printed."""
    head, begin, chain = text.partition("-----BEGIN CERTIFICATE-----")
    values = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    return Status(
        source=values.get("source", ""),
        names=tuple(values.get("names", "").split()),
        file=values.get("file", ""),
        served=values.get("served", ""),
        chain=begin + chain,
    )
