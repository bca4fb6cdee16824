"""Story: the page in a real Chromium, over the lab's TLS, as a customer opens it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from fleet.checkout import ROOT
from fleet.nginx import settings as nginx_settings
from lab import wait
from lab.app import history
from lab.ci import application
from lab.machines.host import Host
from lab.progress import Steps
from lab.running import Running
from lab.world.repositories import ensure_repositories
from tests.lab import web
from tests.lab.application import FRONTEND
from tests.lab.inv_run import Inv

ARTIFACTS = ROOT / "artifacts"
# No story asserts how long a page takes.
expect.set_options(timeout=30_000)


def chromium() -> str:
    """Debian's Chromium, installed when it is not there."""
    if shutil.which("chromium") is None:
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"]
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True, timeout=300)
        subprocess.run(install, check=True, capture_output=True, timeout=600, env=quiet)
    found = shutil.which("chromium")
    assert found
    return found


def pin(certificate: str) -> str:
    """The hash by which Chromium knows a certificate's key."""
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


@pytest.fixture
def browser(deployed: Inv, server: Host, lab: Running) -> Iterator[Browser]:
    """A Chromium for which the server's name leads to the lab, and every other name nowhere.

    It accepts the one certificate that was just verified against the lab's authority, and no other.
    """
    verified = web.Web(server).certificate(web.authority_of(lab))
    flags = [
        f"--host-resolver-rules=MAP {server.name} {server.address4}, MAP * ~NOTFOUND",
        f"--ignore-certificate-errors-spki-list={pin(verified)}",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=flags, chromium_sandbox=False)
        yield running
        running.close()


def heard(browser: Browser, complaints: list[str]) -> Page:
    """A tab whose complaints are written down."""
    page = browser.new_page()
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url} {request.failure}"))
    return page


def test_the_page_works_and_nothing_complains(browser: Browser, deployed: Inv, server: Host) -> None:
    complaints: list[str] = []
    page, prerendered = (heard(browser, complaints) for _ in range(2))
    page.goto(f"https://{server.name}/")
    row = deployed.json("status", f"--host={server.name}", "--json")[server.name]
    expect(page.locator("#release")).to_have_text(row["frontend"])
    expect(page.locator("#backend")).to_contain_text(row["backend"])
    expect(page.locator("#api")).to_have_text("connected")
    expect(page.locator("#socket")).to_have_text("connected")
    page.locator("#load").click()
    expect(page.locator("#chunk")).not_to_be_empty()
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "page.png")
    # In a tab of its own: whoever leaves a page ends what it still asks for.
    prerendered.goto(f"https://{server.name}/pricing")
    assert prerendered.url.startswith(f"https://{server.name}/pricing"), (
        "the prerendered page, not a redirect to http://"
    )
    assert complaints == []


