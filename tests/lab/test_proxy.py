"""Story: what a browser meets at nginx, with the application up, down, not there yet, and asked too often."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from fleet.tls import operations
from lab import wait
from lab.machines.host import Host
from lab.running import Running
from tests.lab import web
from tests.lab.conftest import Converge
from tests.lab.pyinfra_run import Bootstrap
from tests.lab.web import Web

SECURITY = {
    "x-frame-options": "SAMEORIGIN",
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "strict-transport-security": "max-age=31536000",
}
REVISION = "docker exec aipbx-nginx-1 wget -qO- http://127.0.0.1:8081/revision"


@pytest.fixture(scope="module")
def machine(lab: Running, converge: Converge) -> Iterator[Host]:
    """A converged host with nginx and a stand-in application, a certificate, and a release."""
    converge("aipbx.org")
    host = lab.host("aipbx.org")
    web.up(host)
    operations.ensure(web.Console(host))
    web.release(host)
    yield host
    web.down(host)


@pytest.fixture
def ask(machine: Host) -> Web:
    return Web(machine)


def test_plain_http_leads_to_https(ask: Web) -> None:
    answer = ask("http://www.aipbx.org/a?b=c")
    assert (answer.status, answer.header("location")) == (301, "https://www.aipbx.org/a?b=c")
    assert answer.header("strict-transport-security") == ""


def test_names_that_are_not_ours_get_nothing(ask: Web) -> None:
    assert ask.refusal("http://evil.example/") == 56  # the connection is reset
    assert ask.refusal("https://evil.example/") == 35  # no handshake, so no certificate that names us
    assert ask("/", "--header", "Host: evil.example").status == 421


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/missing", 404),
        ("/assets/main.js", 200),
        ("/api/prices", 200),
        ("/api/missing", 404),
        ("/api/boom", 500),
        ("/static/logo.png", 200),
        ("/static/missing", 404),
        ("/socket.io/?EIO=4&transport=polling", 200),
        ("/.aipbx/unavailable.html", 404),
        ("/.well-known/acme-challenge/none", 404),
    ],
)
def test_every_response_has_the_security_headers_once(ask: Web, path: str, status: int) -> None:
    answer = ask(path)
    assert answer.status == status
    assert {name: answer.header(name) for name in SECURITY} == SECURITY
    assert "frame-src" in answer.header("content-security-policy")
    assert answer.header("x-powered-by") == ""
    assert answer.header("server") == "nginx"


def test_the_client_cannot_say_who_it_is(ask: Web, lab: Running) -> None:
    lies = ("X-Forwarded-For: 6.6.6.6", "X-Real-IP: 6.6.6.6", "CF-Connecting-IP: 6.6.6.6", "Forwarded: for=6.6.6.6")
    seen = ask("/api/x", *(word for lie in lies for word in ("--header", lie))).json["headers"]
    assert "6.6.6.6" not in str(seen)
    assert seen["X-Forwarded-For"] == seen["X-Real-IP"] == str(lab.subnet.address4(1))
    assert (seen["X-Forwarded-Proto"], seen["Host"]) == ("https", "aipbx.org")


@pytest.mark.parametrize(
    ("path", "caching"),
    [
        ("/", "no-cache"),
        ("/assets/main.4f2a.js", "public, max-age=31536000, immutable"),
        ("/static/logo.png", "public, max-age=604800"),
        ("/static/org-documents/invoice.pdf", "private, no-store"),
        ("/static/missing", ""),
    ],
)
def test_caching(ask: Web, path: str, caching: str) -> None:
    assert ask(path).header("cache-control") == caching


def test_a_socket_is_upgraded(ask: Web) -> None:
    upgrade = ("--http1.1", "--header", "Connection: Upgrade", "--header", "Upgrade: websocket")
    for path in ("/socket.io/?EIO=4&transport=websocket", "/ws/"):
        answer = ask(path, *upgrade)
        assert (answer.status, answer.body) == (101, "hello over the socket"), path


@pytest.mark.test_all
def test_large_requests_as_the_app_needs_them(ask: Web, machine: Host) -> None:
    machine.run("truncate --size 60M /tmp/60; truncate --size 80M /tmp/80")
    post = "curl -sk --resolve aipbx.org:443:127.0.0.1 --data-binary @/tmp/%d https://aipbx.org%s"
    try:
        assert '"body": 62914560' in machine.run(post % (60, "/api/upload")).stdout
        assert '"statusCode":413' in machine.run(post % (80, "/api/upload")).stdout
        machine.run(f"touch {web.APP}/maintenance/on")
        assert '"statusCode":503' in machine.run(post % (60, "/api/upload")).stdout
    finally:
        machine.run(f"rm -f /tmp/60 /tmp/80 {web.APP}/maintenance/on")


def test_too_many_requests(ask: Web) -> None:
    # More than a machine gets through in the time in which that many would be let through.
    statuses = ask.statuses("/api/x[1-300]")
    assert set(statuses) == {200, 429}
    refused = next(
        answer for answer in (ask("/api/auth/login", "--data", "{}") for _ in range(9)) if answer.status == 429
    )
    assert (refused.header("retry-after"), refused.json["statusCode"]) == ("20", 429)
    assert (refused.header("x-frame-options"), refused.header("x-answered-by")) == ("SAMEORIGIN", "proxy")
    # The backend takes this for the same path.
    assert ask("/api/Auth/login/", "--data", "{}").status == 429


def test_maintenance_is_a_file(ask: Web, machine: Host) -> None:
    machine.run(f"touch {web.APP}/maintenance/on")
    try:
        page, api = ask("/"), ask("/api/x", "--request", "DELETE")
        assert (page.status, page.header("retry-after"), page.header("cache-control")) == (503, "120", "no-store")
        assert page.header("content-type") == "text/html"
        assert (api.status, api.json["statusCode"]) == (503, 503)
        assert {name: page.header(name) for name in SECURITY} == SECURITY
    finally:
        machine.run(f"rm {web.APP}/maintenance/on")
    assert ask("/").status == 200


def test_an_application_that_is_away_and_comes_back_at_another_address(ask: Web, machine: Host) -> None:
    machine.run("docker rm -f aipbx-backend-blue-1 aipbx-frontend-1", timeout=60)
    page = ask("/?token=s3cret")
    assert page.status in {502, 504}
    assert "aiPBX" in page.body
    assert "s3cret" not in machine.run("docker logs --since 1m aipbx-nginx-1 2>&1").stdout
    assert ask("/api/x").header("content-type") == "application/json"
    # Someone else takes the address meanwhile.
    machine.run("docker run -d --rm --name squatter --network aipbx_web python:3.13-slim sleep 300")
    try:
        machine.run(f"cd {web.APP} && docker compose up --detach --wait --quiet-pull", timeout=120)
        wait.until(lambda: ask("/").status == ask("/api/x").status == 200, 60, "nginx finds them", "docker logs nginx")
    finally:
        machine.run("docker rm -f squatter")


def test_a_query_stays_out_of_the_log(ask: Web, machine: Host) -> None:
    ask("/reset?token=s3cret", "--referer", "https://aipbx.org/reset?token=s3cret")
    log = "docker logs --since 1m aipbx-nginx-1"
    written = f"{log} | grep -q '\"GET /reset HTTP/2.0\" 200'"
    wait.until(lambda: machine.run(written, check=False).returncode == 0, 10, "the request is in the log", log)
    assert "s3cret" not in machine.run(f"{log} 2>&1").stdout


def test_before_the_first_release_there_is_a_page(ask: Web, machine: Host) -> None:
    machine.run(f"rm {web.APP}/nginx/active/backend-blue")
    try:
        assert [ask(path).status for path in ("/", "/api/x", "/socket.io/")] == [503, 503, 503]
    finally:
        web.release(machine)


def limits_are_kept_by_network(machine: Host, ask: Web) -> None:
    """Assert it by what Cloudflare says of the client's address, with three connections for each client."""

    def client(address: str) -> tuple[str, str]:
        return "--header", f"CF-Connecting-IP: {address}"

    logins = [ask("/api/auth/signup", "--data", "{}", *client(f"2001:db8:1:2::{n}")).status for n in range(9)]
    assert 429 in logins, "the addresses of one /64 are one client"
    assert ask("/api/auth/login", "--data", "{}", *client("2001:db8:1:3::1")).status == 200
    with ExitStack() as sockets:
        for number in range(3):
            one = sockets.enter_context(ask.connection())
            lines = [f"GET /ws/held HTTP/1.1\r\nHost: {machine.name}", "Connection: Upgrade", "Upgrade: websocket"]
            one.sendall("\r\n".join([*lines, f"CF-Connecting-IP: 2001:db8:1:4::{number}\r\n\r\n"]).encode())
            assert b" 101 " in one.recv(4096)
        assert ask("/", *client("2001:db8:1:4::9")).status == 429
        assert ask("/", *client("2001:db8:1:5::9")).status == 200


