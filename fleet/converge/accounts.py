"""sudo rules that cannot break sudo, and groups that an account must not be in."""

from __future__ import annotations

import io
import shlex
from collections.abc import Generator

from pyinfra import host
from pyinfra.api import FileUploadCommand, operation
from pyinfra.api.command import PyinfraCommand
from pyinfra.facts.files import FileContents
from pyinfra.facts.server import Groups, Users

STAGE = "/var/lib/aipbx/stage/sudoers"


@operation()
def sudoers(dest: str, text: str) -> Generator[PyinfraCommand | str, None, None]:
    """Put a file of sudo rules in place after `visudo` has read it; a broken one would shut everybody out of root.

    Args:
        dest: where, below /etc/sudoers.d.
        text: its content.
    """
    lines = host.get_fact(FileContents, path=dest)
    if lines == text.splitlines():
        host.noop(f"{dest} is as declared")
        return
    yield FileUploadCommand(io.StringIO(text), STAGE, remote_temp_filename=host.get_temp_filename(dest))
    yield f"visudo -cqf {STAGE} && install -m 440 {STAGE} {shlex.quote(dest)}.new && mv {dest}.new {dest}"


@operation()
def not_in_docker_group(user: str) -> Generator[str, None, None]:
    """Take the account out of the group `docker`, which is root without a record.

    Args:
        user: the account.
    """
    if "docker" not in host.get_fact(Groups):
        return
    account = host.get_fact(Users).get(user)
    if account and "docker" in account["groups"]:
        yield f"gpasswd --delete {shlex.quote(user)} docker"
