"""What is wrong with the values of a host: every problem at once, none of them showing a secret."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleet.env.dotenv.dotenv_file import EnvFile
from fleet.env.variables.declaration import Variable
from fleet.env.variables.formats import hostname_of, ipv4
from fleet.env.variables.stack import FIXED
from fleet.env.variables.table import VARIABLES, declared, family_of, suggestion

PLACEHOLDER = re.compile(
    r"<[\w .,-]+>(:\d+)?|x{3,}|\*{3,}|(please[-_ ]?)?change[-_ ]?me[\W\d]*|replace[-_ ]?me|todo|tbd|fixme|placeholder"
    r"|your[-_ ].*",
    re.IGNORECASE,
)
# What the application takes when a secret is not set, and what everyone tries first.
WELL_KNOWN = {"secret", "helpdesk-dev-key", "password", "postgres", "admin", "qwerty", "12345678", "test"}
# What a program wrote where it had no value. The application takes each for a name, a key, a number.
NO_VALUES = {"undefined", "null", "nan", "[object object]"}
PUBLIC_ADDRESSES = ("API_URL", "CLIENT_URL", "FRONTEND_URL")


@dataclass(frozen=True)
class Finding:
    """Something about one variable, or one line.

    Args:
        grave: an error, which stops a push; otherwise a warning, which is only shown.
        name: the variable; empty when a line holds none.
        line: in the file; 0 when it is not there, None when the whole file is meant.
        why: what is wrong, without the value of a secret.
        do: what to do about it.
    """

    grave: bool
    name: str
    line: int | None
    why: str
    do: str

    @property
    def text(self) -> str:
        """The finding in one line."""
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.name}{' ' * bool(self.name)}{self.why} — {self.do}"


def check(file: EnvFile, host: str) -> list[Finding]:
    """Everything that is wrong, in the order of the file; missing variables last.

    Args:
        file: what was read.
        host: the host's name, which its public addresses should carry.
    """
    findings = [Finding(True, fault.name, fault.line, fault.why, fault.do) for fault in file.faults]
    spoilt = {fault.name for fault in file.faults}
    for name, value in file.values.items():
        if name not in spoilt:
            findings += [Finding(grave, name, file.lines.get(name, 0), why, do) for grave, why, do in _of(name, value)]
    findings += [
        Finding(grave, name, file.lines.get(name, 0), why, do)
        for grave, name, why, do in _together(file.values, host)
        if name not in spoilt
    ]
    findings.sort(key=lambda finding: finding.line or 0)
    missing = [
        variable
        for variable in VARIABLES.values()
        if variable.required and variable.name not in file.values and variable.name not in spoilt
    ]
    return findings + [Finding(True, each.name, 0, "is missing", _instead(each, file.values)) for each in missing]


def _instead(variable: Variable, values: Mapping[str, str]) -> str:
    if variable.name == "HELPDESK_ENCRYPTION_KEY" and values.get("JWT_SECRET"):
        return "give it the value of JWT_SECRET, which encrypted the PBX keys so far: then they can still be read"
    return variable.help


Problem = tuple[bool, str, str]


def _of(name: str, value: str) -> Iterator[Problem]:
    variable = declared(name)
    if name not in VARIABLES:
        yield from _unknown(name)
    elif variable.ours:
        yield from _ours(variable, value)
        return
    elif not variable.read_by:
        yield False, "is not read by any service", f"take the line out; {variable.help}"
    if not value.strip():
        if value or (variable.required and not variable.empty_allowed):
            yield True, "is empty" if not value else "holds nothing but spaces", variable.help
        return
    yield from _of_value(variable, value)


def _of_value(variable: Variable, value: str) -> Iterator[Problem]:
    if value.strip().lower() in NO_VALUES:
        yield True, f"is the word {value.strip()}", f"a program wrote it for a missing value; {variable.help}"
    elif placeholder(variable, value):
        yield True, "still is a placeholder", f"put the real value there; {variable.help}"
    elif variable.secret and value.lower() in WELL_KNOWN:
        yield not variable.locked, "is a well-known value", "make a new one: openssl rand -hex 32"
    elif not variable.format.accepts(value):
        yield True, "is malformed", f"it must be {variable.format.name}"
    elif variable.secret and variable.name in VARIABLES:
        yield from _weak(variable, value)
    yield from _odd(value)


def placeholder(variable: Variable, value: str) -> bool:
    """Return whether a value only says that something belongs there."""
    if PLACEHOLDER.fullmatch(value.strip()):
        return True
    return not variable.format.free_text and value.rstrip().endswith(("...", "…"))


def _unknown(name: str) -> Iterator[Problem]:
    similar = suggestion(name)
    if similar:
        yield False, "is not declared", f"did you mean {similar}? Unchanged, the backend gets it under this name"
    elif not family_of(name):
        yield False, "is not declared", "check its spelling; the backend gets it all the same"


def _ours(variable: Variable, value: str) -> Iterator[Problem]:
    if variable.taken_from:
        yield True, f"is set by the fleet: {variable.why}", "take the line out"
    elif value != variable.fixed:
        yield True, f"must be {variable.fixed}: {variable.why}", "take the line out; the fleet sets it"


def _weak(variable: Variable, value: str) -> Iterator[Problem]:
    # A push cannot change what is locked: an error would only shut out the host that has it.
    grave = not variable.locked
    if len(value) < variable.least:
        yield grave, f"is too short: {len(value)} characters", f"at least {variable.least} are needed"
    elif len(set(value)) < 6:
        yield grave, "is too simple: it consists of few different characters", "copy it again, or make a new one"


def _odd(value: str) -> Iterator[Problem]:
    if value != value.strip():
        yield False, "begins or ends with a space", "take it out unless it belongs to the value"
    invisible = [character for character in value if unicodedata.category(character) == "Cf" or character == "\u00a0"]
    if invisible:
        yield False, f"holds the invisible character U+{ord(invisible[0]):04X}", "type the value instead of pasting it"


def _together(values: Mapping[str, str], host: str) -> Iterator[tuple[bool, str, str, str]]:
    for name in PUBLIC_ADDRESSES:
        at = hostname_of(values.get(name, ""))
        if at and at != host and not at.endswith(f".{host}"):
            yield False, name, f"leads to {at}, and this is {host}", "check that the file is this host's"
        if values.get(name, "").lower().startswith("http://"):
            yield False, name, "is not https://", "customers would be sent to an address that only redirects"
    yield from _external_host(values.get("EXTERNAL_HOST", ""))
    if "DB_PASS" in values and values["DB_PASS"] in (values.get("DB_USER"), values.get("DB_NAME")):
        yield True, "DB_PASS", "is the name of the role or of the database", "choose another"
    pairs = (
        ("ALERT_TELEGRAM_BOT_TOKEN", "ALERT_TELEGRAM_CHAT"),
        ("OFFSITE_S3_ACCESS_KEY_ID", "OFFSITE_S3_SECRET_ACCESS_KEY"),
        ("ARI_URL", "ARI_USER"),
        ("ARI_USER", "ARI_PASSWORD"),
    )
    for name, other in (turned for pair in pairs for turned in (pair, pair[::-1])):
        if values.get(name) and not values.get(other):
            yield True, name, f"is of no use without {other}", "set both or neither"
    keys = ("PRIVATE_KEY", "ENCRYPTION_KEY", "HELPDESK_ENCRYPTION_KEY", "DB_PASS")
    for first, second in ((a, b) for index, a in enumerate(keys) for b in keys[index + 1 :]):
        if values.get(first) and values.get(first) == values.get(second):
            yield True, second, f"is the same as {first}", "who learns one would have both: openssl rand -hex 32"


def _external_host(value: str) -> Iterator[tuple[bool, str, str, str]]:
    name, (host, _, port) = "EXTERNAL_HOST", value.rpartition(":")
    rtp = next(variable.fixed for variable in FIXED.variables if variable.name == "UDP_SERVER_PORT")
    if not VARIABLES[name].format.accepts(value):
        return
    if port != rtp:
        yield True, name, f"ends with port {port}", f"RTP arrives at port {rtp}"
    if host == "localhost" or host.startswith(("127.", "0.")):
        yield True, name, "leads Asterisk to itself", "write this server's public address"
    elif not ipv4(host):
        yield False, name, "is a name", "behind a CDN it would lead RTP to the CDN; an address is safer"
    elif re.match(r"10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.", host):
        yield False, name, "is a private address", "an Asterisk elsewhere cannot reach it"
