"""nginx's configuration: tested as a whole by nginx itself, put in place file by file, read by the one that runs."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from aipbx_agent.contract import NGINX
from fleet.converge.files import configuration
from fleet.converge.output import of_kind, sections
from fleet.nginx.settings import REVISION

STAGE = "/var/lib/aipbx/stage/nginx"


@dataclass(frozen=True)
class NginxState:
    """What is on the host.

    Attributes:
        files: text by path below the folder; what is no file of root's with mode 644 is left out.
        stale: nginx runs, and has not read what is in place.
    """

    files: dict[str, str] = field(default_factory=dict)
    stale: bool = False


class Nginx(FactBase[NginxState]):
    """nginx's files, and whether the running one has read them."""

    def command(self, folder: str, names: tuple[str, ...]) -> str:
        """One round trip: sections that begin with a line `==kind name`."""
        return (
            f"if cd {shlex.quote(folder)} 2>/dev/null; then for f in {' '.join(map(shlex.quote, names))}; do "
            "[ \"$(stat -c '%F %a %U:%G' \"$f\" 2>/dev/null)\" = 'regular file 644 root:root' ] || continue; "
            'echo "==file $f"; cat "$f"; done; fi; '
            f"if {NGINX} stale 2>/dev/null; then echo '==stale -'; fi"
        )

    @staticmethod
    def default() -> NginxState:
        """Nothing there."""
        return NginxState()

    def process(self, output: list[str]) -> NginxState:
        """Read the sections."""
        parts = sections(output)
        return NginxState(of_kind(parts, "file"), "stale -" in parts)


def put_in_place(folder: str, names: list[str]) -> str:
    """Return the command that renames staged files into nginx's folder, whose inode a running container holds.

    Args:
        folder: nginx's folder.
        names: paths below it. The revision goes last: a run that is cut off before it is finished by the next.
    """
    steps = []
    for name in sorted(names, key=lambda name: (name == REVISION, name)):
        staged, target, new = (
            shlex.quote(path) for path in (f"{STAGE}/{name}", f"{folder}/{name}", f"{folder}/{name}.new")
        )
        steps.append(f"install -D -o root -g root -m 644 {staged} {new} && mv -fT {new} {target}")
    return " && ".join(steps)


def tested(folder: str) -> str:
    """Return the command that has nginx test the staged files together with what the deploy wrote into `folder`."""
    active = shlex.quote(f"{folder}/active")
    return (
        f"chmod -R u=rwX,go=rX {STAGE} && if [ -d {active} ]; then cp -a {active} {STAGE}/active; fi"
        f" && {NGINX} test {STAGE}"
    )


@operation()
def configured(folder: str, files: dict[str, str]) -> Generator[PyinfraCommand | str, None, None]:
    """nginx's folder with these files, tested before they get there, and read by the nginx that runs.

    Args:
        folder: the directory that is mounted into nginx's container.
        files: text by path below `folder`, the revision among them.
    """
    state = host.get_fact(Nginx, folder=folder, names=tuple(files))
    changed = [name for name, text in files.items() if state.files.get(name) != text]
    if not changed and not state.stale:
        host.noop("nginx is configured as declared")
        return
    if changed:
        subfolders = sorted({str(PurePosixPath(STAGE, name).parent) for name in files})
        yield StringCommand(f"rm -rf {STAGE} && install -d -m 755 {' '.join(subfolders)}")
        for name, text in files.items():
            if name in changed:
                configuration.show_difference(f"{folder}/{name}", state.files.get(name, ""), text)
            yield configuration.upload(text, f"{STAGE}/{name}")
        yield StringCommand(tested(folder))
        yield StringCommand(put_in_place(folder, changed))
    yield StringCommand(f"{NGINX} reload")
