"""The deploy workflow as GitHub runs it: a commit is pushed, and act carries it out on a runner of the lab."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aipbx_agent.contract import CI
from fleet.checkout import ROOT
from lab.app import history
from lab.ci import runner
from lab.images.mirror import machine_mirror
from lab.images.recipes import Images
from lab.machines.host import Host
from lab.machines.workshop import Workshop
from lab.progress import Steps
from lab.running import Running
from lab.world.repositories import FOLDER, ensure_repositories
from tests.lab import application, evidence
from tests.lab.inv_run import Inv
from tests.lab.pyinfra_run import NEEDED, Run

# Beside the repositories of the application, which stay as other stories expect them.
OWNER = "story"
FLEET = f"{OWNER}/aipbx-fleet"
BACKEND = f"{OWNER}/aiPBX_backend"
SLACK = "https://hooks.slack.com/services/T0/B0/theAddressOfTheTeam"
ACTOR = "anna"
TOKEN = "ghs_theTokenOfThisRunAndNoOther"  # noqa: S105  no one's
SECONDS = 500
# The application's own takes minutes; the lab's images are built by it.
DOCKERFILE = f"""FROM ghcr.io/krasterisk/aipbx_backend:{application.BACKEND["fourth"]}
COPY package.json ./
RUN npm run --silent released
ARG RELEASE
LABEL org.opencontainers.image.revision="${{RELEASE}}"
ENV RELEASE=${{RELEASE}}
"""
# Two commands, as each repository has several.
QUALITY = {"backend": ["npm run --silent types", "npm test --silent"], "frontend": ["true"]}
SCRIPTS = {"types": "true", "test": "true", "released": "true"}
# What GitHub would hide is shown: so it is seen that nothing has to be hidden.
_ACT = (
    "cd /root/backend && PATH={environment}/bin:$PATH exec act {event} --eventpath /root/event.json "
    "--secret-file /root/secrets --insecure-secrets --actor {actor} --no-cache-server "
    "--platform ubuntu-24.04=-self-hosted --local-repository {fleet}@{sha}=/root/fleet"
)


def git(folder: Path, *words: str) -> str:
    """What git answers in a folder, whoever's settings this machine has."""
    own = ["-c", "user.name=Anna", "-c", "user.email=anna@aipbx.test", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *own, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@dataclass(frozen=True)
class Key:
    """CI's pair of keys.

    Args:
        operator: lets it in.
        path: the private key; made here.
    """

    operator: Inv
    path: Path

    def __post_init__(self) -> None:
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "runner", "-f", str(self.path)]
        subprocess.run(command, check=True)

    @property
    def private(self) -> str:
        """The private key's text."""
        return self.path.read_text()

    def let_in(self) -> None:
        """As docs/ci.md has it: into operators/ci, and converge."""
        self._public.parent.mkdir(exist_ok=True)
        self._public.write_text(self.path.with_suffix(".pub").read_text())
        self._converge()

    def revoke(self) -> None:
        """Out of operators/ci, and converge."""
        self._public.unlink(missing_ok=True)
        self._converge()

    @property
    def _public(self) -> Path:
        return self.operator.ssh_config.parent / "operators" / CI / "runner.pub"

    def _converge(self) -> None:
        self.operator.bootstrap.only("ci", "ssh", "agent")("-y").succeeded()


