"""Story: a private package is pulled with an operator's token, by the digest that they saw; no token stays anywhere."""

from __future__ import annotations

import base64
import json
import os
import pty
import select
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from lab.machines.host import Host
from lab.running import Running
from lab.world import private_packages
from tests.lab.application import BACKEND
from tests.lab.inv_run import INV, Inv
from tests.lab.web import Web

PACKAGE = "krasterisk/aipbx_backend"
IMAGE = f"ghcr.io/{PACKAGE}"
GOOD, EXPIRED, NO_SCOPE = "ghp_thatOpensThePackage0001", "ghp_thatHasExpired000002", "ghp_thatReadsNoPackage03"
TOKENS = {
    GOOD: private_packages.OPENS,
    EXPIRED: private_packages.UNKNOWN,
    NO_SCOPE: private_packages.NO_SCOPE,
}
VARIABLE = "AIPBX_REGISTRY_TOKEN"
# What the refusal of a token says.
DENIED = ("denied", "not expired, a classic one with read:packages")
UNREAD = ("does not match expected scopes", "read:packages")
PASTED_TWICE = ("cannot be one", "Copy it again")
# Where a password of a registry's could stay on a host, or be seen while it is used.
FILES = "ls -A /root; ls -d /run/aipbx-registry* /root/.docker 2>/dev/null || true"
SEARCHED = "grep -rlF -e {0} -e {1} /run /root /tmp /etc /var/log /app/aipbx 2>/dev/null || true"
WATCH = "systemd-run --quiet --unit=watch-ps sh -c 'while sleep 0.05; do ps axwwe -o args; done >/var/lib/seen'"


@pytest.fixture(scope="module", autouse=True)
def private(deployed: Inv, lab: Running) -> Iterator[None]:
    """The backend's package opens with a token only."""
    with lab.world.private(PACKAGE, TOKENS):
        yield


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator who has none, until a story gives them one."""
    monkeypatch.delenv(VARIABLE, raising=False)


def runs(server: Host) -> str:
    """The commit that answers."""
    return str(Web(server)("/api/version").json["sha"])


def gone(server: Host) -> str:
    """A commit that does not run there, and whose image is gone from the host."""
    new = BACKEND["fourth" if runs(server) == BACKEND["third"] else "third"]
    remove(server, new)
    return new


def remove(server: Host, sha: str) -> None:
    """Nothing of a commit's image is on the host, its name by digest included."""
    server.run(f'ids=$(docker image ls -q --no-trunc {IMAGE}:{sha}); [ -z "$ids" ] || docker image rm --force $ids')


def deploy(server: Host, sha: str) -> tuple[str, ...]:
    return ("deploy", f"--host={server.name}", "--service=backend", f"--sha={sha}", "--yes")


def digest(lab: Running, tag: str) -> str:
    """What the registry has under a tag."""
    asked = f"skopeo inspect --tls-verify=false --format '{{{{.Digest}}}}' docker://127.0.0.1:5001/{PACKAGE}:{tag}"
    return lab.world.run(asked).stdout.strip()


@contextmanager
def retagged(lab: Running, sha: str, other: str) -> Iterator[None]:
    """A tag leads to the image of another commit within this block."""
    was = digest(lab, sha)
    move(lab, f"{PACKAGE}:{other}", sha)
    try:
        yield
    finally:
        move(lab, f"{PACKAGE}@{was}", sha)


def move(lab: Running, source: str, tag: str) -> None:
    lab.world.run(copying(source, tag))


def copying(source: str, tag: str) -> str:
    """The world's command that gives a tag to another image."""
    at = "docker://127.0.0.1:5001"
    options = "--quiet --preserve-digests --src-tls-verify=false --dest-tls-verify=false"
    return f"skopeo --insecure-policy copy {options} {at}/{source} {at}/{PACKAGE}:{tag}"