def silence() -> bytes:
    """A tenth of a second of it, as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(1600))
    return file.getvalue()


def elsewhere(route: Route) -> None:
    """Answer for the services that the pages use; the browser asks its policy before it asks them."""
    kinds = {"stylesheet": ("text/css", b""), "media": ("audio/wav", silence()), "script": ("text/javascript", b"")}
    kind, body = kinds.get(route.request.resource_type, ("text/plain", b""))
    route.fulfill(status=200, content_type=kind, body=body)


def test_the_policy_fits_what_the_pages_do(browser: Browser, deployed: Inv, server: Host) -> None:
    """The microphone's worklet, samples of voices, a widget's preview, analytics, sign-in: nothing is blocked."""
    page = browser.new_page()
    page.add_init_script(
        "window.blocked = [];"
        "addEventListener('securitypolicyviolation', (event) => blocked.push(`${event.effectiveDirective} "
        "${event.blockedURI}`));"
    )
    page.route(lambda url: server.name not in url and not url.startswith("blob:"), elsewhere)
    page.goto(f"https://{server.name}/")
    page.locator("#reach").click()
    expect(page.locator("#outside")).not_to_be_empty()
    results = json.loads(page.locator("#outside").inner_text())
    assert page.evaluate("blocked") == []
    assert len(results) >= 15
    assert {name: how for name, how in results.items() if how != "ok"} == {}
    assert "csp_report_only is off" in deployed("csp", f"--host={server.name}").succeeded().output
    # And it is no gate without a wall.
    for source in ("https://cdn.jsdelivr.net/npm/x", "https://example.com/x.js", "data:text/javascript,1"):
        page.evaluate("src => document.head.append(Object.assign(document.createElement('script'), { src }))", source)
    page.wait_for_function("blocked.length == 3")


# A page of nothing but red: of an invoice, say, as the application shows it.
RED = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
RED += b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 144]/Contents 4 0 R>>endobj "
RED += b"4 0 obj<</Length 26>>stream\n1 0 0 rg 0 0 300 144 re f \nendstream endobj trailer<</Root 1 0 R>>\n%%EOF"
SHOWS = """async text => {
  const address = URL.createObjectURL(new Blob([text], {type: 'application/pdf'}));
  window.open(address, '_blank', 'noopener,noreferrer');
}"""
COUNT_RED = """async picture => {
  const image = await createImageBitmap(await (await fetch(picture)).blob());
  const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
  context.drawImage(image, 0, 0);
  const {data} = context.getImageData(0, 0, image.width, image.height);
  let red = 0;
  for (let at = 0; at < data.length; at += 4) red += data[at] > 240 && data[at + 1] < 20 && data[at + 2] < 20;
  return red;
}"""


@pytest.mark.test_all
def test_a_pdf_that_the_application_has_fetched_is_shown_in_a_tab(browser: Browser, server: Host) -> None:
    """As openPdfUrlWithAuth does: from a `blob:` address, which inherits the policy of the page."""
    context = browser.new_context()
    page, counter = context.new_page(), context.new_page()
    page.goto(f"https://{server.name}/")
    with context.expect_page() as opened:
        page.evaluate(SHOWS, RED.decode())
    assert opened.value.url.startswith("blob:")

    def red() -> int:
        picture = base64.b64encode(opened.value.screenshot()).decode()
        return int(counter.evaluate(COUNT_RED, f"data:image/png;base64,{picture}"))

    wait.until(lambda: red() > 10_000, 30, "the browser's viewer shows the page", "look at the tab")


@pytest.mark.test_all
def test_what_a_policy_on_trial_would_block_is_reported(browser: Browser, deployed: Inv, server: Host) -> None:
    at, reports = f"--host={server.name}", f"https://{server.name}{nginx_settings.REPORTS}"
    foreign = "document.head.append(Object.assign(document.createElement('script'), { src: 'https://a.example/x?y' }))"
    try:
        with deployed.changed(server.name, csp_report_only=True):
            deployed.bootstrap("-y").succeeded()
            page = browser.new_page()
            page.goto(f"https://{server.name}/pricing?token=secret")
            page.evaluate(foreign)
            wait.until(lambda: "a.example" in deployed("csp", at).output, 20, "the report arrives", "look at nginx")
            (row,) = [line for line in deployed("csp", at).output.splitlines() if "a.example" in line]
            times, _, *found = row.split()
            assert (times, found) == ("1", ["script-src-elem", "https://a.example/x", f"https://{server.name}/pricing"])
            assert "token=secret" not in deployed("logs", "nginx", at).output

            ask = web.Web(server)
            assert ask(reports).status == 403
            assert ask(reports, "--data", "x" * 17_000).status == 413
            statuses = ask.statuses(f"{nginx_settings.REPORTS}?[1-200]", "--data", "nonsense")
            assert min(statuses.count(204), statuses.count(429)) >= 50
            assert "nonsense" not in deployed("csp", at).output
    finally:
        deployed.bootstrap("-y").succeeded()


def own_commit(lab: Running, folder: Path) -> Path:
    """Someone's clone of the frontend with a commit of theirs, the same one every time."""
    source = lab.lab.directory / "repositories" / f"{application.GITHUB['frontend']}.git"
    when = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-11-28T00:00:00Z")
    person = ("-c", "user.name=Somebody", "-c", "user.email=somebody@aipbx.test", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "clone", "--quiet", str(source), str(folder)], check=True)
    (folder / "src" / "chunk.js").write_text('export const text = "tomorrow";\n')
    commit = ["git", *person, "commit", "--quiet", "--all", "--message=Tomorrow"]
    subprocess.run(commit, cwd=folder, check=True, env={**os.environ, **when})
    return folder


@pytest.mark.test_all
def test_your_own_commits_take_the_place_of_the_stand_in(
    browser: Browser, deployed: Inv, server: Host, lab: Running, tmp_path: Path
) -> None:
    """What `inv lab.application --frontend=…` puts in place is what `inv deploy` then brings; and the way back."""
    source = application.read("frontend", str(own_commit(lab, tmp_path / "own")))
    before = deployed.json("status", f"--host={server.name}", "--json")[server.name]
    with Steps().shown() as steps:
        application.put(lab.lab, [source], steps, build=True)
    try:
        deployed("deploy", f"--host={server.name}", "--service=frontend", "--yes").succeeded()
        page = browser.new_page()
        page.goto(f"https://{server.name}/")
        expect(page.locator("#release")).to_have_text(source.sha)
        page.locator("#load").click()
        expect(page.locator("#chunk")).to_have_text("tomorrow")
    finally:
        ensure_repositories(lab.world, history.make(lab.lab.directory / "repositories"))
        deployed("rollback", f"--host={server.name}", "--yes").succeeded()
    assert deployed.json("status", f"--host={server.name}", "--json")[server.name]["frontend"] == before["frontend"]


@pytest.mark.test_all
def test_a_tab_that_stays_open_over_a_deploy_finds_its_chunk(browser: Browser, deployed: Inv, server: Host) -> None:
    page = browser.new_page()
    page.goto(f"https://{server.name}/")
    expect(page.locator("#socket")).to_have_text("connected")
    deployed(
        "deploy", f"--host={server.name}", "--service=frontend", f"--sha={FRONTEND['second']}", "--yes"
    ).succeeded()
    page.locator("#load").click()
    expect(page.locator("#chunk")).not_to_be_empty()
    deployed("rollback", f"--host={server.name}", "--yes").succeeded()
