"""The web as a browser outside meets a lab host: names lead to the host, certificates are the lab authority's."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet.remote import Output, Remote
from lab import wait
from lab.machines.client import Client
from lab.machines.host import Host
from lab.running import Running

STACK = Path(__file__).parent / "stack"
APP = "/app/aipbx"


@dataclass(frozen=True)
class Answer:
    """A response: status, headers (names in lower case; a repeated one counts once for each), body."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def header(self, name: str) -> str:
        """The one header of that name; empty when there is none.

        It fails when there are several.
        """
        values = [value for header, value in self.headers if header == name]
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else ""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Web:
    """Asks a host as the internet does.

    Args:
        host: the host.
    """

    def __init__(self, host: Host) -> None:
        self.host = host

    def __call__(self, url: str, *options: str, name: str = "") -> Answer:
        """Ask for `url`, a path (over https) or a whole address, at this host whatever the address says."""
        name = name or self.host.name
        whole = url if "://" in url else f"https://{name}{url}"
        done = self._curl("--include", *options, whole)
        assert done.returncode == 0, f"curl {whole}: {done.returncode} {done.stderr}"
        head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.splitlines()
        headers = [(line.partition(": ")[0].lower(), line.partition(": ")[2]) for line in lines]
        return Answer(int(first.split()[1]), headers, body)

    def let_through(self, url: str, *options: str) -> Answer:
        """Ask until the limit of logins and sign-ups of one address lets it through."""
        answers: list[Answer] = []

        def asked() -> bool:
            answers.append(self(url, *options))
            return answers[-1].status != 429

        wait.until(asked, 90, "a request is let through", "login_requests_per_minute")
        return answers[-1]

    def connection(self) -> ssl.SSLSocket:
        """A connection over TLS to the host's own name, whichever authority signed its certificate."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection((self.host.address4, 443), timeout=10)
        return context.wrap_socket(plain, server_hostname=self.host.name)

    def refusal(self, url: str, *options: str) -> int:
        """curl's exit code for an address that nothing answers at."""
        return self._curl(*options, url).returncode

    def statuses(self, urls: str, *options: str) -> list[int]:
        """The statuses of many requests at once; curl's `[1-60]` in `urls` counts."""
        many = ("--parallel", "--parallel-max", "40", "--no-progress-meter", "--output", "/dev/null")
        done = self._curl(*many, "--write-out", "%{http_code}\n", *options, f"https://{self.host.name}{urls}")
        return [int(line) for line in done.stdout.split()]

    def _curl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["curl", "-sSk", "--max-time", "20", "--connect-to", f"::{self.host.address4}:", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    def grade(self, client: Client) -> tuple[str, list[str]]:
        """What testssl.sh says from outside: the grade, and what it finds wrong, as `id: finding`.

        The lab's authority is in no browser and answers no OCSP: of that it says nothing.
        """
        client.run(
            "command -v testssl || apt-get update -q && apt-get install -q -y testssl.sh >/dev/null", timeout=180
        )
        # Two at a time: what the grade is made of, and the order of ciphers, which takes as long. Left out is only what
        # simulated clients would get: of that it tells, and finds nothing wrong.
        runs = {"graded": "-p -s -f -S -h -U", "order": "-P"}
        options = f"--quiet --warnings batch --nodns none --ip {self.host.address4} --add-ca /tmp/authority.pem"
        started = "".join(
            f"testssl {checks} {options} --jsonfile {name}.json {self.host.name} >{name}.txt & "
            for name, checks in runs.items()
        )
        client.run(f"mkdir -p /root/grade && cd /root/grade && rm -f *.json; {started} wait", timeout=600)
        found = [one for name in runs for one in json.loads(client.run(f"cat /root/grade/{name}.json").stdout)]
        grade = next(entry["finding"] for entry in found if entry["id"] == "overall_grade")
        wrong = [f"{entry['id']}: {entry['finding']}" for entry in found if entry["severity"] in {"HIGH", "CRITICAL"}]
        return grade, wrong

    def certificate(self, authorities: str) -> str:
        """The certificate that a browser is shown for the host's name, as PEM; verified against `authorities` (PEM)."""
        context = ssl.create_default_context(cadata=authorities)
        with (
            socket.create_connection((self.host.address4, 443), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=self.host.name) as tls,
        ):
            shown = tls.getpeercert(binary_form=True)
        assert shown
        return ssl.DER_cert_to_PEM_cert(shown)


def up(host: Host) -> None:
    """Start the stack on a converged host, without a certificate and without a release, as before its first deploy."""
    down(host)
    host.run(f"cp -p {APP}/compose.yml {APP}/compose.yml.declared")
    for name in ("compose.yml", "app.py"):
        host.run(f"cat >{APP}/{name}", stdin=(STACK / name).read_bytes())
    host.run(f"cd {APP} && docker compose up --detach --wait --quiet-pull", timeout=180)


def down(host: Host) -> None:
    """Take the stack away, with its certificates and its release; the declared one is in its place again."""
    host.run("docker compose --project-name aipbx down --volumes --timeout 1", timeout=120)
    host.run(
        f"cd {APP} && rm -rf app.py tls/* letsencrypt/* nginx/active/* maintenance/on acme-challenge/.w* && "
        "if [ -e compose.yml.declared ]; then mv compose.yml.declared compose.yml; fi"
    )


def release(host: Host) -> None:
    """What a deploy does when its backend is ready: it names it."""
    host.run(f"touch {APP}/nginx/active/backend-blue")


class Console(Remote):
    """A host as the tasks reach it, at its console instead of over SSH.

    Args:
        host: the host.
    """

    def __init__(self, host: Host) -> None:
        self.host, self.name = host, host.name

    def run(self, command: str, *, seconds: float = 60, stdin: bytes = b"", **_: Any) -> Output:
        """Run a command as root and return what it printed, whatever its exit code."""
        done = self.host.run(command, seconds, stdin=stdin, check=False)
        return Output(done.returncode, done.stdout, done.stderr)


def authority_of(lab: Running) -> str:
    """The root certificate of the lab's stand-in for Let's Encrypt, as PEM; it is a new one after each start."""
    return lab.world.run("curl -sSk https://127.0.0.1:15000/roots/0").stdout
