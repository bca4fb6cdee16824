"""What an operator sets for a build arrives in it, or the build is refused before anything is touched."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from aipbx_agent.release.releases import Release
from fleet.checkout import ROOT
from fleet.env.dotenv import files
from fleet.env.variables.table import VARIABLES
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings
from fleet.release.images import build_arguments

DATA = settings.of_host("aipbx.ru", hosts.load()[0].data)
RELEASE = Release("a" * 40, "b" * 40)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The env file of the host."""
    values: dict[str, str] = {}
    monkeypatch.setattr(files, "paths", lambda _: [ROOT])
    monkeypatch.setattr(files, "load", lambda _: SimpleNamespace(values=lambda: values))
    return values


def refuse(dockerfile: str = "", **changes: Any) -> None:
    remote: Any = SimpleNamespace(name="aipbx.ru", settings=DATA.model_copy(update={"images_from": "build"} | changes))
    sources: Any = {
        service: SimpleNamespace(service=service, file=lambda *_: dockerfile) for service in ("backend", "frontend")
    }
    build_arguments.refuse_lost(remote, RELEASE, sources)


def test_every_declared_variable_of_the_build_is_taken_by_the_fleets_dockerfile(told: dict[str, str]) -> None:
    told |= {name: "x" for name, variable in VARIABLES.items() if "frontend-build" in variable.read_by}
    refuse()
    assert {"FRONTEND_YANDEX_METRIKA_ID", "FRONTEND_SENTRY_DSN", "FRONTEND_STRIPE_KEY"} <= set(told)


def test_what_no_dockerfile_takes_is_refused(told: dict[str, str]) -> None:
    told["FRONTEND_YANDEX_METRIKA"] = "12345678"
    with pytest.raises(OperatorError, match="the build of the frontend would drop YANDEX_METRIKA") as refused:
        refuse()
    assert refused.value.code == 2
    refuse(images_from="registry")
    refuse(dockerfiles="repository", dockerfile="FROM x\nARG A=1 YANDEX_METRIKA\n")
    with pytest.raises(OperatorError, match="the backend would drop NODE_IMAG"):
        refuse(build_arguments={"backend": {"NODE_IMAG": "x", "HTTPS_PROXY": "http://proxy:3128"}})


def test_what_is_set_to_nothing_is_no_loss(told: dict[str, str]) -> None:
    told["FRONTEND_WS_URL"] = ""
    refuse(dockerfiles="repository")


def test_the_build_gets_them_by_the_names_that_it_reads(told: dict[str, str]) -> None:
    told |= {"FRONTEND_STRIPE_KEY": "pk_live_x", "FRONTEND_SITE_URL": "https://aipbx.net", "DB_PASS": "p"}
    remote: Any = SimpleNamespace(name="aipbx.ru", settings=DATA)
    assert build_arguments.arguments(remote, "frontend", "f" * 40) == {
        "RELEASE": "f" * 40,
        "SITE_URL": "https://aipbx.net",
        "STRIPE_PUBLISHABLE_KEY": "pk_live_x",
    }
    assert build_arguments.arguments(remote, "backend", "f" * 40) == {"RELEASE": "f" * 40}


def test_what_reaches_no_build_is_named_where_images_are_pulled(told: dict[str, str]) -> None:
    told |= {"FRONTEND_GA4_MEASUREMENT_ID": "G-1", "FRONTEND_API_URL": "/api", "FRONTEND_WS_URL": "", "API_URL": "x"}
    pulls = DATA.model_copy(update={"images_from": "registry", "build_arguments": {"backend": {"NODE_IMAGE": "x"}}})
    remote: Any = SimpleNamespace(name="aipbx.ru", settings=pulls)
    assert build_arguments.ignored(remote) == ["FRONTEND_GA4_MEASUREMENT_ID"]
    build_arguments.refuse_lost_by_ci(remote, "backend")
    remote.settings = pulls.model_copy(update={"build_arguments": {"frontend": {"STRIPE_KEI": "pk", "UNSET": ""}}})
    with pytest.raises(OperatorError, match="the build of the frontend would drop STRIPE_KEI"):
        build_arguments.refuse_lost_by_ci(remote, "frontend")
    remote.settings = pulls.model_copy(update={"images_from": "build"})
    assert build_arguments.ignored(remote) == []


def test_an_env_file_that_cannot_be_read_holds_up_no_deploy_of_pulled_images(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_: str) -> None:
        raise OperatorError("no key", "", "")

    monkeypatch.setattr(files, "paths", lambda _: [ROOT])
    monkeypatch.setattr(files, "load", load)
    remote: Any = SimpleNamespace(name="aipbx.ru", settings=DATA.model_copy(update={"images_from": "registry"}))
    assert build_arguments.ignored(remote) == []
