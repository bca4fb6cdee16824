"""Which hosts a commit's message asks for."""

from __future__ import annotations

import pytest

from fleet.errors import OperatorError
from fleet.inventory.hosts import Host
from fleet.release.rollout.commit_message import hosts

PRODUCTION = ["aipbx.net", "aipbx.org", "aipbx.ru"]
# A staging host stands first: it takes no one's number.
FLEET = [
    Host("staging.aipbx.net", ("staging",), {"staging": True}),
    *(Host(name, ("production",), {"staging": False}) for name in PRODUCTION),
]


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("A new font for invoices [deploy:2]", ["aipbx.org"]),
        ("[deploy 1] Faster", ["aipbx.net"]),
        ("Dark colours [deploy all]", PRODUCTION),
        ("Dark colours [deploy:all]", PRODUCTION),
        ("Both [Deploy:3] and\n\n[deploy:1]", ["aipbx.net", "aipbx.ru"]),
        ("Several [deploy: 3, 2]", ["aipbx.org", "aipbx.ru"]),
        ("By name [deploy:aipbx.ru]", ["aipbx.ru"]),
        ("Tried out first [deploy:staging.aipbx.net]", ["staging.aipbx.net"]),
        ("Tried out first [deploy:staging]", ["staging.aipbx.net"]),
        ("Nothing asked for", []),
        ("[skip ci] Something else [fix:4] in brackets", []),
        ("Deploy:2 without brackets", []),
    ],
)
def test_tags_name_hosts_as_the_team_writes_them(message: str, wanted: list[str]) -> None:
    assert hosts(message, FLEET) == wanted


@pytest.mark.parametrize(
    ("message", "wanted"),
    [("Nothing asked for", ["staging.aipbx.net"]), ("[deploy:1]", ["aipbx.net"]), ("[deploy all]", PRODUCTION)],
)
def test_staging_gets_every_push_that_names_no_host(message: str, wanted: list[str]) -> None:
    staging = Host("staging.aipbx.net", ("staging",), {"staging": True, "deploys_every_push": True})
    assert hosts(message, [*FLEET[1:], staging]) == wanted


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("[deploy:4]", "No host is called '4'; 1 is aipbx.net, 2 is aipbx.org, 3 is aipbx.ru"),
        ("[deploy:0]", "No host is called '0'"),
        ("[deploy:1,prod]", "No host is called 'prod'"),
        ("[deploy]", "It names no host"),
        ("[deplyo:1]", "It says deplyo, not deploy"),
        ("[deploys all]", "It says deploys, not deploy"),
    ],
)
def test_an_unknown_tag_is_an_error_not_silence(message: str, why: str) -> None:
    with pytest.raises(OperatorError) as refused:
        hosts(f"Good so far [deploy:1] {message}", FLEET)
    assert message in refused.value.what
    assert why in refused.value.why
