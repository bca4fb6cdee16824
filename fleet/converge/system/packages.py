"""apt and dpkg, where pyinfra's operations stop short."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterable

from pyinfra import host
from pyinfra.api import FactBase, operation

from fleet.converge.output import Lines


class InterruptedPackages(Lines):
    """Packages that dpkg has unpacked and not configured: what a run leaves that was killed in the middle."""

    def command(self) -> str:
        """dpkg's own audit, and its journal of updates that it did not finish."""
        return "dpkg --audit; ls /var/lib/dpkg/updates"


@operation()
def repaired() -> Generator[str, None, None]:
    """Finish what an interrupted dpkg left, so that apt works again."""
    if not host.get_fact(InterruptedPackages):
        host.noop("no installation was cut off")
        return
    # Only apt waits for another apt's lock (90aipbx), and that may be the one that an ended run started. It fails for
    # what is repaired below, too; a lock that is still held then is named by dpkg itself.
    yield "apt-get check || true"
    # What cut it off may be a service that systemd refuses to start once more within a minute.
    yield "systemctl reset-failed"
    yield "DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --configure -a"
    yield "DEBIAN_FRONTEND=noninteractive apt-get -y -f install"


class InstalledVersions(FactBase[dict[str, str]]):
    """Versions of packages that are fully installed, by name."""

    def command(self, names: tuple[str, ...]) -> str:
        """dpkg's own database; unknown names are no error."""
        wanted = " ".join(map(shlex.quote, names))
        return f"dpkg-query -W -f '${{Package}} ${{Version}} ${{db:Status-Status}}\\n' {wanted} 2>/dev/null || true"

    @staticmethod
    def default() -> dict[str, str]:
        """None."""
        return {}

    def process(self, output: list[str]) -> dict[str, str]:
        """`name version status` a line."""
        rows = (line.split() for line in output)
        return {word[0]: word[1] for word in rows if len(word) == 3 and word[2] == "installed"}


def install(packages: Iterable[str]) -> str:
    """Return the command that installs packages without a question, and keeps configuration files that were changed.

    Args:
        packages: names, or `name=version`; a version may also be an older one, or that of a held package.
    """
    wanted = " ".join(map(shlex.quote, packages))
    return (
        "DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --allow-downgrades "
        f"--allow-change-held-packages -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold {wanted}"
    )


@operation()
def installed(names: list[str], update: bool = False) -> Generator[str, None, None]:
    """Packages, at whatever version the host has.

    Args:
        names: the packages.
        update: whether to fetch the package lists first, when something is missing.
    """
    present: dict[str, str] = host.get_fact(InstalledVersions, names=tuple(names))
    missing = sorted(set(names) - set(present))
    if not missing:
        host.noop("nothing is missing")
        return
    if update:
        yield "apt-get update -q"
    yield install(missing)


# Written after an `apt-get update` that succeeded.
LISTS_STAMP = "/var/lib/aipbx/apt-lists"


class StaleLists(FactBase[bool]):
    """Whether apt's package lists are too old, or older than its sources, keys or preferences."""

    def command(self, max_age_minutes: int) -> str:
        """Prints a line when they are."""
        sources = "/etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/keyrings"
        return (
            f"find {LISTS_STAMP} -mmin -{max_age_minutes} 2>/dev/null | grep -q . || echo old; "
            f"find {sources} -newer {LISTS_STAMP} 2>/dev/null | head -n 1"
        )

    @staticmethod
    def default() -> bool:
        """Return no output: they are fresh."""
        return False

    def process(self, output: list[str]) -> bool:
        """Any line says that they are stale."""
        return bool(output)


@operation()
def lists(max_age_minutes: int) -> Generator[str, None, None]:
    """Fetch apt's package lists when they are stale; also after a run that died between a new source and the fetch.

    Args:
        max_age_minutes: how old they may be.
    """
    if not host.get_fact(StaleLists, max_age_minutes=max_age_minutes):
        host.noop("the package lists are fresh")
        return
    yield "apt-get update -q --error-on=any"
    yield f"install -d -m 700 /var/lib/aipbx && touch {LISTS_STAMP}"


class HeldPackages(Lines):
    """Packages that apt must not upgrade."""

    def command(self) -> str:
        """apt's own list."""
        return "apt-mark showhold"


@operation()
def held(names: list[str]) -> Generator[str, None, None]:
    """Packages stay at their version whatever upgrades run; only a change of the pin moves them.

    Args:
        names: the packages.
    """
    already: list[str] = host.get_fact(HeldPackages)
    missing = sorted(set(names) - set(already))
    if missing:
        yield f"apt-mark hold {' '.join(map(shlex.quote, missing))}"