def at_terminal(inv: Inv, answers: Mapping[str, str], *words: str) -> tuple[int, str]:
    """What a terminal shows, and the exit code, when someone answers what is asked there."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(inv.tree)
        os.execve(INV, [INV, *words], inv.environment)  # noqa: S606
    shown, waiting, end = "", dict(answers), time.monotonic() + 300
    while select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
        try:
            shown += os.read(terminal, 65536).decode(errors="replace")
        except OSError:  # the terminal's way of saying that no one is there any more
            break
        for question in [one for one in waiting if one in shown]:
            os.write(terminal, waiting.pop(question).encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


@pytest.mark.test_all
def test_a_private_image_comes_with_a_token_that_no_one_can_find_afterwards(
    deployed: Inv, server: Host, lab: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, before = gone(server), server.run(FILES).stdout
    monkeypatch.setenv(VARIABLE, f"  {GOOD}\n")
    server.run(WATCH)
    try:
        run = deployed(*deploy(server, new)).succeeded()
    finally:
        server.run("systemctl stop watch-ps")
    assert f"{IMAGE}:{new[:12]}, as {digest(lab, new)}" in run.output
    assert runs(server) == new
    encoded = base64.b64encode(f"token:{GOOD}".encode()).decode().rstrip("=")
    seen = server.run("cat /var/lib/seen; rm /var/lib/seen; journalctl -q --since=-15min").stdout
    assert "aipbx-agent" in seen
    assert not [word for word in (GOOD, encoded) if word in seen + run.output]
    assert server.run(SEARCHED.format(GOOD, encoded)).stdout == ""
    assert server.run(FILES).stdout == before
    here = subprocess.run(
        ["grep", "-rlF", GOOD, str(deployed.tree), "--exclude-dir=.venv"], capture_output=True, text=True, check=False
    )
    assert here.stdout == ""


@pytest.mark.parametrize(
    ("token", "words"),
    [
        pytest.param("", ("The package is private", VARIABLE), id="none"),
        pytest.param("ghp_that0no0one0has", DENIED, id="wrong", marks=pytest.mark.test_all),
        pytest.param(EXPIRED, DENIED, id="expired", marks=pytest.mark.test_all),
        pytest.param(NO_SCOPE, UNREAD, id="without read:packages", marks=pytest.mark.test_all),
        pytest.param(f"{GOOD}\n{GOOD}", PASTED_TWICE, id="pasted twice", marks=pytest.mark.test_all),
    ],
)
def test_a_token_that_does_not_open_it_is_refused_before_the_question(
    deployed: Inv, server: Host, monkeypatch: pytest.MonkeyPatch, token: str, words: tuple[str, ...]
) -> None:
    new, before = gone(server), runs(server)
    if token:
        monkeypatch.setenv(VARIABLE, token)
    run = deployed(*deploy(server, new)).refused(*words)
    assert run.code == 2
    assert not token or token not in run.output
    assert runs(server) == before
    assert server.run("cat /app/aipbx/lock/owner 2>/dev/null || true").stdout == ""


@pytest.mark.test_all
def test_at_a_terminal_the_token_is_asked_for_and_not_shown(deployed: Inv, server: Host) -> None:
    new = gone(server)
    code, shown = at_terminal(deployed, {"A token that may read ghcr.io": f"{GOOD}\n"}, *deploy(server, new))
    assert (code, runs(server)) == (0, new), shown
    assert GOOD not in shown
    code, shown = at_terminal(
        deployed, {"A token that may read ghcr.io": f"{NO_SCOPE}\n"}, "registry.login", server.name
    )
    assert code == 1
    assert "does not match expected scopes" in shown
    assert NO_SCOPE not in shown
    assert deployed("registry.login", f"--host={server.name}").code == 1


def test_registry_login_says_what_a_host_can_pull(
    deployed: Inv, server: Host, lab: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, GOOD)
    run = deployed("registry.login", f"--host={server.name}").succeeded()
    assert digest(lab, runs(server)) in run.output
    assert "The token is kept nowhere" in run.output
    found = deployed.json("registry.login", f"--host={server.name}", "--json")[server.name]
    assert [one["why"] for one in found] == ["", ""]


@pytest.mark.test_all
def test_a_rollback_to_an_image_that_is_gone_needs_the_token_too(
    deployed: Inv, server: Host, lab: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = ("rollback", f"--host={server.name}", "--yes")
    before = runs(server)
    gone(server)
    refused = deployed(*back).refused("no longer has the backend's image", "The package is private", "inv releases")
    assert (refused.code, runs(server)) == (2, before)
    monkeypatch.setenv(VARIABLE, GOOD)
    run = deployed(*back).succeeded()
    assert runs(server) != before
    assert f"is pulled from its registry, as {digest(lab, runs(server))}" in run.output


@pytest.mark.test_all
def test_a_tag_that_moves_after_the_plan_changes_nothing_of_what_comes(
    deployed: Inv, server: Host, lab: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = gone(server)
    shown, other = digest(lab, new), BACKEND["first"]
    monkeypatch.setenv(VARIABLE, GOOD)
    # Between the question and the pull: a hook of the team's.
    hook = deployed.tree / "hooks" / "pre-deploy"
    hook.parent.mkdir(exist_ok=True)
    docker = lab.world.docker
    inside = shlex.join(["docker", "exec", lab.world.container, "sh", "-c", copying(f"{PACKAGE}:{other}", new)])
    hook.write_text(f"#!/bin/sh\nexport DOCKER_HOST={docker.address}\nexec {inside}\n")
    hook.chmod(0o755)
    try:
        run = deployed(*deploy(server, new)).succeeded()
        assert digest(lab, new) != shown
    finally:
        hook.unlink()
        move(lab, f"{PACKAGE}@{shown}", new)
    assert shown in run.output
    assert runs(server) == new
    names = server.run(f"docker image inspect -f '{{{{json .RepoDigests}}}}' {IMAGE}:{new}").stdout
    assert json.loads(names) == [f"{IMAGE}@{shown}"]


@pytest.mark.test_all
def test_an_image_of_another_commit_is_refused_and_does_not_stay(
    deployed: Inv, server: Host, lab: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, before = gone(server), runs(server)
    other = BACKEND["first"]
    remove(server, other)
    monkeypatch.setenv(VARIABLE, GOOD)
    with retagged(lab, new, other):
        run = deployed(*deploy(server, new)).refused(f"is not the image of {new[:12]}", other)
    assert run.code == 2
    assert runs(server) == before
    assert server.run(f"docker image inspect {IMAGE}:{new}", check=False).returncode != 0


@pytest.mark.test_all
def test_an_agent_that_is_killed_in_the_pull_leaves_no_token_and_no_lock(
    deployed: Inv, server: Host, lab: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, before, files = gone(server), runs(server), server.run(FILES).stdout
    monkeypatch.setenv(VARIABLE, GOOD)
    pulling = "pgrep -f 'agent.* --json pull$'"
    with lab.world.private(PACKAGE, TOKENS, rate="5k"):
        run = deployed.started(*deploy(server, new))
        server.run(f"until {pulling}; do sleep 0.1; done; kill -9 $({pulling})", timeout=120)
        output, _ = run.communicate(timeout=120)
    assert run.returncode in {1, 2}, output
    assert GOOD not in output
    assert server.run(FILES).stdout == files
    assert server.run(SEARCHED.format(GOOD, "aipbx-registry")).stdout == ""
    assert runs(server) == before
    deployed(*deploy(server, new)).succeeded()
    assert runs(server) == new
