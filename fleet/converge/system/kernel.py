"""Kernel settings that are in force, not only in a file; and swap where memory is small."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import dataclass, field

from pyinfra import host
from pyinfra.api import FactBase, operation
from pyinfra.api.command import PyinfraCommand

from fleet.converge.files import configuration
from fleet.converge.output import Lines, sections


def parse(text: str) -> dict[str, tuple[str, bool]]:
    """A sysctl.d file: setting → (value, whether a refusal is fine), refusals being marked with a leading `-`."""
    settings: dict[str, tuple[str, bool]] = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = (word.strip() for word in line.partition("="))
            settings[name.lstrip("-")] = (value, name.startswith("-"))
    return settings


@dataclass(frozen=True)
class KernelState:
    """The file's text and what the kernel has: setting → value. Settings it does not have, or does not let us
    change, are left out."""

    text: str = ""
    values: dict[str, str] = field(default_factory=dict)


class KernelSettings(FactBase[KernelState]):
    """A file below /etc/sysctl.d, and the live values of settings that can be changed on this host."""

    def command(self, path: str, names: tuple[str, ...]) -> str:
        """One round trip; `test -w` is false where a container's host keeps a setting to itself."""
        paths = " ".join(shlex.quote(name.replace(".", "/")) for name in names)
        return (
            f"echo '==file -'; cat {shlex.quote(path)} 2>/dev/null; echo '==values -'; cd /proc/sys && "
            f'for f in {paths}; do [ ! -w "$f" ] || echo "$f=$(cat "$f")"; done'
        )

    @staticmethod
    def default() -> KernelState:
        """Nothing set."""
        return KernelState()

    def process(self, output: list[str]) -> KernelState:
        """Read the sections."""
        parts = sections(output)
        pairs = (line.partition("=") for line in parts.get("values -", "").splitlines())
        return KernelState(
            parts.get("file -", ""), {name.replace("/", "."): " ".join(value.split()) for name, _, value in pairs}
        )


@operation()
def settings(dest: str, text: str) -> Generator[PyinfraCommand | str, None, None]:
    """Kernel settings, in a file for the next boot and in force now.

    Args:
        dest: the file below /etc/sysctl.d.
        text: its content.
    """
    wanted = parse(text)
    state = host.get_fact(KernelSettings, path=dest, names=tuple(wanted))
    wrong = {name: value for name, (value, _) in wanted.items() if state.values.get(name, value) != value}
    if state.text != text:
        configuration.show_difference(dest, state.text, text)
        yield configuration.upload(text, f"{dest}.new")
        yield configuration.put_in_place(dest, "644")
    if wrong or state.text != text:
        yield f"/usr/lib/systemd/systemd-sysctl {shlex.quote(dest)}"


class Swaps(Lines):
    """Files and devices that the host swaps to, and those that it will after a boot."""

    def command(self) -> str:
        """/proc/swaps and fstab."""
        return "awk 'NR > 1 { print $1 }' /proc/swaps; awk '$3 == \"swap\" { print \"fstab:\" $1 }' /etc/fstab"


@operation()
def swap_file(path: str, mib: int) -> Generator[str, None, None]:
    """A swap file, in use now and after a boot; hosts that swap already keep what they have.

    Args:
        mib: its size in MiB.
    """
    swaps = host.get_fact(Swaps)
    active = [name for name in swaps if not name.startswith("fstab:")]
    if active and active != [path]:
        host.noop(f"the host swaps to {', '.join(active)} already")
        return
    if not active:
        yield (
            f"rm -f {path}.new && fallocate -l {mib}M {path}.new && chmod 600 {path}.new"
            f" && mkswap {path}.new >/dev/null && mv {path}.new {path} && swapon {path}"
        )
    if f"fstab:{path}" not in swaps:
        yield f"echo '{path} none swap sw 0 0' >> /etc/fstab"