@dataclass
class GitHub:
    """GitHub, as far as the lab has it: repositories, and a runner.

    Args:
        lab: its world has the repositories.
        machine: the runner.
        fleet: this repository, with an inventory of the story's.
        secrets: what the workflow is given, by name.
        sha: the commit of this repository that the workflow is at.
    """

    lab: Running
    machine: runner.Runner
    fleet: Inv
    secrets: dict[str, str] = field(repr=False)
    sha: str = ""

    @classmethod
    @contextmanager
    def of(cls, lab: Running, server: Host, folder: Path, key: str) -> Iterator[GitHub]:
        """Have it as long as the context lasts; the inventory has the server as its third host."""
        ours = {"backend_repository": f"git@github.com:{BACKEND}.git", "quality_commands": QUALITY}
        quick = {"settle_seconds": 1, "ready_seconds": 40, "keep_releases": 3, "wal_backlog_mib": 64}
        data: dict[str, dict[str, Any]] = {"aipbx.net": {**ours}, "aipbx.org": {**ours}, server.name: {**ours, **quick}}
        fleet = Inv(lab.lab.directory / "ssh_config", folder / "tree", data)
        for name in ("tools", ".github"):
            shutil.copytree(ROOT / name, fleet.tree / name)
        with Steps().shown() as steps:
            images = Images(lab.docker, machine_mirror(), steps)
            machine = runner.create(Workshop.of(lab, {}, steps), images, machine_mirror())
        found = cls(lab, machine, fleet, {"GITHUB_TOKEN": TOKEN, "ALERT_SLACK_WEBHOOK": SLACK, "AIPBX_SSH_KEY": key})
        try:
            fleet("github.known-hosts", f"--host={server.name}").succeeded()
            found.publish()
            yield found
        finally:
            lab.world.run(f"rm -rf {FOLDER}/{OWNER}")
            machine.remove()

    def publish(self) -> None:
        """Push this repository as the story's folder has it, with where the hosts are."""
        tree = self.fleet.tree
        (tree / "files" / "images" / "backend" / "Dockerfile").write_text(DOCKERFILE)
        # What CI has downloaded elsewhere, the runner finds at its place on this machine.
        (tree / ".venv").unlink()
        (tree / ".venv").symlink_to(runner.ENVIRONMENT)
        names = (*NEEDED, "tools", ".github", ".venv", "tasks.py", "lab", "docs", "requirements.lock")
        git(tree, "init", "--quiet", "--initial-branch=master")
        git(tree, "add", "--force", *names)
        git(tree, "commit", "--quiet", "--allow-empty", "--message", "The fleet")
        self.sha = git(tree, "rev-parse", "HEAD")
        ensure_repositories(self.lab.world, {FLEET: tree})
        self.machine.run(f"rm -rf /root/fleet && git clone -q https://github.com/{FLEET} /root/fleet")

    @contextmanager
    def changed(self, name: str, text: str) -> Iterator[None]:
        """A file of this repository has another content within this block."""
        path = self.fleet.tree / name
        before = path.read_text()
        path.write_text(text)
        self.publish()
        try:
            yield
        finally:
            path.write_text(before)
            self.publish()

    def clone(self, folder: Path) -> Commits:
        """A clone of the backend's repository."""
        repository = history.make(folder / "origin")["krasterisk/aiPBX_backend"]
        git(folder, "clone", "--quiet", "--branch=master", str(repository), str(folder / "work"))
        return Commits(self, folder / "work")

    def has_image(self, sha: str) -> bool:
        """Whether the registry has the backend's image of a commit."""
        url = f"http://127.0.0.1:5001/v2/krasterisk/aipbx_backend/manifests/{sha}"
        kinds = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json"
        done = self.lab.world.run(f"curl -s -o /dev/null -w '%{{http_code}}' -H 'Accept: {kinds}' {url}")
        assert done.stdout in {"200", "404"}, done.stdout
        return done.stdout == "200"

    def notified(self) -> list[str]:
        """What the team got, the oldest first."""
        return [one.body for one in self.lab.world.notifications() if one.path.endswith(SLACK.rpartition("/")[2])]

    def command(self, event: str = "push", inputs: dict[str, str] | None = None) -> str:
        """What starts the workflow on the runner for the head of what was pushed; no secret is a word of it."""
        text = "".join(f"{name}={json.dumps(value)}\n" for name, value in self.secrets.items())
        self.machine.run("umask 077; cat >/root/secrets", stdin=text.encode())
        told = json.dumps({"ref": "refs/heads/master", "inputs": inputs or {}})
        self.machine.run("cat >/root/event.json", stdin=told.encode())
        self.machine.run(f"rm -rf /root/backend && git clone -q https://github.com/{BACKEND} /root/backend")
        return _ACT.format(environment=runner.ENVIRONMENT, actor=ACTOR, event=event, fleet=FLEET, sha=self.sha)

    def run(self, event: str = "push", inputs: dict[str, str] | None = None) -> Run:
        """The workflow, to its end."""
        command = self.command(event, inputs)
        done = self.machine.run(f"{command} 2>&1", SECONDS, check=False)
        evidence.COMMANDS.add([command], done.returncode, done.stdout)
        return Run(done.returncode, done.stdout)

    @property
    def secret_words(self) -> list[str]:
        """What no one may find: the secrets, line by line, and as Docker writes the registry's."""
        # Every key of this kind begins with the same lines.
        whole = [line for secret in self.secrets.values() for line in secret.splitlines()[2:4] or [secret]]
        return [*whole, base64.b64encode(f"{ACTOR}:{TOKEN}".encode()).decode()]

    def kept_by_the_runner(self) -> str:
        """Names of files on the runner that have a secret, beside the one that it was given."""
        words = "".join(f"{word}\n" for word in self.secret_words)
        places = "/root/.cache /root/.docker /root/backend /root/fleet /tmp /run"
        command = f"grep --devices=skip --exclude=secrets -rlFf - {places} 2>/dev/null || true"
        return self.machine.run(command, stdin=words.encode()).stdout


@dataclass(frozen=True)
class Commits:
    """A clone of the application's repository.

    Args:
        github: where it is pushed to.
        folder: the clone.
    """

    github: GitHub
    folder: Path

    def push(self, message: str, **scripts: str) -> str:
        """Commit something with a message, and the workflow as it is printed; push it, and return its SHA.

        Args:
            message: whole.
            scripts: npm's, in place of those that do nothing.
        """
        file = self.folder / "package.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"scripts": SCRIPTS | scripts}, indent=2))
        printed = self.github.fleet("github.workflow", "--service=backend", f"--fleet={FLEET}").succeeded().output
        workflow = self.folder / ".github" / "workflows" / "deploy.yml"
        workflow.parent.mkdir(parents=True, exist_ok=True)
        workflow.write_text(printed)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "--message", message)
        ensure_repositories(self.github.lab.world, {BACKEND: self.folder})
        return git(self.folder, "rev-parse", "HEAD")
