"""What a deploy refuses, in words; what it is going to do, in lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aipbx_agent.release.releases import Entry, Release
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings
from fleet.release import plan
from fleet.release.plan import Plan
from fleet.state import survey
from fleet.state.survey import Container, Survey

DATA = settings.of_host("aipbx.net", hosts.load()[0].data)
A, B, C = (Release(digit * 40, other * 40) for digit, other in ("1a", "2b", "3c"))
# The same backend as B's, with another frontend.
D = Release("2" * 40, "d" * 40)


def entry(after: Release, result: Any = "ok") -> Entry:
    return Entry("2026-11-23T10:00:00Z", "anna@desk", "deploy", result, 41, None, after, {})


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
    plan.refuse("aipbx.net", host(), DATA, first_allowed=False)
    plan.refuse("aipbx.net", host(None), DATA, first_allowed=True)
    plan.refuse("aipbx.net", host(containers={}), DATA, first_allowed=False)


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
def test_is_refused(found: Survey, what: str, do: str) -> None:
    with pytest.raises(OperatorError) as refused:
        plan.refuse("aipbx.net", found, DATA, first_allowed=False)
    assert (refused.value.what, refused.value.do) == (what, do)


def test_a_certificate_that_is_to_be_supplied_is_asked_for_first() -> None:
    supplied, asked_for = (DATA.model_copy(update={"tls": tls}) for tls in ("supplied", "letsencrypt"))
    with pytest.raises(OperatorError, match=r"aipbx\.net has no certificate yet\."):
        plan.refuse_uncertified("aipbx.net", host(None), supplied)
    plan.refuse_uncertified("aipbx.net", host(None), asked_for)
    plan.refuse_uncertified("aipbx.net", host(certificate_until=datetime.now(UTC)), supplied)


def test_other_programs_on_nginx_s_ports_are_named() -> None:
    plan.refuse_taken("aipbx.net", [])
    with pytest.raises(OperatorError, match=r"listen where nginx would: apache2 on port 80\."):
        plan.refuse_taken("aipbx.net", ["apache2 on port 80"])


def test_names_that_dns_does_not_know_are_refused_before_a_first_certificate() -> None:
    plan.refuse_unknown_names("aipbx.net", [])
    with pytest.raises(OperatorError, match=r"DNS does not know www\.aipbx\.net\."):
        plan.refuse_unknown_names("aipbx.net", ["www.aipbx.net"])


def test_names_that_lead_elsewhere_are_said_and_what_it_costs() -> None:
    assert plan.elsewhere({}, certified=True) == []
    (line,) = plan.elsewhere({"www.aipbx.net": ["203.0.113.9"]}, certified=False)
    assert line.startswith("www.aipbx.net points to 203.0.113.9, which is not this host: it gets a certificate only")
    (line,) = plan.elsewhere({"www.aipbx.net": ["203.0.113.9"]}, certified=True)
    assert "its certificate is renewed only" in line


def test_a_fresh_host_is_told_the_first_thing_first() -> None:
    with pytest.raises(OperatorError, match="is not converged"):
        plan.refuse("aipbx.net", survey.parse({}), DATA, first_allowed=True)


LEDGER = [entry(C), entry(B), entry(D), entry(C, "failed"), entry(A)]


@pytest.mark.parametrize(
    ("to", "release"),
    [
        ("", D),
        ("3333", C),
        ("cccc", C),
        ("C" * 40, C),
        (" dddddddd ", D),
        ("bbbb", B),
        ("2222,dddd", D),
        ("bbbbbbbb, 2222", B),
    ],
)
def test_earlier(to: str, release: Release) -> None:
    assert plan.earlier("aipbx.net", host(entries=LEDGER), 5, to) == release


@pytest.mark.parametrize(("keep", "to", "release"), [(2, "2222", D), (2, "3333", C), (2, "2222,bbbb", B)])
def test_the_last_releases_are_meant_sooner_than_older_ones(keep: int, to: str, release: Release) -> None:
    assert plan.earlier("aipbx.net", host(entries=LEDGER), keep, to) == release


def test_after_a_failed_deploy_one_goes_back_from_what_runs() -> None:
    assert plan.earlier("aipbx.net", host(B, entries=[entry(A), entry(B), entry(C, "failed")]), 5, "") == A


@pytest.mark.parametrize(
    ("ledger", "to", "said"),
    [
        ([], "", "aipbx.net has no earlier release to go back to."),
        ([entry(B, "failed"), entry(A)], "", "aipbx.net has no earlier release to go back to."),
        (LEDGER, "ffff", "aipbx.net: no release to go back to has the SHA 'ffff'."),
        ([entry(B, "failed"), entry(A)], "2222", "aipbx.net: no release to go back to has the SHA '2222'."),
        (LEDGER, "333", "aipbx.net: no release to go back to has the SHA '333'."),
        (LEDGER, "1111", "It is what runs now."),
        (LEDGER, "ffff", "Its ledger has 3 other successful releases."),
        (LEDGER, "2222,cccc", "no release to go back to has the SHA '2222,cccc'."),
        (LEDGER, "2222,", "no release to go back to has the SHA '2222,'."),
        (LEDGER, "2222", "--to=22222222,dddddddd"),
        (LEDGER, "2222", "2222 is ambiguous: 2 releases have it."),
        (LEDGER, "2222", "backend 22222222, frontend dddddddd; backend 22222222, frontend bbbbbbbb"),
    ],
)
def test_no_earlier(ledger: list[Entry], to: str, said: str) -> None:
    with pytest.raises(OperatorError) as refused:
        plan.earlier("aipbx.net", host(entries=ledger), 5, to)
    assert said in str(refused.value)


def made(before: Release | None, after: Release, **commits: list[str]) -> Plan:
    return Plan("aipbx.net", "deploy", before, after, commits)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (None, A, ["backend", "frontend"]),
        (A, B, ["backend", "frontend"]),
        (B, D, ["frontend"]),
        (B, Release("9" * 40, B.frontend), ["backend"]),
        (A, A, ["backend", "frontend"]),
    ],
)
def test_changed(before: Release | None, after: Release, changed: list[str]) -> None:
    assert made(before, after).changed == changed


def test_lines() -> None:
    assert made(None, A).lines() == ["  backend  nothing → 11111111", "  frontend nothing → aaaaaaaa"]
    assert made(B, D, frontend=["abc New", "def Newer"]).lines() == [
        "  backend  22222222 stays",
        "  frontend bbbbbbbb → dddddddd",
        "      abc New",
        "      def Newer",
    ]


@pytest.mark.parametrize(("number", "more"), [(10, []), (11, ["      … and 1 more"])])
def test_a_long_history_is_cut(number: int, more: list[str]) -> None:
    lines = made(B, D, frontend=[f"c{index}" for index in range(number)]).lines()
    assert lines[2:] == [f"      c{index}" for index in range(10)] + more


def test_images() -> None:
    assert plan.images(DATA, A) == {
        "backend": f"ghcr.io/krasterisk/aipbx_backend:{'1' * 40}",
        "frontend": f"ghcr.io/krasterisk/aipbx:{'a' * 40}",
    }