def test_a_change_is_read_by_the_running_nginx(machine: Host, lab: Running, bootstrap: Bootstrap, ask: Web) -> None:
    started = machine.run("docker inspect -f '{{.State.StartedAt}}' aipbx-nginx-1").stdout
    cloudflare = f'cloudflare_ranges=["{lab.subnet.address4(1)}/32"]'
    data = ("maintenance_retry_seconds=77", "connections_per_client=3", cloudflare)
    try:
        bootstrap.only("proxy")(
            "-y", "--limit", machine.name, *(word for each in data for word in ("--data", each))
        ).succeeded()
        limits_are_kept_by_network(machine, ask)
        machine.run(f"touch {web.APP}/maintenance/on")
        assert ask("/").header("retry-after") == "77"
    finally:
        machine.run(f"rm -f {web.APP}/maintenance/on")
        bootstrap.only("proxy")("-y", "--limit", machine.name).succeeded()
    assert machine.run("docker inspect -f '{{.State.StartedAt}}' aipbx-nginx-1").stdout == started


def test_a_reload_ends_no_idle_connection(machine: Host, ask: Web) -> None:
    browser = http.client.HTTPSConnection(machine.name)
    browser.sock = ask.connection()
    browser.request("GET", "/")
    assert browser.getresponse().read()
    machine.run("/usr/local/lib/aipbx/nginx.sh reload")
    ending = "docker exec aipbx-nginx-1 sh -c 'grep -l shutting /proc/[0-9]*/cmdline'"
    wait.until(
        lambda: bool(machine.run(ending, check=False).stdout), 30, "old workers end", "docker logs aipbx-nginx-1"
    )
    # On the same connection, or it would raise.
    browser.request("GET", "/", headers={"Host": machine.name})
    assert browser.getresponse().status == 200


