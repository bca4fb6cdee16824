"""Story: the page in a real Chromium, over the lab's TLS, as a customer opens it."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, expect, sync_playwright

from fleet.access import ROOT
from lab.host import Host
from lab.running import Running
from tests.lab import web
from tests.lab.application import FRONTEND
from tests.lab.inv_run import Inv

ARTIFACTS = ROOT / "artifacts"


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
def browser(deployed: Inv, server: Host, converged: Running) -> Iterator[Browser]:
    """A Chromium for which the server's name leads to the lab, and every other name nowhere.

    It accepts the one certificate that was just verified against the lab's authority, and no other.
    """
    verified = web.Web(server).certificate(web.authority_of(converged))
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


def test_the_page_works_and_nothing_complains(browser: Browser, deployed: Inv, server: Host) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url} {request.failure}"))
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
    page.goto(f"https://{server.name}/pricing")
    assert page.url.startswith(f"https://{server.name}/pricing"), "the prerendered page, not a redirect to http://"
    assert complaints == []


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
