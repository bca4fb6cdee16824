"""What an image is made of beyond Debian's packages: wheels of PyPI's and packages of npm's, fetched by this machine.

The machine fetches, not the build: it knows its own registries and whom it trusts, and none of that ends in an image.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import process
from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NPM = "https://registry.npmjs.org"
WHEELS = "wheels.txt"
PACKAGES = "npm.txt"
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_TIMEOUT = 600


@dataclass(frozen=True)
class Package:
    """One version of an npm package.

    Args:
        name: Its name, such as ``@scope/name``.
        version: Its version.
        integrity: ``sha512-`` and the hash in base64, as npm's lock files have it.
    """

    name: str
    version: str
    integrity: str

    @property
    def path(self) -> str:
        """Where a registry keeps it."""
        return f"{self.name}/-/{self.name.rpartition('/')[2]}-{self.version}.tgz"


def npm_registry() -> str:
    """Return the npm registry that this machine uses, without a slash at its end."""
    if shutil.which("npm") is None:
        return NPM
    done = subprocess.run(["npm", "config", "get", "registry"], capture_output=True, text=True, timeout=60, check=False)
    found = done.stdout.strip().rstrip("/")
    return found if found.startswith(("http://", "https://")) else NPM


def authorities() -> bytes:
    """Return the certificates of the authorities that this machine trusts, as PEM."""
    found = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(ssl.DER_cert_to_PEM_cert(certificate) for certificate in found).encode()


def packages(listing: str) -> Iterator[Package]:
    """Yield the npm packages that a listing names: name, version and integrity a line."""
    for line in listing.splitlines():
        if line.strip():
            yield Package(*line.split())


def fetch(folder: Path, target: Path, architecture: str, python: str) -> None:
    """Download what a folder's ``wheels.txt`` and ``npm.txt`` list.

    Args:
        folder: The folder with the listings; one that does not exist asks for nothing.
        target: Gets the folders ``wheels`` and ``npm``.
        architecture: Debian's name of the processor's architecture.
        python: The version of Python that the wheels are for.

    Raises:
        LabError: A registry does not answer, or what it gave is something else.
    """
    if (folder / WHEELS).exists():
        _fetch_wheels(folder / WHEELS, target / "wheels", _MACHINES[architecture], python)
    if (folder / PACKAGES).exists():
        registry = npm_registry()
        (target / "npm").mkdir(exist_ok=True)
        for package in packages((folder / PACKAGES).read_text()):
            _fetch_package(package, registry, target / "npm")


def wheels_command(listing: Path, target: Path, machine: str, python: str) -> list[str]:
    """Return pip's command that downloads wheels by their hashes."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--python-version", python, "--dest", str(target)]
    for platform in ("manylinux_2_28", "manylinux_2_17", "manylinux2014"):
        command += ["--platform", f"{platform}_{machine}"]
    return [*command, "--requirement", str(listing)]


def _fetch_wheels(listing: Path, target: Path, machine: str, python: str) -> None:
    process.run(
        wheels_command(listing, target, machine, python),
        _TIMEOUT,
        "look at the connection to pip's index, then run the same task again",
        what=f"the wheels of {listing} could not be downloaded",
    )


def _fetch_package(package: Package, registry: str, target: Path) -> None:
    url = f"{registry}/{package.path}"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 # npm_registry() gives http(s) only
            content: bytes = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise LabError(
            f"{package.name} {package.version} could not be downloaded",
            f"{url}: {error}",
            "look at the connection to npm's registry, then run the same task again",
        ) from None
    found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != package.integrity:
        raise LabError(
            f"{package.name} {package.version} is not what the lab expects",
            f"{url} has {found}, not {package.integrity}",
            "look at what that registry delivers",
        )
    (target / package.path.rpartition("/")[2]).write_bytes(content)