@pytest.mark.test_all
def test_a_run_that_was_cut_off_before_the_reload_is_finished(machine: Host, bootstrap: Bootstrap) -> None:
    known = machine.run(REVISION).stdout
    # As it looks when files are in place and no one told nginx: it answers with what it read before.
    machine.run(
        f"cd {web.APP}/nginx && sed -i 's/200 \"/200 \"0/' revision.conf && /usr/local/lib/aipbx/nginx.sh reload"
    )
    assert machine.run(REVISION).stdout != known
    bootstrap.only("proxy")("-y", "--limit", machine.name).succeeded()
    assert machine.run(REVISION).stdout == known
    assert bootstrap.only("proxy").dry("--limit", machine.name).changes == []


def test_what_nginx_refuses_never_gets_there(machine: Host, bootstrap: Bootstrap, ask: Web) -> None:
    machine.run(f"echo 'no such directive;' >{web.APP}/tls/current/zz.conf")
    before = machine.run(f"sha256sum {web.APP}/nginx/*.conf").stdout
    try:
        bootstrap.only("proxy")("-y", "--limit", machine.name, "--data", "maintenance_retry_seconds=77").refused(
            'unknown directive "no"'
        )
        assert machine.run(f"sha256sum {web.APP}/nginx/*.conf").stdout == before
        assert ask("/").status == 200
    finally:
        machine.run(f"rm {web.APP}/tls/current/zz.conf")
