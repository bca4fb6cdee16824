"""Configuration files of root's: compared in one round trip, written separately, checked by their reader, renamed."""

from __future__ import annotations

import hashlib
import io
import re
import shlex
import tarfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import PurePosixPath

from pyinfra import host, logger, state
from pyinfra.api import FactBase, FileUploadCommand, StringCommand, operation
from pyinfra.api.command import PyinfraCommand
from pyinfra.operations.util.files import generate_color_diff

from fleet.checkout import ROOT

# Ends the name of a file that was not ours, moved where its reader no longer sees it.
SET_ASIDE = ".set-aside-by-aipbx"


@dataclass(frozen=True)
class FileState:
    """A file on the host: its access as `644 root:root` (None when there is no such file), and its text."""

    access: str | None = None
    text: str = ""


class ConfigurationFile(FactBase[FileState]):
    """A file's access and text."""

    def command(self, path: str) -> str:
        """One round trip; a symbolic link counts as no file, so that it is replaced."""
        quoted = shlex.quote(path)
        # The dot keeps a missing line feed at the end of the file visible.
        return f"[ ! -f {quoted} ] || [ -L {quoted} ] || {{ stat -c '%a %U:%G' {quoted} && cat {quoted} && echo .; }}"

    @staticmethod
    def default() -> FileState:
        """No such file."""
        return FileState()

    def process(self, output: list[str]) -> FileState:
        """The first line is the access, the rest the text."""
        if not output:
            return FileState()
        text = "\n".join(output[1:])
        return FileState(output[0], text.removesuffix("."))


def show_difference(path: str, before: str, after: str) -> None:
    """Print what changes in a file, when `--diff` asks for it."""
    if state.config.DIFF:
        host.log(f"Will change {path}")
        for line in generate_color_diff(before.splitlines(), after.splitlines()):
            logger.info("  %s", line)


def upload(text: str, path: str) -> FileUploadCommand:
    """The command that brings a text to a path on the host; for a path that no one reads yet."""
    return FileUploadCommand(io.StringIO(text), path, remote_temp_filename=host.get_temp_filename(path))


def put_in_place(path: str, mode: str, check: str = "") -> str:
    """The command that checks `path`.new and gives it `path`'s place in one step.

    Args:
        mode: its access, as `644`.
        check: a command that fails when the file is wrong; `{}` is the path of the new file.
    """
    new = shlex.quote(f"{path}.new")
    checked = f" && {check.format(new)}" if check else ""
    return f"chown root:root {new} && chmod {mode} {new}{checked} && mv -fT {new} {shlex.quote(path)}"


def with_keywords(text: str, keywords: dict[str, str], separator: str) -> str:
    """A file of `KEYWORD value` lines with these keywords set, each once and in its place; the other lines stay.

    Args:
        text: the file as it is.
        keywords: value by keyword.
        separator: what separates the two, as ` ` or `=`.
    """
    missing = {name: f"{name}{separator}{value}" for name, value in keywords.items()}
    lines: list[str] = []
    for line in text.splitlines():
        keyword = re.split(r"[\s=]", line.strip(), maxsplit=1)[0]
        if keyword not in keywords:
            lines.append(line)
        elif keyword in missing:
            lines.append(missing.pop(keyword))
    return "".join(f"{line}\n" for line in [*lines, *missing.values()])


@operation()
def keywords(path: str, values: dict[str, str], separator: str = " ") -> Generator[PyinfraCommand | str, None, None]:
    """Keywords in a file that a package owns.

    Args:
        path: where.
        values: value by keyword.
        separator: what separates the two.
    """
    present = host.get_fact(ConfigurationFile, path=path)
    text = with_keywords(present.text, values, separator)
    if present == FileState("644 root:root", text):
        host.noop(f"{path} is as declared")
        return
    yield from _written(path, text, "644", "", present)


class Access(FactBase[dict[str, str]]):
    """Mode and owner of files and folders, as `600 root:root` by path; those that are missing are left out."""

    def command(self, paths: tuple[str, ...]) -> str:
        """One round trip."""
        return f"stat -c '%n=%a %U:%G' {' '.join(map(shlex.quote, paths))} 2>/dev/null || true"

    @staticmethod
    def default() -> dict[str, str]:
        """None of them exists."""
        return {}

    def process(self, output: list[str]) -> dict[str, str]:
        """`path=mode owner` a line."""
        return dict(line.rsplit("=", 1) for line in output)


@operation()
def closed(modes: dict[str, str]) -> Generator[str, None, None]:
    """Files and folders of root's, where they exist, with this access.

    Args:
        modes: mode by path.
    """
    present: dict[str, str] = host.get_fact(Access, paths=tuple(modes))
    for path, mode in modes.items():
        if path in present and present[path] != f"{mode} root:root":
            yield f"chown root:root {shlex.quote(path)} && chmod {mode} {shlex.quote(path)}"


