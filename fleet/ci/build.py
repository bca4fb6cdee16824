"""The images of a commit, built and pushed by a runner of CI's: each unless the registry has it.

It needs no environment: tools/ci/build starts it with the Python that is there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# As JSON: asked for the digest alone, some versions of buildx print lines of text around it.
MANIFEST = "{{json .Manifest}}"


def main(checkout: str) -> int:
    """Build what BUILDS lists, and say by which digest each host gets its image: `digests` of the job.

    Args:
        checkout: the application's repository.
    """
    service, sha = os.environ["SERVICE"], os.environ["SHA"]
    builds: list[dict[str, Any]] = json.loads(os.environ["BUILDS"])
    digests: dict[str, str] = {}
    with logged_in({build["image"].partition("/")[0] for build in builds}) as environment:
        for build in builds:
            reference = f"{build['image']}:{sha}"
            if not _digest(reference, environment):
                _make(checkout, service, sha, reference, build["arguments"], environment)
            digest = _digest(reference, environment)
            print(f"{reference} is {digest}", flush=True)
            digests |= dict.fromkeys(build["hosts"], digest)
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
        output.write(f"digests={json.dumps(digests)}\n")
    return 0


@contextmanager
def logged_in(registries: set[str]) -> Iterator[dict[str, str]]:
    """An environment whose Docker knows the password, which is this run's own and stays in a folder of this run."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if name != "REGISTRY_TOKEN"}
        environment["DOCKER_CONFIG"] = folder
        for registry in sorted(registries):
            _run(
                ["docker", "login", "--username", os.environ["REGISTRY_USER"], "--password-stdin", registry],
                environment,
                os.environ["REGISTRY_TOKEN"],
            )
        yield environment


def _digest(reference: str, environment: Mapping[str, str]) -> str:
    """What the registry has; empty: nothing."""
    argv = ["docker", "buildx", "imagetools", "inspect", "--format", MANIFEST, reference]
    done = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return str(json.loads(done.stdout)["digest"]) if done.returncode == 0 else ""


def _make(
    checkout: str, service: str, sha: str, reference: str, arguments: Mapping[str, str], environment: Mapping[str, str]
) -> None:
    own = ROOT / "files" / "images" / service
    words = [f"--build-arg={name}={value}" for name, value in ({"RELEASE": sha} | dict(arguments)).items()]
    with tempfile.TemporaryDirectory() as source:
        # What is committed, as it is, and nothing that lies beside it: as a build on a host gets it.
        tar = Path(source) / "source.tar"
        with tar.open("wb") as file:
            there = {**environment, "PYTHONPATH": str(ROOT)}
            subprocess.run(
                [sys.executable, "-m", "fleet.git.source", checkout, sha], env=there, stdout=file, check=True
            )
        folder = Path(source) / "source"
        folder.mkdir()
        _run(["tar", "-x", "-f", str(tar), "-C", str(folder)], environment)
        build = ["docker", "build", "--file", str(own / "Dockerfile"), "--build-context", f"image={own}"]
        _run([*build, *words, "--tag", reference, str(folder)], environment)
    _run(["docker", "push", "--quiet", reference], environment)


def _run(argv: Sequence[str], environment: Mapping[str, str], stdin: str = "") -> None:
    subprocess.run(argv, env=environment, input=stdin.encode(), check=True)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except subprocess.CalledProcessError as failure:  # it has said why itself
        sys.exit(f"{failure.cmd[0]} ended with exit code {failure.returncode}.")
