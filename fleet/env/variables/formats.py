"""What a value may look like. A format says what is wrong with a value, without repeating it: it may be a secret."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

HOSTNAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
EMAIL = re.compile(r"[^@\s,;<>\"]+@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]{2,}")
BOOLEANS = ("true", "false", "1", "0", "yes", "no", "on", "off")


@dataclass(frozen=True)
class Format:
    """A kind of value.

    Args:
        name: how help and messages call it, as in "must be <name>".
        accepts: whether a value is one.
        free_text: a person wrote it for persons; `...` in it is no placeholder.
    """

    name: str
    accepts: Callable[[str], bool]
    free_text: bool = False


def _port(value: str) -> bool:
    return value.isascii() and value.isdigit() and 1 <= int(value) <= 65535


def _hostname(value: str) -> bool:
    return HOSTNAME.fullmatch(value) is not None


def _host_and_port(value: str) -> bool:
    host, colon, port = value.rpartition(":")
    numeric = host.replace(".", "").isdigit()
    return bool(colon) and _port(port) and (ipv4(host) if numeric else _hostname(host))


def ipv4(value: str) -> bool:
    """Return whether `value` is an IPv4 address in its usual form."""
    parts = value.split(".")
    return len(parts) == 4 and all(re.fullmatch(r"0|[1-9]\d{0,2}", part) and int(part) < 256 for part in parts)


def hostname_of(value: str) -> str:
    """Return the name of the host in a URL, in lower case; empty when there is none, or its port is none."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        return "" if parts.port == 0 else (parts.hostname or "").lower()
    except ValueError:
        return ""


def _url(*schemes: str) -> Callable[[str], bool]:
    def accepts(value: str) -> bool:
        scheme, separator, _ = value.partition("://")
        known = bool(separator) and scheme.lower() in schemes
        return known and bool(hostname_of(value)) and not re.search(r"\s", value)

    return accepts


def _timezone(value: str) -> bool:
    import zoneinfo

    return value in zoneinfo.available_timezones()


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def choice(*values: str) -> Format:
    """Return one of a few words."""
    return Format(f"one of {', '.join(values)}", lambda value: value in values)


ANY = Format("a value", lambda _: True)
TEXT = Format("text", lambda _: True, free_text=True)
URL = Format("a URL (https://… or http://…)", _url("https", "http"))
SOCKET_URL = Format("a WebSocket URL (wss://… or ws://…)", _url("wss", "ws"))
REDIS_URL = Format("a Redis URL (redis://… or rediss://…)", _url("redis", "rediss"))
HOST = Format("a host name", _hostname)
PORT = Format("a port (1 to 65535)", _port)
HOST_AND_PORT = Format("an IPv4 address or a name, a colon and a port, as in 203.0.113.20:3032", _host_and_port)
HEX64 = Format("64 hexadecimal digits", _matches(r"[0-9A-Fa-f]{64}"))
MAIL = Format("an e-mail address", lambda value: EMAIL.fullmatch(value) is not None)
TIMEZONE = Format("a time zone such as Europe/Amsterdam", _timezone)
WHOLE = Format("a whole number", _matches(r"-?\d{1,15}"))
NUMBER = Format("a number", _matches(r"-?\d{1,15}(\.\d{1,15})?"))
BOOLEAN = Format("true or false", lambda value: value.lower() in BOOLEANS)
SIZE = Format("a size such as 70mb", _matches(r"\d{1,6}([kmg]b)?"))
IDENTIFIER = Format("lower-case letters, digits and _ (at most 63)", _matches(r"[a-z_][a-z0-9_]{0,62}"))
WORD = Format("letters, digits, . _ and -", _matches(r"[A-Za-z0-9._-]+"))
BOT = Format("a Telegram bot's token (digits, a colon, letters and digits)", _matches(r"\d{1,20}:[A-Za-z0-9_-]{20,}"))
CHAT = Format("a Telegram chat id (digits, or -digits for a group)", _matches(r"-?\d{1,20}"))
STRIPE_SECRET = Format(
    "a Stripe secret key (sk_live_… or rk_live_…)", _matches(r"(sk|rk)_(live|test)_[A-Za-z0-9_]{8,}")
)
STRIPE_PUBLIC = Format("a Stripe publishable key (pk_live_…)", _matches(r"pk_(live|test)_[A-Za-z0-9_]{8,}"))
STRIPE_HOOK = Format("a Stripe signing secret (whsec_…)", _matches(r"whsec_[A-Za-z0-9+/=_-]{8,}"))
