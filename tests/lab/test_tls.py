"""Story: a host gets its certificate from the authority, renews it, is given one by hand, is refused in plain words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from aipbx_agent.contract import COMMAND, CONFIGURATION, REFUSED
from fleet.errors import OperatorError
from fleet.tls import certificate, operations
from lab.machines.host import Host
from lab.running import Running
from tests.lab import web
from tests.lab.conftest import Converge
from tests.lab.web import Console, Web
from tests.unit.tls import made

CURRENT = f"readlink {web.APP}/tls/current"


@pytest.fixture
def machine(lab: Running, converge: Converge) -> Iterator[Host]:
    """A converged host with nginx and without a certificate, whose names are checked as without Cloudflare."""
    converge("aipbx.org")
    host = lab.host("aipbx.org")
    web.up(host)
    kept = host.run(f"cat {CONFIGURATION}").stdout.encode()
    data(host, cloudflare=False)
    yield host
    host.run(f"cat >{CONFIGURATION}", stdin=kept)
    web.down(host)


def refused(machine: Host, *said: str, force: bool = False) -> None:
    """Assert that `ensure` is refused, says all of these, and changes nothing that nginx serves."""
    before = machine.run(f"{CURRENT} || true").stdout
    with pytest.raises(OperatorError) as error:
        operations.ensure(Console(machine), force=force)
    for text in said:
        assert text in str(error.value), str(error.value)
    assert machine.run(f"{CURRENT} || true").stdout == before


def data(machine: Host, **values: object) -> None:
    """Change what the agent knows of the host's certificate."""
    told = json.loads(machine.run(f"cat {CONFIGURATION}").stdout)
    told["certificate"] |= values
    machine.run(f"cat >{CONFIGURATION}", stdin=json.dumps(told).encode())


def test_first_issue_renewal_and_repair(machine: Host, lab: Running) -> None:
    ask, authority = Web(machine), web.authority_of(lab)
    assert ask("http://aipbx.org/").status == 503
    assert ask.refusal("https://aipbx.org/") == 35

    assert operations.ensure(Console(machine)).startswith("serving the certificate of aipbx.org, until ")
    first = ask.certificate(authority)
    found, _ = certificate.read(first.encode())
    assert set(found.names) == {"aipbx.org", "www.aipbx.org"}
    assert found.days_left(datetime.now(UTC)) in {89, 90}
    status = operations.status(Console(machine))
    assert (status.source, status.file) == ("letsencrypt", status.served)

    # Not due: nothing happens. Forced: another one, and nginx serves it without a restart.
    operations.ensure(Console(machine))
    assert ask.certificate(authority) == first
    started = machine.run("docker inspect -f '{{.State.StartedAt}}' aipbx-nginx-1").stdout
    operations.ensure(Console(machine), force=True)
    second = ask.certificate(authority)
    assert second != first
    assert machine.run("docker inspect -f '{{.State.StartedAt}}' aipbx-nginx-1").stdout == started

    # A run that was killed between the flip and the reload: nginx serves what it has read, the next run repairs it.
    machine.run(f"ln -sfn {status.file} {web.APP}/tls/current")
    seen = operations.status(Console(machine))
    assert seen.file != seen.served
    machine.run("systemctl start aipbx-certificate.service", timeout=120)
    seen = operations.status(Console(machine))
    assert seen.file == seen.served
    assert ask.certificate(authority) == second

    # Only nginx's group reads the key.
    assert machine.run(f"stat -c %a:%u:%g {web.APP}/tls/current/privkey.pem").stdout == "640:0:101\n"


@pytest.mark.test_all
def test_the_timer_runs_and_waits_for_the_first_certificate(machine: Host) -> None:
    assert machine.run("systemctl is-active aipbx-certificate.timer").stdout == "active\n"
    machine.run("systemctl start aipbx-certificate.service")
    assert machine.run("systemctl show -p ConditionResult --value aipbx-certificate.service").stdout == "no\n"
    assert machine.run(f"{CURRENT} || true").stdout == ""


