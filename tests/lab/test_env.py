"""Story: an operator's values reach the containers, byte for byte, and no one else."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.checkout import ROOT
from fleet.env.dotenv import dotenv_file
from fleet.env.host import rendering
from fleet.errors import OperatorError
from fleet.inventory import hosts
from fleet.inventory import settings as host_settings
from fleet.remote import Output, Remote
from lab.machines.host import Host

INV = str(Path(sys.executable).parent / "inv")
IMAGE = "docker.io/library/python:3.13-slim"
PRINTER = "import base64; print(base64.b64encode(open('/proc/self/environ', 'rb').read()).decode())"
TRAPS = "$#\"'\\` =éя\U0001f600{}%!&|<>~*?\u00a0\u200d"
VALUES = st.one_of(st.text(alphabet=TRAPS + "aZ09", max_size=60), st.text(max_size=120)).filter(
    lambda value: not dotenv_file.unprintable(value)
)
ALWAYS = (
    "",
    " ",
    "$",
    "$$",
    "$$$",
    "${HOME}",
    "$HOME",
    "$(id)",
    "`id`",
    "#",
    " # x",
    "a #b",
    "\\",
    "\\\\",
    "'",
    "''",
    '"',
    "\\'",
    "\\n",
    "a=b=c",
    "- x",
    "null",
    "true",
    "0x10",
    "1e3",
    "~",
    "@x",
    "%d",
    "{{.x}}",
    "!x",
    "&a *b",
    "пароль",
    "\U0001f511" * 20,
    "x" * 20_000,
)


@pytest.fixture
def folder(host: Host) -> Iterator[str]:
    """A directory on the host for one container's project."""
    host.run("mkdir -p /root/env-story")
    yield "/root/env-story"
    host.run("cd /root/env-story && docker compose down --timeout 0; rm -rf /root/env-story", check=False)


def in_container(host: Host, folder: str, values: dict[str, str]) -> dict[bytes, bytes]:
    """What a container sees, by way of our writer, our reader, our rendering, and the host's own Compose."""
    read = dotenv_file.read(dotenv_file.written(values).encode())
    assert read.faults == ()
    service = {"image": IMAGE, "entrypoint": ["python3", "-c", PRINTER]}
    compose = {"services": {"backend": service, "postgres": service}}
    host.run(f"cat > {folder}/compose.yml", stdin=json.dumps(compose).encode())
    host.run(f"cat > {folder}/environment.json", stdin=rendering.render(read.values))
    done = host.run(
        f"cd {folder} && docker compose -f compose.yml -f environment.json run --rm --quiet-pull -T backend"
    )
    entries = base64.b64decode(done.stdout.strip().splitlines()[-1]).split(b"\0")
    return {name: value for name, _, value in (entry.partition(b"=") for entry in entries if entry)}


@pytest.mark.parametrize("lists", [1, pytest.param(4, marks=pytest.mark.test_all)])
def test_any_printable_value_arrives_byte_for_byte(host: Host, folder: str, lists: int) -> None:
    """Hypothesis makes lists of values; each list is one run of one container with as many variables."""

    @settings(max_examples=lists, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(VALUES, min_size=150, max_size=250))
    def arrives(made: list[str]) -> None:
        values = {f"X_{number}": value for number, value in enumerate((*ALWAYS, *made))}
        seen = in_container(host, folder, values)
        assert {name: seen.get(name.encode()) for name in values} == {
            name: value.encode() for name, value in values.items()
        }

    arrives()


