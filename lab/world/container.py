"""The world's container: made, waited for, and filled with images."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from lab import wait
from lab.errors import LabError
from lab.machine import Machine, create_command
from lab.topology import WORLD_NUMBER
from lab.world import configuration

if TYPE_CHECKING:
    from lab.authority import Authority
    from lab.mirror import Mirror

REGISTRIES = {"docker.io": "127.0.0.1:5000", "ghcr.io": "127.0.0.1:5001"}
_PUSH_TIMEOUT = 600
_READY = (
    "ss -Hlun 'sport = :53' | grep -q 127.0.0.1 && "
    "curl -fsS --fail-early --cacert /etc/world/server.crt --resolve '*:443:127.0.0.1' "
    "https://registry-1.docker.io/v2/ https://ghcr.io/v2/ https://acme-v02.api.letsencrypt.org/directory "
    "https://download.docker.com/linux/debian/gpg >/dev/null && "
    "curl -fsSk https://127.0.0.1:15000/roots/0 >/dev/null"
)
_ROOT = "curl -fsSk https://127.0.0.1:15000/roots/0"
_FINGERPRINT = "gpg --homedir /var/lib/world/gnupg --with-colons --list-keys | sed -n 's/^fpr:*\\([0-9A-F]*\\):$/\\1/p'"


def push_command(container: str, reference: str) -> list[str]:
    """Return docker's arguments that put an image archive from standard input into a registry.

    Args:
        container: The world's container.
        reference: Registry, name and tag, such as ``ghcr.io/aipbx/backend:0123abc``.

    Raises:
        LabError: The world has no such registry.
    """
    registry, _, name = reference.partition("/")
    if registry not in REGISTRIES or not name:
        raise LabError(
            f"the world has no registry for {reference}",
            f"it answers as {' and '.join(REGISTRIES)}",
            "give a full reference, such as docker.io/library/python:3.13-slim",
        )
    target = f"docker://{REGISTRIES[registry]}/{name}"
    script = (
        'file=$(mktemp) && trap \'rm -f "$file"\' EXIT && cat >"$file" && '
        f'skopeo --insecure-policy copy --quiet --dest-tls-verify=false "docker-archive:$file" {target}'
    )
    return ["exec", "--interactive", container, "sh", "-c", script]


class World(Machine):
    """The small internet of one lab."""

    name = "world"
    number = WORLD_NUMBER

    def create(self, image: str, mirror: Mirror, authority: Authority) -> None:
        """Make the world anew from its image, and switch it on.

        Args:
            image: The image's tag.
            mirror: Where Debian's packages come from.
            authority: Signs the certificate for the world's names.
        """
        self.remove()
        for name in ("world", "mirror"):
            self.docker.run("volume", "create", "--label", self.lab.label, self.lab.volume(name))
        given = ["--mount", f"type=volume,source={self.lab.volume('world')},target=/var/lib/world"]
        given += ["--mount", f"type=volume,source={self.lab.volume('mirror')},target=/var/cache/world"]
        self.docker.run(*create_command(self.lab, self.name, self.subnet, self.number, given, image))
        certificate, key = authority.issue(configuration.NAMES)
        self.put(configuration.seeds(self.subnet, mirror, certificate, key))
        self.start()

    def wait_ready(self, deadline: float = 30) -> None:
        """Wait until every service answers.

        Args:
            deadline: Seconds.

        Raises:
            LabError: A service ended, or did not answer in time.
        """
        todo = f"look at its log: docker -H {self.docker.address} logs {self.container}"

        def ready() -> bool:
            if self.state() != "running":
                raise LabError("the lab's world went off while it started", self.last_words(), todo)
            return self.run(_READY, check=False).returncode == 0

        wait.until(ready, deadline, "the lab's world answers", todo)

    def acme_root(self) -> bytes:
        """Return the root certificate, as PEM, of the authority that answers as Let's Encrypt.

        It makes a new one whenever the world starts.
        """
        return self.run(_ROOT).stdout.encode()

    def docker_key_fingerprint(self) -> str:
        """Return the fingerprint of the key that signs the stand-in for Docker's apt repository."""
        return self.run(_FINGERPRINT).stdout.split()[0]

    def push(self, image: str, reference: str) -> None:
        """Put an image of the engine into one of the world's registries.

        Args:
            image: The image's tag in the engine.
            reference: Registry, name and tag, such as ``docker.io/library/python:3.13-slim``.

        Raises:
            LabError: The image does not exist, or the registry refused it.
        """
        arguments = push_command(self.container, reference)
        environment = self.docker.environment()
        with subprocess.Popen(
            ["docker", "save", image], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        ) as save:
            done = subprocess.run(
                ["docker", *arguments],
                stdin=save.stdout,
                capture_output=True,
                text=True,
                timeout=_PUSH_TIMEOUT,
                check=False,
                env=environment,
            )
        if done.returncode != 0 or save.returncode != 0:
            raise LabError(
                f"{image} could not be pushed as {reference}",
                " / ".join(done.stderr.strip().splitlines()[-3:])[:600] or "docker save failed",
                f"look whether the engine has it: docker -H {self.docker.address} images {image}",
            )

    def stand_ins(self) -> dict[str, str]:
        """Return which images were pushed already: the engine's tag by reference."""
        listed = self.run("cat /var/lib/world/stand-ins 2>/dev/null", check=False).stdout
        return dict(line.split() for line in listed.splitlines())

    def ensure_stand_ins(self, wanted: dict[str, str]) -> None:
        """Push the images that are not in the registries yet.

        Args:
            wanted: The engine's tag by reference.
        """
        present = self.stand_ins()
        for reference, image in wanted.items():
            if present.get(reference) != image:
                self.push(image, reference)
        lines = "".join(f"{reference} {image}\n" for reference, image in (present | wanted).items())
        if present | wanted != present:
            self.run("cat >/var/lib/world/stand-ins", stdin=lines.encode())
