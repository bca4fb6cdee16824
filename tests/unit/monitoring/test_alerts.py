"""Each alert has what the team is told, cases with which it is tried out, and one name."""

from __future__ import annotations

import re

import pytest
import yaml

from fleet import templates
from fleet.checkout import ROOT
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings
from fleet.inventory import monitoring as network
from fleet.monitoring import probes, silences
from fleet.runbook import pages
from tests.lab.alert_cases import CASES

RULES = (ROOT / "files" / "monitoring" / "alerts.yml").read_text("utf-8")
BLOCKS = {block.split("\n", 1)[0].strip(): block for block in RULES.split("- alert: ")[1:]}


def test_each_alert_has_cases() -> None:
    assert set(BLOCKS) == set(CASES)


@pytest.mark.parametrize("name", BLOCKS)
def test_each_says_what_is_wrong_and_what_to_do(name: str) -> None:
    slug = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
    assert f"runbook: inv runbook {slug}\n" in BLOCKS[name]
    assert re.search(r"severity: (page|ticket|none)}", BLOCKS[name])
    assert re.search(r'summary: ".+\."\n', BLOCKS[name])
    assert re.search(r'action: ".+"\n', BLOCKS[name])


@pytest.mark.parametrize("language", pages.LANGUAGES)
@pytest.mark.parametrize("name", [name for name in BLOCKS if name != "Watchdog"])  # that one is no message
def test_its_page_begins_with_the_message(name: str, language: str) -> None:
    slug = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
    sign = (pages.folder(language) / f"{slug}.md").read_text("utf-8").split("\n## ")[1]
    assert f"`{name}`" in sign


def test_silences_of_runs_name_alerts_that_there_are() -> None:
    from aipbx_agent.monitoring.silence import CAUSED

    assert set(CAUSED) <= set(BLOCKS)


@pytest.mark.parametrize(("length", "seconds"), [("30m", 1800), ("2h", 7200), ("1d", 86400)])
def test_lengths_of_a_silence(length: str, seconds: int) -> None:
    assert silences.seconds(length) == seconds


@pytest.mark.parametrize("length", ["", "2", "0m", "2w", "8d", "-1h"])
def test_lengths_that_are_none(length: str) -> None:
    with pytest.raises(OperatorError):
        silences.seconds(length)


def test_a_host_asks_the_others_what_a_deploy_asks_and_what_only_a_stranger_sees() -> None:
    found = [one for one in probes.of_peers("aipbx.net") if one.peer == "aipbx.ru"]
    assert [one.check for one in found] == ["site", "api", "socket-io", "tls", "ping"]
    assert found[1].target == "https://aipbx.ru/api/prices/public"
    assert {one.peer for one in probes.of_peers("aipbx.net")} == {"aipbx.org", "aipbx.ru"}
    assert {one.module for one in found} == {*probes.modules("aipbx.net"), "unverified", "ping"}


def test_probes_go_by_ipv4_which_is_all_that_their_network_has() -> None:
    rendered = templates.render("monitoring/blackbox.yml.j2", modules=probes.modules("aipbx.net"))
    modules = yaml.safe_load(rendered)["modules"].values()
    assert {one[one["prober"]]["preferred_ip_protocol"] for one in modules} == {"ip4"}


def test_a_service_outside_is_asked_every_minute() -> None:
    """At the first look at which the last question, which took a moment, is older than `repeat_interval`."""
    host = hosts.load()[0]
    data = settings.of_host(host.name, {**host.data, "deadman_url": "https://hc-ping.com/x"})
    rendered = templates.render("monitoring/alertmanager.yml.j2", settings=data, network=network)
    (watchdog,) = yaml.safe_load(rendered)["route"]["routes"]
    looks, older = (int(watchdog[name].removesuffix("s")) for name in ("group_interval", "repeat_interval"))
    assert (older // looks + 1) * looks == 60


@pytest.mark.parametrize("language", pages.LANGUAGES)
def test_each_has_a_page_in_both_languages(language: str) -> None:
    named = set(re.findall(r"runbook: inv runbook ([a-z-]+)", RULES))
    assert named - {path.stem for path in pages.folder(language).glob("*.md")} == set()