class Operator:
    """`inv env.…` as typed, with env files in a directory beside the ssh_config."""

    def __init__(self, ssh_config: Path, beside: Path) -> None:
        text = ssh_config.read_text()
        (beside / "env").mkdir()
        (beside / "ssh_config").write_text(text)
        self.ssh_config = beside / "ssh_config"

    def file(self, host: str) -> Path:
        """The env file of a host."""
        return self.ssh_config.parent / "env" / f"{host}.env"

    def __call__(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [INV, *words],
            cwd=ROOT,
            env={**os.environ, "AIPBX_SSH_CONFIG": str(self.ssh_config)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        output = done.stdout + done.stderr
        assert done.returncode == code, output
        assert "Traceback" not in output
        return output


@pytest.fixture
def inv(host: Host, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Operator]:
    """An operator whose host has no environment yet."""
    host.run("rm -f /app/aipbx/environment.json")
    yield Operator(request.getfixturevalue("bootstrap").ssh_config, tmp_path)
    host.run("rm -f /app/aipbx/environment.json")


def files_on(host: Host) -> list[str]:
    """What there is of the environment on the host, half-written files included."""
    return host.run("ls -A /app/aipbx | grep ^environment || true").stdout.split()


def filled(inv: Operator, host: str, password: str) -> None:
    """What an operator does after env.init."""
    path = inv.file(host)
    text = path.read_text()
    for name, value in (
        ("ADMIN_EMAIL", f"admin@{host}"),
        ("OPENAI_API_KEY", password),
        ("STRIPE_SECRET_KEY", "sk_live_abcdefghijklmnop"),
    ):
        text = text.replace(f"{name}='<fill in>'", dotenv_file.assignment(name, value))
    path.write_text(text)


def test_from_a_new_file_to_the_host(inv: Operator, host: Host) -> None:
    awkward = "sk-proj-$HOME#\"\\`' я0123456789"
    inv("env.init", f"--host={host.name}")
    assert "3 errors" in inv("env.check", f"--host={host.name}", code=1)
    assert "still is a placeholder" in inv("env.push", f"--host={host.name}", "--yes", code=2)
    assert files_on(host) == []
    filled(inv, host.name, awkward)

    assert "has no environment yet" in inv("env.diff", f"--host={host.name}", code=1)
    assert "There is no terminal for the confirmation" in inv("env.push", f"--host={host.name}", code=2)
    pushed = inv("env.push", f"--host={host.name}", "--yes")
    assert pushed.startswith(f"{host.name}: push ")
    assert f"inv deploy --host={host.name}" in pushed
    assert awkward not in pushed
    assert files_on(host) == ["environment.json"]
    assert host.run("stat -c '%a %U' /app/aipbx/environment.json").stdout == "600 root\n"
    there = rendering.parse(host.run("cat /app/aipbx/environment.json").stdout.encode(), host.name)
    assert there["backend"]["OPENAI_API_KEY"] == awkward
    assert set(there["postgres"]) == {"POSTGRES_DB", "POSTGRES_PASSWORD_FILE", "POSTGRES_USER"}

    assert "has exactly this" in inv("env.diff", f"--host={host.name}")
    assert json.loads(inv("env.diff", f"--host={host.name}", "--json"))[0]["same"] is True


@pytest.mark.test_all
def test_a_new_database_password_is_refused(inv: Operator, host: Host) -> None:
    inv("env.init", f"--host={host.name}")
    filled(inv, host.name, "sk-proj-0123456789abcdef")
    inv("env.push", f"--host={host.name}", "--yes")
    before = host.run("cat /app/aipbx/environment.json").stdout
    path = inv.file(host.name)
    path.write_text(path.read_text().replace("\nDB_PASS='", "\nDB_PASS='another-"))
    assert "DB_PASS differs from what the host has" in inv("env.push", f"--host={host.name}", "--yes", code=2)
    assert host.run("cat /app/aipbx/environment.json").stdout == before


def test_a_broken_connection_leaves_the_old_file(inv: Operator, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content ends early, as when a laptop's lid closes: what was there stands, and nothing lies around."""
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(inv.ssh_config))
    data = host_settings.of_host(host.name, hosts.select(host.name, hosts.load())[0].data)
    Remote(host.name, data).put_root_file("/app/aipbx/environment.json", b"old", "600")
    with pytest.raises(OperatorError, match="a command failed"):
        CutShort(host.name, data).put_root_file("/app/aipbx/environment.json", b"new content", "600")
    assert host.run("cat /app/aipbx/environment.json").stdout == "old"
    assert files_on(host) == ["environment.json"]


class CutShort(Remote):
    """A connection that ends in the middle of the content."""

    def run(self, command: str, *, seconds: float = 60, stdin: bytes = b"", hangs_up: bool = False) -> Output:
        return super().run(command, seconds=seconds, stdin=stdin[: len(stdin) // 2], hangs_up=hangs_up)
