"""Story: releases are tried out on a host that reaches no customer, whatever its env file says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fleet.env.dotenv import dotenv_file
from lab.machines.host import Host
from lab.running import Running
from lab.world import mail_server
from tests.lab.inv_run import FILLED, Inv
from tests.lab.web import Web

CONCERNS = ("firewall", "app", "proxy", "agent")
# Who would be charged, called, mailed, told: the answer of each, or why there is none.
WAYS_OUT = [("api.telegram.org", 443), ("hooks.slack.com", 443), (mail_server.NAME, 587), (mail_server.NAME, 5060)]
TRY = """
const net = require("net");
for (const [host, port] of JSON.parse(process.argv[1])) {
  const socket = net.connect({ host, port, timeout: 5000 });
  socket.on("connect", () => { console.log(host, port, "connected"); socket.destroy(); });
  socket.on("timeout", () => { console.log(host, port, "no answer"); socket.destroy(); });
  socket.on("error", (error) => console.log(host, port, error.code));
}
"""


@pytest.fixture(scope="module")
def staging(deployed: Inv, server: Host, lab: Running) -> Iterator[Inv]:
    """The operator, while the server is a staging host that this machine alone may open."""
    with deployed.changed(server.name, staging=True, web_from=[str(lab.subnet.address4(1))]):
        deployed.bootstrap.only(*CONCERNS)("-y").succeeded()
        assert deployed.bootstrap.only(*CONCERNS)("-y").changed == 0
        yield deployed
    deployed.bootstrap.only(*CONCERNS)("-y").succeeded()
    deployed("env.push", server.name, "--yes").succeeded()
    assert tried(deployed, server)["hooks.slack.com:443"] == "connected"


def signed_up(server: Host, email: str) -> int:
    """The status of a sign-up, whose code comes by mail."""
    body = json.dumps({"email": email})
    return (
        Web(server).let_through("/api/auth/signup", "--header", "Content-Type: application/json", "--data", body).status
    )


def tried(inv: Inv, server: Host) -> dict[str, str]:
    """What becomes of connections from inside the backend's container, by port and host."""
    run = inv("exec", "backend", server.name, "--", "node", "-e", TRY, json.dumps(WAYS_OUT)).succeeded()
    words = [line.split(" ", 2) for line in run.output.splitlines()]
    return {f"{host}:{port}": result for host, port, result in words}


def test_mails_charges_and_calls_go_nowhere(staging: Inv, server: Host, lab: Running) -> None:
    """The env file is a production host's: its mail server exists, and takes its password."""
    before = len(lab.world.mails())
    assert signed_up(server, "nobody@aipbx.test") == 500
    assert tried(staging, server) == {f"{host}:{port}": "ECONNREFUSED" for host, port in WAYS_OUT}
    assert len(lab.world.mails()) == before

    # It is the list that decides: what it names is reached.
    address = server.run(f"getent ahostsv4 {mail_server.NAME}").stdout.split()[0]
    with staging.changed(server.name, outgoing={address: [587]}):
        staging.bootstrap.only("firewall")("-y").succeeded()
        assert tried(staging, server)[f"{mail_server.NAME}:587"] == "connected"
        assert signed_up(server, "tester@aipbx.test") == 201
    assert len(lab.world.mails()) == before + 1
    staging.bootstrap.only("firewall")("-y").succeeded()


def test_strangers_and_search_engines_see_nothing(staging: Inv, server: Host, lab: Running) -> None:
    assert Web(server)("/").header("x-robots-tag") == "noindex, nofollow"
    assert Web(server)("/api/prices/public").header("x-robots-tag") == "noindex, nofollow"
    ask = "curl -sk -m 5 -o /dev/null -w '%%{http_code}' %s://%s/"
    for address in (server.address4, f"[{server.address6}]"):
        assert lab.client.run(ask % ("https", address), check=False).stdout == "000", address
    # The authority asks here; the application is not.
    assert lab.client.run(f"{ask % ('http', server.address4)} -H 'Host: {server.name}'").stdout == "301"
    staging("tls.renew", server.name, "--force").succeeded()


def test_no_customer_comes_to_it_whoever_asks(staging: Inv, server: Host) -> None:
    """With another host the stories of the fleet bring data there that were scrubbed."""
    at, clear = server.name, f"{server.name} is a staging host: container:app-mysql-1 is not brought there."
    staging("staging.refresh", at, f"--from={at}", "--yes").refused(f"{at} is a staging host, too.")
    staging("db.import-mysql", at, "--from=container:app-mysql-1", "--yes").refused(clear)
    done = server.run("aipbx-agent import-mysql container:app-mysql-1", check=False)
    assert (done.returncode, clear in done.stderr) == (2, True), done.stderr


@pytest.mark.test_all
def test_a_release_comes_with_test_keys_only(staging: Inv, server: Host) -> None:
    at, variables = server.name, staging.ssh_config.parent / "env" / f"{server.name}.env"
    staging("env.push", at, "--yes").refused("STRIPE_SECRET_KEY is a live key, and this is a staging host")
    staging("deploy", at, "--now", "--yes").refused("STRIPE_SECRET_KEY is a live key")
    staging("deploy", "all", "--now", "--yes").refused("The inventory has no production host.")
    text = variables.read_text()
    key = "STRIPE_SECRET_KEY"
    test_key = dotenv_file.assignment(key, "sk_test_abcdefghijklmnop0123456789")
    variables.write_text(text.replace(dotenv_file.assignment(key, FILLED[key]), test_key))
    try:
        staging("env.push", at, "--yes").succeeded()
        staging("deploy", at, "--now", "--yes").succeeded()
        staging("promote", at, "--yes").refused(f"A release is not promoted to staging: {at}.")
    finally:
        variables.write_text(text)
