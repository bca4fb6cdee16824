"""Examples that users copy say what the program reads."""

import re

from fleet.checkout import ROOT
from fleet.env import example


def test_the_example_of_an_env_file_is_what_env_init_writes() -> None:
    there = (ROOT / "env" / "example.env").read_text("utf-8")
    assert there == example.text(), "run: python -m fleet.env.example"


def test_the_example_for_this_machine_has_every_variable_that_is_read() -> None:
    offered = set(re.findall(r"^#?(AIPBX_[A-Z_]+)=", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE))
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "fleet").rglob("*.py"))
    assert offered == set(re.findall(r"""environ(?:\.get\(|\[)["'](AIPBX_[A-Z_]+)["']""", sources))
