"""The migrations that an image of the backend ships: what CI sends must be these, byte for byte."""

from __future__ import annotations

import io
import tarfile

from aipbx_agent.core.docker import SECONDS
from aipbx_agent.core.errors import Refused
from aipbx_agent.core.process import run

FOLDER = "/app/migrations/postgres"


def migrations(image: str) -> dict[str, bytes]:
    """Content by name of an image's files of migrations; nothing of the image is run.

    Raises:
        Failed: the image has none, or is not here.
    """
    argv = ["docker", "create", "--pull", "never", "--network", "none", image, "true"]
    container = run(argv, seconds=SECONDS).decode().strip()
    try:
        packed = run(["docker", "cp", f"{container}:{FOLDER}", "-"], seconds=SECONDS)
    finally:
        run(["docker", "rm", "--force", "--volumes", container], seconds=SECONDS)
    files = {}
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for entry in archive:
            if entry.isfile() and (content := archive.extractfile(entry)):
                files[entry.name.rpartition("/")[2]] = content.read()
    return files


def refuse_others(image: str, files: dict[str, str]) -> None:
    """Refuse files that are not those of an image.

    Args:
        image: the backend's.
        files: content by name.

    Raises:
        Refused: names the first one.
    """
    shipped = migrations(image)
    for name, text in files.items():
        if shipped.get(name) != text.encode():
            raise Refused(
                f"Migration {name} is not what the image has.",
                f"CI may run the files that {image} ships in {FOLDER}, and no others.",
                "Build the image from this commit again; or an operator deploys it: inv deploy.",
            )
