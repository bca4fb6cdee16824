"""What a push would change, with nothing secret in it; and what it must not change."""

import json
import re
from typing import Any

import pytest

from fleet.env.host import comparison, push, rendering
from fleet.errors import OperatorError

BEFORE = {
    "DB_USER": "user",
    "DB_PASS": "hunter2-old",
    "DB_NAME": "name",
    "PRIVATE_KEY": "hunter2-key",
    "TIMEZONE": "UTC",
    "YANDEX_MODEL": "m",
    "WHISPER_API_URL": "https://u:hunter2@gpu.aipbx.net",
}


class Memory:
    """A host with two files."""

    name = "aipbx.org"

    def __init__(self, content: bytes = b"") -> None:
        self.files = {"/app/aipbx/environment.json": content}
        self.modes: dict[str, str] = {}

    def sudo_output(self, command: str, timeout: float) -> str:
        assert timeout > 0
        found = re.fullmatch(r"find /app/aipbx -maxdepth 1 -name (\w+\.json) -exec cat {} \+", command)
        assert found
        return self.files.get(f"/app/aipbx/{found[1]}", b"").decode()

    def put_root_file(self, path: str, content: bytes, mode: str) -> None:
        self.files[path] = content
        self.modes[path] = mode


def lines(after: dict[str, str]) -> list[str]:
    found = comparison.changes(rendering.environments(BEFORE), rendering.environments(after))
    return [change.line for change in found]


def test_nothing_changes() -> None:
    assert lines(dict(BEFORE)) == []


def test_added_removed_changed_and_masked() -> None:
    after = {**BEFORE, "TIMEZONE": "Europe/Berlin", "PRIVATE_KEY": "hunter2-new", "MAIL_HOST": "smtp.example"}
    del after["YANDEX_MODEL"]
    assert lines(after) == [
        "+ MAIL_HOST  smtp.example",
        "~ PRIVATE_KEY  •••• (changed)",
        "~ TIMEZONE  UTC → Europe/Berlin",
        "- YANDEX_MODEL  m",
    ]


def test_another_service_is_named() -> None:
    assert "~ POSTGRES_DB  name → other  [postgres]" in lines({**BEFORE, "DB_NAME": "other"})


def test_no_secret_in_any_form() -> None:
    found: list[Any] = comparison.changes(rendering.environments(BEFORE), rendering.environments({}))
    found += comparison.changes(None, rendering.environments({**BEFORE, "UNKNOWN": "hunter2"}))
    assert len(found) > 20
    assert not any("hunter2" in f"{change} {change.line} {change.as_json}" for change in found)


def test_a_push_writes_what_the_host_then_has() -> None:
    host = Memory()
    first = push.plan(host, "/app/aipbx", BEFORE)
    assert first.first
    assert first.consequences == []
    push.push(host, "/app/aipbx", first)
    assert host.modes == {"/app/aipbx/environment.json": "600", "/app/aipbx/host.json": "600"}
    assert push.plan(host, "/app/aipbx", BEFORE).changes == []


def test_what_the_host_itself_reads_is_in_a_file_of_its_own_and_waits_for_no_deploy() -> None:
    host = Memory()
    push.push(host, "/app/aipbx", push.plan(host, "/app/aipbx", BEFORE))
    hook = {"ALERT_SLACK_WEBHOOK": "https://hooks.slack.com/services/T/B/hunter2"}
    ready = push.plan(host, "/app/aipbx", BEFORE | hook)
    assert [change.line for change in ready.changes] == ["+ ALERT_SLACK_WEBHOOK  •••• (added)  [host]"]
    assert not ready.waits_for_a_deploy
    push.push(host, "/app/aipbx", ready)
    assert json.loads(host.files["/app/aipbx/host.json"]) == hook
    assert b"hunter2/" not in host.files["/app/aipbx/environment.json"]
    assert b"ALERT" not in host.files["/app/aipbx/environment.json"]
    assert push.plan(host, "/app/aipbx", {**BEFORE, **hook, "TIMEZONE": "Europe/Berlin"}).waits_for_a_deploy


def test_a_damaged_file_of_the_host_is_refused() -> None:
    host = Memory(rendering.render(BEFORE))
    host.files["/app/aipbx/host.json"] = b'{"A": 1}'
    with pytest.raises(OperatorError, match=r"host\.json is not a file that"):
        push.plan(host, "/app/aipbx", BEFORE)


@pytest.mark.parametrize("name", ["DB_PASS", "DB_USER", "DB_NAME"])
def test_what_the_database_reads_only_once_is_not_changed(name: str) -> None:
    host = Memory(rendering.render(BEFORE))
    with pytest.raises(OperatorError, match=f"aipbx.org: {name} differs from what the host has") as refused:
        push.plan(host, "/app/aipbx", {**BEFORE, name: "hunter2-new"})
    assert "locked out" in refused.value.why
    assert "hunter2" not in str(refused.value)


def test_the_consequences_of_a_new_key_are_reported() -> None:
    host = Memory(rendering.render(BEFORE))
    ready = push.plan(host, "/app/aipbx", {**BEFORE, "PRIVATE_KEY": "another"})
    assert ready.consequences == ["PRIVATE_KEY: everyone must log in again"]
