"""The reference in docs is the table."""

from fleet.checkout import ROOT
from fleet.env import reference
from fleet.env.variables.table import VARIABLES


def test_the_reference_says_what_the_table_says() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert text == reference.page(text), "run: python -m fleet.env.reference"
    assert all(f"| `{name}` |" in text for name in VARIABLES)
