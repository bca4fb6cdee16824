"""What an operator reads of psql's words, and of a tunnel whose port is taken."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import cast

import pytest

from fleet.errors import FailedError, OperatorError
from fleet.remote import Output, Remote
from fleet.shell import sessions

ERROR = """psql:<stdin>:1: ERROR:  column "nme" does not exist
LINE 1: SELECT nme FROM users
               ^
HINT:  Perhaps you meant to reference the column "users.name".
"""


def host(done: Output) -> Remote:
    settings = SimpleNamespace(compose_project="aipbx", app_dir="/app/aipbx")
    return cast("Remote", SimpleNamespace(name="aipbx.org", settings=settings, run=lambda *_, **__: done))


def test_psql_s_words_come_whole(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FailedError) as failed:
        sessions.database(host(Output(3, "", ERROR)), "SELECT nme FROM users", read_only=True)
    assert failed.value.why == 'psql:<stdin>:1: ERROR:  column "nme" does not exist'
    assert capsys.readouterr().err.split() == ERROR.split()


def test_a_port_that_is_taken_has_a_free_one_beside_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OperatorError, match=f"Port {port} is taken") as refused:
            sessions.tunnel(host(Output(0, "172.18.0.2\n", "")), "postgres", 0, port)
        assert f"--local={port}" not in refused.value.do
