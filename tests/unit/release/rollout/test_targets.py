"""What a deploy would be about: for CI, without a host."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.inventory import hosts as inventory
from fleet.inventory import settings
from fleet.release import plan
from fleet.release.rollout import targets

SHA, HEAD = "a" * 40, "b" * 40


def hosts(*names: str, canary: str = "") -> list[Any]:
    data = settings.of_host("aipbx.ru", inventory.load()[0].data)
    return [SimpleNamespace(name=name, settings=data.model_copy(update={"canary": name == canary})) for name in names]


def backend() -> Any:
    return SimpleNamespace(service="backend", head=lambda: HEAD)


def test_the_first_host_is_the_canary_unless_data_name_another() -> None:
    assert targets.of(hosts("one", "two", "three"), [backend()], {}).canary == "one"
    named = targets.of(hosts("one", "two", "three", canary="two"), [backend()], {})
    assert (named.canary, named.rest) == ("two", ["one", "three"])


def test_a_staging_host_has_an_environment_of_its_own_name() -> None:
    (host,) = hosts("try.aipbx.net")
    host.settings = host.settings.model_copy(update={"staging": True})
    assert targets.environment(host) == "tryaipbxnet_staging"


def test_a_named_commit_is_taken_and_else_the_head_of_the_branch() -> None:
    assert targets.of(hosts("one"), [backend()], {"backend": SHA}).shas == {"backend": SHA}
    assert targets.of(hosts("one"), [backend()], {}).shas == {"backend": HEAD}


def test_a_commit_that_asks_for_no_host_has_no_canary(capsys: pytest.CaptureFixture[str]) -> None:
    targets.show(targets.of([], [backend()], {}), as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["canary"], said["rest"], said["shas"]) == ("", [], {"backend": HEAD})


def test_a_plan_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    targets.show(targets.of(hosts("a.one", "two"), [backend()], {"backend": SHA}), as_json=True)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {
        "canary": "a.one",
        "rest": ["two"],
        "shas": {"backend": SHA},
        "environments": {"a.one": "aone_production", "two": "two_production"},
        "builds": [{"image": "ghcr.io/krasterisk/aipbx_backend", "arguments": {}, "hosts": ["a.one", "two"]}],
        "quality_image": "node:22-slim",
        "quality": "npm ci\nnpm test",
    }


def test_hosts_with_other_build_arguments_get_an_image_of_their_own() -> None:
    data = inventory.load()[0].data
    metrika = {"backend": {}, "frontend": {"YANDEX_METRIKA_ID": "12345678"}}

    def host(name: str, **own: Any) -> Any:
        return SimpleNamespace(name=name, settings=settings.of_host(name, data | own))

    three = [host("aipbx.net"), host("aipbx.org"), host("aipbx.ru", build_arguments=metrika)]
    shared, of_ru = targets.builds("frontend", three)
    assert (shared.image, shared.hosts) == ("ghcr.io/krasterisk/aipbx", ["aipbx.net", "aipbx.org"])
    assert (of_ru.image, of_ru.hosts) == ("ghcr.io/krasterisk/aipbx-aipbx.ru", ["aipbx.ru"])
    assert of_ru.arguments == metrika["frontend"]
    assert [build.hosts for build in targets.builds("backend", three)] == [["aipbx.net", "aipbx.org", "aipbx.ru"]]
    built = host("aipbx.ru", build_arguments=metrika, images_from="build")
    assert built.settings.frontend_image == "ghcr.io/krasterisk/aipbx"
    # What it deploys, keeps and prunes is the same one.
    assert plan.reference(three[2].settings, "frontend", SHA) == f"{of_ru.image}:{SHA}"
