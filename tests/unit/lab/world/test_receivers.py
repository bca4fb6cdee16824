from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.images import recipes
from lab.world import configuration, mail_server, notifications, object_storage
from lab.world.notifications import Notification
from lab.world.receivers import RECEIVERS, Answer, healthchecks, slack, telegram

HOOK = "/services/T0/B0/x1"
SEND = "/bot12345:AA-b_c/sendMessage"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("path", "content_type", "body", "answer"),
    [
        (HOOK, JSON, '{"text": "disk full"}', Answer(200, "ok")),
        (HOOK, JSON, '{"blocks": [{"type": "divider"}]}', Answer(200, "ok")),
        (HOOK, FORM, "payload=%7B%22text%22%3A%22a%22%7D", Answer(200, "ok")),
        (HOOK, FORM, '{"text": "disk full"}', Answer(400, "invalid_payload")),
        (HOOK, JSON, '{"text": "a "quoted" word"}', Answer(400, "invalid_payload")),
        (HOOK, JSON, '["text"]', Answer(400, "invalid_payload")),
        (HOOK, JSON, "", Answer(400, "invalid_payload")),
        (HOOK, JSON, '{"text": ""}', Answer(400, "no_text")),
        ("/services/T0/B0", JSON, '{"text": "a"}', Answer(404, "no_service")),
    ],
)
def test_slack_takes_a_message_and_refuses_what_is_none(
    path: str, content_type: str, body: str, answer: Answer
) -> None:
    assert slack(path, content_type, body) == answer


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, '{"chat_id": -100, "text": "диск + 100%"}'),
        (FORM, "chat_id=-100&text=%D0%B4%D0%B8%D1%81%D0%BA+%2B+100%25"),
    ],
)
def test_telegram_says_what_it_sent(content_type: str, body: str) -> None:
    answer = telegram(SEND, content_type, body)
    assert answer.status == 200
    said = json.loads(answer.encoded()[1])
    assert said["ok"] is True
    assert said["result"]["text"] == "диск + 100%"
    assert str(said["result"]["chat"]["id"]) == "-100"


@pytest.mark.parametrize(
    ("path", "body", "status", "why"),
    [
        ("/bot12345:AA/sendMesage", '{"chat_id": 1, "text": "a"}', 404, "Not Found"),
        ("/botAA/sendMessage", '{"chat_id": 1, "text": "a"}', 404, "Not Found"),
        (SEND, '{"chat_id": 1', 400, "can't parse JSON"),
        (SEND, '{"text": "a"}', 400, "chat_id is empty"),
        (SEND, '{"chat_id": 1}', 400, "message text is empty"),
        (SEND, json.dumps({"chat_id": 1, "text": "a" * 4097}), 400, "message is too long"),
    ],
)
def test_telegram_refuses_as_the_real_one_does(path: str, body: str, status: int, why: str) -> None:
    kind, said = telegram(path, JSON, body).encoded()
    assert kind == "application/json"
    described = json.loads(said)
    assert (described["ok"], described["error_code"]) == (False, status)
    assert why in described["description"]


def test_what_came_is_read_line_by_line() -> None:
    kept = {"receiver": "hooks.slack.com", "path": HOOK, "content_type": JSON, "body": "two\nlines", "status": 0}
    line = json.dumps(kept) + "\n"
    assert notifications.parse(line * 2) == [Notification("hooks.slack.com", HOOK, JSON, "two\nlines", 0)] * 2
    assert notifications.parse("") == []


@pytest.mark.parametrize(("receiver", "how"), [("slack.com", "error"), ("hooks.slack.com", "500"), ("", "silence")])
def test_a_receiver_or_a_failure_that_the_world_does_not_have_is_refused(receiver: str, how: str) -> None:
    with pytest.raises(LabError, match="cannot be made to fail"):
        notifications.refuse_unknown(receiver, how)
    notifications.refuse_unknown("api.telegram.org", "silence")


def test_the_world_answers_under_the_receivers_names() -> None:
    assert set(RECEIVERS) < set(configuration.NAMES)
    served = (recipes.CONTEXTS / "world" / "etc" / "nginx.conf").read_text()
    for name in configuration.NAMES:
        assert name in served or name in ("auth.docker.io", mail_server.NAME), name


def test_every_host_has_a_bucket_of_its_own() -> None:
    told = json.loads(object_storage.settings())
    assert told["buckets"] == ["aipbx-net-backups", "aipbx-org-backups", "aipbx-ru-backups"]
    assert told["keys"] == {object_storage.ACCESS_KEY: object_storage.SECRET_KEY}
    assert object_storage.ENDPOINT.removeprefix("https://") in configuration.NAMES


@pytest.mark.parametrize("service", ["storage-server", "receivers", "mail-server"])
def test_the_world_s_image_has_the_services_of_this_checkout(service: str) -> None:
    module = Path(object_storage.__file__).with_name(f"{service.replace('-', '_')}.py")
    assert (recipes.CONTEXTS / "world" / "services" / service).samefile(module)


def test_healthchecks_takes_any_body_for_a_check_that_it_has() -> None:
    assert healthchecks("/1d9b6a3e-0000-4000-8000-0123456789ab", "application/json", "{}") == Answer(200, "OK")
    assert healthchecks("/", "", "") == Answer(404, "not found")
