"""Each service gets what it reads and no more; `$` is doubled for Compose; the way back is exact."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.env.host import rendering
from fleet.env.host.rendering import environments, frontend_build, parse, render
from fleet.env.variables.table import VARIABLES
from fleet.errors import OperatorError

VALUES = {"DB_USER": "u", "DB_PASS": "p$w", "DB_NAME": "n", "STRIPE_SECRET_KEY": "sk", "FRONTEND_API_URL": "/api"}


POSTGRES = {
    "POSTGRES_DB": "n",
    "POSTGRES_PASSWORD_FILE": "/proc/sys/kernel/random/uuid",
    "POSTGRES_USER": "aipbx_admin",
}


def test_postgres_gets_nothing_of_the_application_but_its_databases_name() -> None:
    assert environments(VALUES)["postgres"] == POSTGRES


def test_the_backend_gets_neither_the_frontends_nor_the_databases_values() -> None:
    backend = environments({**VALUES, "DEEPSEEK_API_KEY": "x", "NEW_NAME": "y"})["backend"]
    assert "FRONTEND_API_URL" not in backend
    assert not any(name.startswith("POSTGRES") for name in backend)
    assert "DEEPSEEK_API_KEY" not in backend
    assert backend["NEW_NAME"] == "y"


def test_the_build_of_the_frontend_sees_no_secret() -> None:
    everything = dict.fromkeys(VARIABLES, "x")
    assert set(frontend_build(everything)) & {"STRIPE_SECRET_KEY", "DB_PASS", "PRIVATE_KEY"} == set()
    assert not any(VARIABLES[name].secret for name in frontend_build(everything))


def test_what_the_stack_demands_wins() -> None:
    backend = environments({**VALUES, "PORT": "1", "DB_HOST": "elsewhere"})["backend"]
    fixed = ("PORT", "UDP_SERVER_PORT", "DB_HOST", "DB_PORT", "DB_DIALECT", "NODE_ENV")
    assert [backend[name] for name in fixed] == ["5005", "3032", "postgres", "5432", "postgres", "production"]


def test_the_file() -> None:
    content = render(VALUES)
    assert content == render(dict(reversed(VALUES.items())))
    postgres = json.loads(content)["services"]["postgres"]
    assert postgres == {"environment": POSTGRES}
    assert b'"DB_PASS": "p$$w"' in content


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"X_[A-Z]{1,8}", fullmatch=True), st.text(alphabet="$\\\"' #яa{}`", max_size=20)))
def test_the_way_back_is_exact(values: dict[str, str]) -> None:
    containers = {service: content for service, content in environments(values).items() if service != "host"}
    assert parse(render(values), "host:file") == containers


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"services": {"backend": {}}}',
        b'{"services": {"backend": {"environment": {"A": 1}}}}',
        b'{"services": {"backend": {"environment": {"A": "$HOME"}}}}',
    ],
)
def test_a_damaged_file_is_refused(content: bytes) -> None:
    with pytest.raises(OperatorError, match=r"host:file is not a file that `inv env\.push` wrote"):
        rendering.parse(content, "host:file")
