"""A colour as Docker and the kernel are asked for it, with stand-ins that write down what they were asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Failed
from aipbx_agent.release import ledger
from aipbx_agent.release.containers import colours, traffic
from aipbx_agent.release.switch import health, public_check
from tests.unit.shell import stub

SAYS = 'here=$(dirname "$0"); echo "$(basename "$0") $*" >>"$here/asked"'
ENTRY = {
    "time": "2026-11-26T10:00:00Z", "operator": "anna@desk", "action": "deploy", "seconds": 7, "result": "ok",
    "after": {"backend": "1" * 40, "frontend": "2" * 40},
}  # fmt: skip


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-ins are; none there yet."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path / "bin"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "nginx" / "active").mkdir(parents=True)
    raw = {
        "host": "h", "app_dir": str(tmp_path), "compose_project": "p", "rtp_ports": [3032, 3034],
        "public_checks": [{"path": "/", "statuses": [200], "content_type": "text/html"}],
    }  # fmt: skip
    return Config(raw, {"backend": {"EXTERNAL_HOST": "203.0.113.20:3032", "KEY": "a$b"}}, {})


def test_a_backend_starts_alone_with_its_secrets_over_standard_input(config: Config, programs: Path) -> None:
    stub(programs, "docker", f'{SAYS}; cat >"$here/told"')
    stub(programs, "conntrack", f"{SAYS}; exit 1")
    colours.start(config, "backend-green", config.app / "images.env.switch")
    up, forget = (programs / "asked").read_text().splitlines()
    assert up.endswith("-f - up --detach --no-deps --no-build --pull never --force-recreate backend-green")
    assert f"--env-file {config.app}/images.env.switch " in up
    assert forget == "conntrack -D -p udp --orig-port-dst 3034"
    told = json.loads((programs / "told").read_text())["services"]
    assert told == {"backend-green": {"environment": {"EXTERNAL_HOST": "203.0.113.20:3034", "KEY": "a$$b"}}}
    assert "a$b" not in up


def test_flows_and_requests_are_counted_by_line(programs: Path) -> None:
    stub(programs, "conntrack", f"{SAYS}; echo one; echo two; echo '2 flow entries' >&2")
    stub(programs, "nsenter", f"{SAYS}; echo '0 0 172.18.0.5:5005 172.18.0.4:40000'")
    assert traffic.flows(3032) == 2
    assert traffic.requests(4711, 5005) == 1
    assert (programs / "asked").read_text().splitlines() == [
        "conntrack -L -p udp --orig-port-dst 3032",
        "nsenter --target 4711 --net ss -Htn state established ( sport = :5005 )",
    ]


def test_a_container_that_has_ended_is_at_no_request(programs: Path) -> None:
    """A backend that crashes again and again has no process at times: that must not fail the switch away from it."""
    stub(programs, "nsenter", "exit 1")
    assert traffic.requests(0, 5005) == 0
    with pytest.raises(AgentError):
        traffic.requests(os.getpid(), 5005)


def test_the_other_colour() -> None:
    assert [colours.other(name, "backend") for name in ("", "backend-blue", "backend-green")] == [
        "backend-blue",
        "backend-green",
        "backend-blue",
    ]


def test_while_both_lie_there_green_serves_and_one_stays(config: Config) -> None:
    for name in ("backend-blue", "frontend-green"):
        (colours.folder(config) / name).touch()
    colours.point(config, "backend", "backend-green")
    assert colours.active(config, "backend") == "backend-green"
    (colours.folder(config) / "backend-blue").touch()
    assert colours.active(config, "backend") == "backend-green"
    colours.point(config, "backend", "")
    assert [path.name for path in colours.folder(config).iterdir()] == ["frontend-green"]
    assert colours.active(config, "postgres") == "postgres"


@pytest.mark.parametrize(
    ("state", "restarts", "said"),
    [
        ('{"Running": false}', 0, "It ended by itself."),
        ('{"Running": true}', 1, "It ended by itself."),
        ('{"Running": true, "Health": {"Status": "starting"}}', 0, "It is starting after 0 s."),
    ],
)
def test_a_colour_that_is_not_ready_reports_why(
    config: Config, programs: Path, state: str, restarts: int, said: str
) -> None:
    answers = f"*RestartCount*State*) echo '{restarts} {state}';; *Health.Log*) echo refused;;"
    stub(programs, "docker", f'case "$*" in ps*) echo c0ffee;; {answers} logs*) echo "no database";; esac')
    with pytest.raises(Failed, match="the backend is not ready") as told:
        health.wait(config, "backend-green", 0)
    log = "The end of its log:\n        | no database"
    assert told.value.why == f"{said}\n    Its health check says: refused\n    {log}"


def test_the_public_name_is_asked_as_a_visitor_asks_it(
    config: Config, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_check, "SECONDS", 0)
    stub(programs, "curl", f"{SAYS}; printf 'HTTP/2 200\\r\\n\\r\\n200 text/html; charset=utf-8'")
    public_check.check(config)
    assert (programs / "asked").read_text().endswith("--write-out %{http_code} %{content_type} https://h/\n")
    stub(programs, "curl", "printf '503 text/html'")
    with pytest.raises(Failed, match="does not answer as it should") as told:
        public_check.check(config)
    assert told.value.why == "/: 503 text/html"


@pytest.mark.parametrize(
    ("headers", "content_type", "why"),
    [
        ("Retry-After: 60", "application/json; charset=utf-8", ""),
        ("X-Answered-By: proxy", "application/json", "/: 429 application/json (the limit of nginx)"),
        ("Server: cloudflare", "text/html", "/: 429 text/html"),
    ],
)
def test_the_throttle_of_the_application_is_an_answer_and_no_other_limit_is(
    config: Config, programs: Path, monkeypatch: pytest.MonkeyPatch, headers: str, content_type: str, why: str
) -> None:
    monkeypatch.setattr(public_check, "SECONDS", 0)
    stub(programs, "curl", f"printf 'HTTP/2 429\\r\\n{headers}\\r\\n\\r\\n429 {content_type}'")
    if not why:
        public_check.check(config)
        return
    with pytest.raises(Failed) as failed:
        public_check.check(config)
    assert failed.value.why == why


def test_the_ledger_has_each_release_once_after_a_line_that_was_cut_off(config: Config) -> None:
    path = ledger.path(config)
    path.write_text('{"time": "2026-11')
    ledger.record(config, ENTRY)
    ledger.record(config, {**ENTRY, "seconds": 9})
    lines = path.read_text().splitlines()
    assert (len(lines), json.loads(lines[1])) == (2, ENTRY)
    assert (config.app / "release").read_text() == ("backend 11111111, frontend 22222222, since 2026-11-26T10:00:07Z\n")
    ledger.record(config, {**ENTRY, "time": "2026-11-26T11:00:00Z", "result": "failed"})
    assert "10:00" in (config.app / "release").read_text()