def test_names_that_do_not_point_here(machine: Host, lab: Running) -> None:
    data(machine, names=["aipbx.org", "www.aipbx.org", "nowhere.aipbx.org"])
    refused(machine, "nowhere.aipbx.org does not point here: DNS does not know it.")
    data(machine, names=["aipbx.org", "www.aipbx.ru"])
    refused(machine, "www.aipbx.ru does not point here.", lab.host("aipbx.ru").address4, machine.address4)


@pytest.mark.test_all
def test_an_nginx_that_is_down(machine: Host) -> None:
    machine.run("docker stop -t 1 aipbx-nginx-1")
    refused(machine, "nginx on this host does not answer on port 80.", "inv deploy")


@pytest.mark.test_all
def test_an_authority_that_refuses_or_is_away(machine: Host) -> None:
    machine.run(f"rm -rf {web.APP}/acme-challenge/.well-known && mount -t tmpfs none {web.APP}/acme-challenge")
    try:
        # nginx sees the folder below the mount, certbot the one above: as with a wrong compose file.
        data(machine, cloudflare=True)
        refused(machine, "nginx on this host does not answer")
    finally:
        machine.run(f"umount {web.APP}/acme-challenge")
    data(machine, acme_directory="https://acme-v02.api.letsencrypt.org/nothing-here")
    refused(machine, "No certificate for aipbx.org www.aipbx.org was issued.", "404")


@pytest.mark.test_all
def test_two_at_once_wait_for_each_other(machine: Host) -> None:
    both = machine.run(f"{COMMAND} certificate & {COMMAND} certificate & wait", timeout=180).stdout
    assert both.count('"served": true') == 2


@pytest.mark.test_all
def test_names_that_change_get_a_new_certificate(machine: Host, lab: Running) -> None:
    data(machine, names=["aipbx.org"])
    operations.ensure(Console(machine))
    data(machine, names=["aipbx.org", "www.aipbx.org"])
    operations.ensure(Console(machine))
    found, _ = certificate.read(Web(machine).certificate(web.authority_of(lab)).encode())
    assert set(found.names) == {"aipbx.org", "www.aipbx.org"}


@pytest.mark.test_all
def test_supplied_by_hand(machine: Host) -> None:
    data(machine, source="supplied")
    refused(machine, "No certificate has been supplied to aipbx.org yet.", "inv tls.supply")
    names, since = ["aipbx.org", "www.aipbx.org"], datetime.now(UTC) - timedelta(hours=1)
    root = made.certificate("Root", starts=since)
    middle = made.certificate("Intermediate", by=root, starts=since)
    good = made.certificate("aipbx.org", by=middle, names=names, starts=since)
    other = made.certificate("aipbx.org", by=middle, names=names, starts=since)
    chain = good.pem + middle.pem

    def given(chain: bytes, key: bytes, authority: bytes = root.pem) -> str:
        return operations.supply(Console(machine), chain, key, names, authority)

    assert "until" in given(chain, good.key_pem)
    assert Web(machine).certificate(root.pem.decode()).encode() == good.pem
    # The host looks for itself, too.
    answer = machine.run(f"{COMMAND} certificate-supply", stdin=chain + other.key_pem, check=False)
    assert answer.returncode == REFUSED
    assert "Certificate and key do not match." in answer.stderr
    # Browsers do not know this authority, nor anyone a leaf alone.
    for refused_chain, authority in ((chain, b""), (good.pem, root.pem)):
        with pytest.raises(OperatorError, match="A browser would not believe the certificate") as error:
            given(refused_chain, good.key_pem, authority)
        assert "unable to get local issuer certificate" in error.value.why
    operations.ensure(Console(machine))
    assert Web(machine).certificate(root.pem.decode()).encode() == good.pem


@pytest.mark.test_all
def test_the_grade(machine: Host, lab: Running) -> None:
    operations.ensure(Console(machine))
    web.release(machine)
    lab.client.run("cat >/tmp/authority.pem", stdin=web.authority_of(lab).encode())
    grade, wrong = Web(machine).grade(lab.client)
    assert grade in {"A", "A+"}, wrong
    assert [finding for finding in wrong if not finding.startswith("cert_revocation")] == []