@operation()
def absent(paths: tuple[str, ...]) -> Generator[str, None, None]:
    """Files and folders that are gone.

    Args:
        paths: their paths.
    """
    present: dict[str, str] = host.get_fact(Access, paths=paths)
    for path in present:
        yield f"rm -rf {shlex.quote(path)}"


@operation()
def folders(modes: dict[str, str]) -> Generator[str, None, None]:
    """Folders of root's, made where they are missing, with this access.

    Args:
        modes: mode by path, parents before their children.
    """
    present: dict[str, str] = host.get_fact(Access, paths=tuple(modes))
    for path, mode in modes.items():
        if present.get(path) != f"{mode} root:root":
            yield f"install -d -o root -g root -m {mode} {shlex.quote(path)}"


@operation()
def file(path: str, text: str, mode: str = "644", check: str = "") -> Generator[PyinfraCommand | str, None, None]:
    """A file of root's with this text.

    Args:
        path: where; its folder is made when it is missing.
        text: its content.
        mode: its access.
        check: a command that reads the new file (`{}`) and fails when it is wrong: then the old one stays.
    """
    present = host.get_fact(ConfigurationFile, path=path)
    if present == FileState(f"{mode} root:root", text):
        host.noop(f"{path} is as declared")
        return
    yield from _written(path, text, mode, check, present)


def _written(
    path: str, text: str, mode: str, check: str, present: FileState
) -> Generator[PyinfraCommand | str, None, None]:
    show_difference(path, present.text, text)
    folder = shlex.quote(str(PurePosixPath(path).parent))
    yield StringCommand(f"[ -d {folder} ] || install -d -m 755 {folder}")
    yield upload(text, f"{path}.new")
    yield StringCommand(put_in_place(path, mode, check))


class TreeHashes(FactBase[dict[str, str]]):
    """The files below a folder: access and SHA-256 by path within it, as `644 root:root 0123…`."""

    def command(self, path: str) -> str:
        """One round trip."""
        folder = shlex.quote(path)
        return (
            f"[ ! -d {folder} ] || {{ cd {folder} && find . -type f -name '*.py' -printf '%m %u:%g  %p\\n' && "
            "find . -type f -name '*.py' -exec sha256sum {} +; }"
        )

    @staticmethod
    def default() -> dict[str, str]:
        """Nothing is there."""
        return {}

    def process(self, output: list[str]) -> dict[str, str]:
        """`mode owner  path` a line, then `hash  path`."""
        hashes: dict[str, str] = {}
        for line in output:
            value, _, path = line.partition("  ./")
            hashes[path] = f"{hashes[path]} {value}" if path in hashes else value
        return hashes


@operation()
def program(path: str, texts: dict[str, str]) -> Generator[PyinfraCommand | str, None, None]:
    """A folder of Python modules, these and no others; they change all at once.

    Args:
        path: the folder.
        texts: text by path within it.
    """
    present: dict[str, str] = host.get_fact(TreeHashes, path=path)
    wanted = {name: f"644 root:root {hashlib.sha256(text.encode()).hexdigest()}" for name, text in texts.items()}
    if present == wanted:
        host.noop(f"{path} is as declared")
        return
    new, old = shlex.quote(f"{path}.new"), shlex.quote(f"{path}.old")
    bundle = io.BytesIO()
    with tarfile.open(fileobj=bundle, mode="w") as archive:
        for name, text in sorted(texts.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    for name in sorted(set(present) | set(wanted)):
        if present.get(name) != wanted.get(name):
            show_difference(f"{path}/{name}", "", texts.get(name, ""))
    yield StringCommand(f"rm -rf {new} {old} && install -d -m 755 {new}")
    bundle.seek(0)
    yield FileUploadCommand(bundle, f"{path}.tar", remote_temp_filename=host.get_temp_filename(f"{path}.tar"))
    packed, place = shlex.quote(f"{path}.tar"), shlex.quote(path)
    # Compiled once, not by each start. By content: all these files are of the same second.
    compiled = f"python3 -m compileall -q -s {new} -p {place} --invalidation-mode checked-hash {new}"
    yield StringCommand(
        f"tar -C {new} --no-same-owner -xf {packed} && rm {packed} && {compiled} && "
        f"find {new} -type d -exec chmod 755 {{}} + && "
        f"if [ -d {place} ]; then mv -T {place} {old}; fi && mv -T {new} {place} && rm -rf {old}"
    )


def package(name: str) -> dict[str, str]:
    """The modules of one of this repository's packages, by their path below a folder that Python searches."""
    return {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in sorted((ROOT / name).rglob("*.py"))}


def shipped(name: str) -> str:
    """The text of a file below files/, byte for byte."""
    return (ROOT / "files" / name).read_text(encoding="utf-8")
