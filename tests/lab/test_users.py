"""Story: a new host gets its users: who signs up, and the first administrator."""

from __future__ import annotations

import json

from lab import wait
from lab.machines.host import Host
from lab.running import Running
from tests.lab.inv_run import Inv
from tests.lab.web import Answer, Web

USER = "o'hara@aipbx.test"


def post(server: Host, path: str, **body: str) -> Answer:
    words = ("--header", "Content-Type: application/json", "--data", json.dumps(body))
    return Web(server).let_through(path, *words)


def roles(server: Host, token: str) -> int:
    """How the application answers a question that only an administrator may ask."""
    return Web(server)("/api/roles", "--header", f"Authorization: Bearer {token}").status


def token(lab: Running, server: Host, how: str) -> str:
    """Log in, or sign up, as someone does who reads the code in a mail."""
    before = len(lab.world.mails())
    assert post(server, f"/api/auth/{how}", email=USER).status == 201
    wait.until(lambda: len(lab.world.mails()) > before, 60, "the code is mailed", "docker logs of the backend")
    mail = lab.world.mails()[-1]
    assert USER in mail.recipients
    answer = post(server, "/api/auth/activation", email=USER, activationCode=mail.text.strip())
    assert answer.status == 201
    return str(answer.json["token"])


def test_the_first_administrator(lab: Running, deployed: Inv, server: Host) -> None:
    at = f"--host={server.name}"
    assert "there is no administrator" in deployed("doctor", at).succeeded().output
    assert roles(server, token(lab, server, "signup")) == 403
    deployed("user.admin", at, f"--email={USER}").refused("no terminal")
    made = deployed("user.admin", at, f"--email={USER}", "--yes").succeeded().output
    assert "mails a code" in made
    assert roles(server, token(lab, server, "login")) == 200
    deployed("user.admin", at, "--yes").refused(f"has an administrator already: {USER}")
    deployed("user.admin", at, "--email=new@aipbx.test", "--another", "--yes").succeeded()
    assert "there is no administrator" not in deployed("doctor", at).succeeded().output
    for email in (USER, "new@aipbx.test"):
        deployed("user.admin", at, f"--email={email}", "--revoke", "--yes").succeeded()
    assert roles(server, token(lab, server, "login")) == 403
