"""The variables of a backend installed by hand: exact, without what its image and the fleet set."""

import json
from typing import Any, cast

import pytest

from fleet.adoption import environment
from fleet.adoption.environment import Environment
from fleet.env.dotenv import dotenv_file
from fleet.env.host import rendering
from fleet.errors import OperatorError
from fleet.remote import Remote

OWN = ["PATH=/bin", "NODE_VERSION=22", "NODE_ENV=production", "A=b=c", "EMPTY=", "KEY=$HOME 'a' \"b\" \\ # ё"]
IMAGE = ["PATH=/bin", "NODE_VERSION=22"]
VALUES = {
    "DB_DIALECT": "postgres",
    "DB_HOST": "postgres",
    "DB_USER": "u",
    "DB_PASS": "hunter2-old",
    "DB_NAME": "n",
    "PRIVATE_KEY": "hunter2-key",
    "TIMEZONE": "UTC",
}


class Host:
    """A host to which an environment was pushed."""

    name = "aipbx.org"

    def __init__(self, values: dict[str, str]) -> None:
        self.content = rendering.render(values)

    @property
    def settings(self) -> Any:
        return type("Data", (), {"app_dir": "/app/aipbx"})

    def sudo_output(self, command: str, *_: object) -> str:
        return self.content.decode() if "environment.json" in command else ""


def pushed(**values: str) -> Remote:
    return cast("Remote", Host(VALUES | values))


def test_the_image_s_own_are_left_out() -> None:
    values = environment.parse(f"{json.dumps(OWN)}\n{json.dumps(IMAGE)}\n")
    assert values == {"NODE_ENV": "production", "A": "b=c", "EMPTY": "", "KEY": "$HOME 'a' \"b\" \\ # ё"}


def test_the_env_file_says_the_same_byte_for_byte() -> None:
    values = environment.parse(f"{json.dumps(OWN)}\n{json.dumps(IMAGE)}\n")
    text = Environment(values, "container app-backend-1").file("aipbx.org")
    read = dotenv_file.read(text.encode())
    assert read.faults == ()
    assert read.values == {name: value for name, value in values.items() if name != "NODE_ENV"}


def test_notes_say_what_changes_and_no_secret() -> None:
    notes = Environment({"PORT": "5000", "PRIVATE_KEY": "hunter2", "ENCRYPTION_KEY": "hunter2"}, "x").notes()
    assert notes[0].startswith("PORT was '5000'; the fleet sets 5005")
    assert any(note.startswith("HELPDESK_ENCRYPTION_KEY was not set") for note in notes)
    assert "hunter2" not in "".join(notes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"DB_DIALECT": "mysql"}, "mysql at postgres"), ({"DB_HOST": "db.example.com"}, "postgres at db.example.com")],
)
def test_another_database_is_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(OperatorError, match=said):
        environment.refuse_other_database(pushed(), Environment(VALUES | changes, "x"), {"postgres", "backend"})
    environment.refuse_other_database(pushed(), Environment(VALUES, "x"), {"postgres", "backend"})


def test_a_password_that_is_not_the_database_s_is_refused() -> None:
    with pytest.raises(OperatorError, match="DB_PASS is not what the database has"):
        environment.differences(pushed(DB_PASS="another"), Environment(VALUES, "x"))  # noqa: S106


def test_differences_are_named() -> None:
    assert environment.differences(pushed(), Environment(VALUES, "x")) == []
    told = environment.differences(pushed(PRIVATE_KEY="other", TIMEZONE="Asia/Omsk"), Environment(VALUES, "x"))
    assert told == [
        "variables that differ from the old backend's: TIMEZONE changed",
        "PRIVATE_KEY changed: everyone must log in again",
    ]
