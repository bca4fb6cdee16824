"""What every release needs of a host, and how a host without it is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aipbx_agent.release.releases import Release
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings
from fleet.release.checks import preconditions
from fleet.state import survey
from fleet.state.survey import Container, Survey

DATA = settings.of_host("aipbx.net", hosts.load()[0].data)
A = Release("1" * 40, "a" * 40)


def host(running: Release | None = A, **changes: Any) -> Survey:
    """A host that nothing is wrong with."""
    found = replace(
        survey.parse({}),
        files=frozenset({"compose.yml", "environment.json", "images.env"}),
        images={"backend": f"b:{running.backend}", "frontend": f"f:{running.frontend}"} if running else {},
        disk_free_mib=DATA.min_free_disk_mib,
        containers={"postgres": Container("p", "running", 0, "healthy", "t")},
    )
    return replace(found, **changes)


def test_a_host_that_nothing_is_wrong_with_is_not_refused() -> None:
    preconditions.refuse("aipbx.net", host(), DATA, first_allowed=False)
    preconditions.refuse("aipbx.net", host(None), DATA, first_allowed=True)
    preconditions.refuse("aipbx.net", host(containers={}), DATA, first_allowed=False)


def container(status: str, health: str) -> dict[str, Container]:
    return {"postgres": Container("p", status, 0, health, "t")}


@pytest.mark.parametrize(
    ("found", "what", "do"),
    [
        (
            host(files=frozenset({"environment.json"})),
            "aipbx.net is not converged: there is no /app/aipbx/compose.yml.",
            "pyinfra inventory.py deploys/bootstrap.py --limit aipbx.net",
        ),
        (
            host(files=frozenset({"compose.yml"})),
            "aipbx.net has no configuration of the application yet.",
            "inv env.init --host=aipbx.net, fill in the file, then inv env.push --host=aipbx.net",
        ),
        (
            host(lock="boris@desk, rollback", lock_seconds=119),
            "aipbx.net is locked: boris@desk, rollback (for 119 s).",
            "Wait for it (--wait); if that operator's run is certainly over, inv unlock --host=aipbx.net",
        ),
        (
            host(disk_free_mib=DATA.min_free_disk_mib - 1),
            "aipbx.net has 2047 MiB of disk left.",
            "Check with `inv status --host=aipbx.net`, make room, then run this again.",
        ),
        (host(None), "aipbx.net has no release yet.", "inv deploy --host=aipbx.net"),
        (
            host(containers=container("exited", "unhealthy")),
            "aipbx.net: the database is exited.",
            "inv logs postgres --host=aipbx.net",
        ),
        (
            host(containers=container("running", "starting")),
            "aipbx.net: the database is starting.",
            "inv logs postgres --host=aipbx.net",
        ),
    ],
)
def test_a_host_that_lacks_something_is_refused(found: Survey, what: str, do: str) -> None:
    with pytest.raises(OperatorError) as refused:
        preconditions.refuse("aipbx.net", found, DATA, first_allowed=False)
    assert (refused.value.what, refused.value.do) == (what, do)


def test_a_certificate_that_is_to_be_supplied_is_asked_for_first() -> None:
    supplied, asked_for = (DATA.model_copy(update={"tls": tls}) for tls in ("supplied", "letsencrypt"))
    with pytest.raises(OperatorError, match=r"aipbx\.net has no certificate yet\."):
        preconditions.refuse_uncertified("aipbx.net", host(None), supplied)
    preconditions.refuse_uncertified("aipbx.net", host(None), asked_for)
    preconditions.refuse_uncertified("aipbx.net", host(certificate_until=datetime.now(UTC)), supplied)


def test_other_programs_on_nginx_s_ports_are_named() -> None:
    preconditions.refuse_taken("aipbx.net", [])
    with pytest.raises(OperatorError, match=r"listen where nginx would: apache2 on port 80\."):
        preconditions.refuse_taken("aipbx.net", ["apache2 on port 80"])


def test_names_that_dns_does_not_know_are_refused_before_a_first_certificate() -> None:
    preconditions.refuse_unknown_names("aipbx.net", [])
    with pytest.raises(OperatorError, match=r"DNS does not know www\.aipbx\.net\."):
        preconditions.refuse_unknown_names("aipbx.net", ["www.aipbx.net"])


def test_names_that_lead_elsewhere_are_said_and_what_it_costs() -> None:
    assert preconditions.elsewhere({}, certified=True) == []
    (line,) = preconditions.elsewhere({"www.aipbx.net": ["203.0.113.9"]}, certified=False)
    assert line.startswith("www.aipbx.net points to 203.0.113.9, which is not this host: it gets a certificate only")
    (line,) = preconditions.elsewhere({"www.aipbx.net": ["203.0.113.9"]}, certified=True)
    assert "its certificate is renewed only" in line


def test_a_fresh_host_is_refused_for_the_first_thing_it_lacks() -> None:
    with pytest.raises(OperatorError, match="is not converged"):
        preconditions.refuse("aipbx.net", survey.parse({}), DATA, first_allowed=True)
