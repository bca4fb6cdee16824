"""Where this machine gets packages from: the lab gets them from the same places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_APT = Path("/etc/apt")
_ONE_LINE = re.compile(r"^deb\s+(?:\[[^]]*]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)")


@dataclass(frozen=True)
class Mirror:
    """Where Debian's archive and its security updates are.

    Args:
        main: URL of the archive, without a slash at its end.
        security: URL of the security archive, without a slash at its end.
    """

    main: str = "http://deb.debian.org/debian"
    security: str = "http://security.debian.org/debian-security"

    def sources(self, suite: str) -> str:
        """Return an apt sources file (deb822) for a Debian release."""
        keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
        stanzas = ((self.main, f"{suite} {suite}-updates"), (self.security, f"{suite}-security"))
        return "\n".join(
            f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\nSigned-By: {keyring}\n"
            for uri, suites in stanzas
        )


@dataclass(frozen=True)
class Sources:
    """Where the lab's world gets packages from: this machine's own sources.

    Args:
        mirror: Debian's packages.
        npm: URL of the npm registry, without a slash at its end.
        authorities: The certificates of those that may vouch for the npm registry, as PEM.
    """

    mirror: Mirror
    npm: str
    authorities: bytes


def machine_mirror(apt: Path = _APT) -> Mirror:
    """Return the mirror that this machine's own apt uses, or Debian's own.

    Args:
        apt: The folder of apt's configuration.
    """
    main = security = None
    for uri, suite in _sources(apt):
        if not uri.startswith(("http://", "https://")):
            continue
        if suite.endswith("-security"):
            security = security or (uri if uri.endswith("/debian-security") else None)
        elif uri.endswith("/debian"):
            main = main or uri
    default = Mirror()
    return Mirror(main or default.main, security or default.security)


def _sources(apt: Path) -> Iterator[tuple[str, str]]:
    """Yield the (URL, suite) pairs of every apt source, in the order of the files' names."""
    for file in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if file.is_file() and file.suffix == ".list":
            yield from _one_line(file.read_text(errors="replace"))
        elif file.is_file() and file.suffix == ".sources":
            yield from _deb822(file.read_text(errors="replace"))


def _one_line(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if match := _ONE_LINE.match(line):
            yield match["uri"].rstrip("/"), match["suite"]


def _deb822(text: str) -> Iterator[tuple[str, str]]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
        if fields.get("Enabled", "yes").lower() != "no":
            for uri in fields.get("URIs", "").split():
                for suite in fields.get("Suites", "").split():
                    yield uri.rstrip("/"), suite
