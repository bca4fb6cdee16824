"""The world's container: made, waited for, and filled with images."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lab import wait
from lab.errors import LabError
from lab.machines.archive import Seed
from lab.machines.machine import Machine, create_command
from lab.topology import IMAGE_LABEL, WORLD_NUMBER
from lab.world import configuration, mail_server, mails, notifications, private_packages, receivers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.access.authority import Authority
    from lab.images.mirror import Sources
    from lab.world.mails import Mail
    from lab.world.notifications import Notification

REGISTRIES = {"docker.io": "127.0.0.1:5000", "ghcr.io": "127.0.0.1:5001"}
# Every lab's world sees this volume: what one compressed, the others only copy.
IMAGES_VOLUME = "aipbx-lab-images"
STORE = "/var/cache/images"
_PUSH_TIMEOUT = 600
_READY = (
    "ss -Hlun 'sport = :53' | grep -q 127.0.0.1 && ss -Hltn 'sport = :22' | grep -q . && "
    "ss -Hltn 'sport = :5002' | grep -q . && ss -Hltn 'sport = :5003' | grep -q . && "
    "ss -Hltn 'sport = :5004' | grep -q . && ss -Hltn 'sport = :587' | grep -q . && "
    "curl -fsS --fail-early --cacert /etc/world/server.crt --resolve '*:443:127.0.0.1' "
    "https://registry-1.docker.io/v2/ https://ghcr.io/v2/ https://acme-v02.api.letsencrypt.org/directory "
    "https://download.docker.com/linux/debian/gpg >/dev/null && "
    "curl -fsSk https://127.0.0.1:15000/roots/0 >/dev/null"
)
_ROOT = "curl -fsSk https://127.0.0.1:15000/roots/0"
_FINGERPRINT = "gpg --homedir /var/lib/world/gnupg --with-colons --list-keys | sed -n 's/^fpr:*\\([0-9A-F]*\\):$/\\1/p'"


def push_command(reference: str) -> str:
    """Return the world's command that puts the image archive ``$file`` into a registry.

    Args:
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
    return f'skopeo --insecure-policy copy --quiet --dest-tls-verify=false "docker-archive:$file" {target}'


class World(Machine):
    """The small internet of one lab."""

    name = "world"
    number = WORLD_NUMBER

    def create(self, image: str, sources: Sources, authority: Authority, operator_key: str) -> None:
        """Make the world again from its image, and switch it on.

        Args:
            image: The image's tag.
            sources: Where packages come from.
            authority: Signs the certificate for the world's names.
            operator_key: The public SSH key that may read and write the git repositories.
        """
        self.remove()
        for name in ("world", "mirror"):
            self.docker.run("volume", "create", "--label", self.lab.label, self.lab.volume(name))
        given = ["--mount", f"type=volume,source={self.lab.volume('world')},target=/var/lib/world"]
        given += ["--mount", f"type=volume,source={self.lab.volume('mirror')},target=/var/cache/world"]
        self.docker.run("volume", "create", "--label", f"{IMAGE_LABEL}=store", IMAGES_VOLUME)
        given += ["--mount", f"type=volume,source={IMAGES_VOLUME},target={STORE}"]
        self.docker.run(*create_command(self.lab, self.name, self.subnet, self.number, given, image))
        certificate, key = authority.issue(configuration.NAMES)
        self.put(configuration.seeds(self.subnet, sources, certificate, key, operator_key))
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

    def git_host_key(self) -> str:
        """Return the public SSH host key (type and key) of the world as github.com."""
        return " ".join(self.run("cat /var/lib/world/ssh/ssh_host_ed25519_key.pub").stdout.split()[:2])

    def notifications(self) -> list[Notification]:
        """Return what was posted to the receivers of notifications since the world started, the oldest first."""
        return notifications.parse(self.run(f"cat {receivers.KEPT} 2>/dev/null || true").stdout)

    def mails(self) -> list[Mail]:
        """Return what the hosts mailed since the world started, the oldest first."""
        return mails.parse(self.run(f"cat {mail_server.KEPT} 2>/dev/null || true").stdout)

    @contextmanager
    def failing(self, receiver: str, how: str = receivers.ERROR) -> Iterator[None]:
        """Have a receiver of notifications fail, as long as the context lasts.

        Args:
            receiver: ``hooks.slack.com``, ``api.telegram.org`` or ``hc-ping.com``.
            how: ``error``: it answers with the status 500; ``silence``: it does not answer.

        Raises:
            LabError: There is no such receiver, or it cannot fail in that way.
        """
        notifications.refuse_unknown(receiver, how)
        path = receivers.FOLDER / receiver
        self.put([Seed(str(path), how.encode())])
        try:
            yield
        finally:
            self.run(f"rm {path}")

    @contextmanager
    def private(self, package: str, tokens: Mapping[str, str], *, rate: str = "0") -> Iterator[None]:
        """Have ghcr.io give a package only to those who have a token, as long as the context lasts.

        Args:
            package: Its name, such as ``krasterisk/aipbx_backend``.
            tokens: What becomes of each: see ``private_packages``.
            rate: Bytes in a second that each answer has at most, as nginx writes them; 0: as many as there are.
        """
        path = f"{private_packages.FOLDER}/private.conf"
        text = private_packages.nginx(package, tokens, rate)
        take = f"mkdir -p {private_packages.FOLDER} && cat >{path} && {private_packages.RELOAD}"
        before = self.run(f"cat {path} 2>/dev/null || true").stdout
        self.run(take, stdin=text.encode())
        try:
            yield
        finally:
            self.run(take if before else f"rm {path} && {private_packages.RELOAD}", stdin=before.encode())

    def push(self, image: str, reference: str) -> None:
        """Put an image of the engine into one of the world's registries.

        Args:
            image: The image's tag in the engine.
            reference: Registry, name and tag, such as ``docker.io/library/python:3.13-slim``.

        Raises:
            LabError: The image does not exist, or the registry refused it.
        """
        self.take(image, push_command(reference))

    def take(self, image: str, script: str) -> None:
        """Hand an image of the engine to a shell script in the world, as the archive ``$file``.

        Args:
            image: The image's tag in the engine.
            script: What to do with the archive.

        Raises:
            LabError: The image does not exist, or the script failed.
        """
        received = f'file=$(mktemp) && trap \'rm -f "$file"\' EXIT && cat >"$file" && {script}'
        arguments = ["exec", "--interactive", self.container, "sh", "-c", received]
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
                f"{image} could not be taken into the world",
                " / ".join(done.stderr.strip().splitlines()[-3:])[:600] or "docker save failed",
                f"look whether the engine has it: docker -H {self.docker.address} images {image}",
            )
