"""Sections of a fact's output."""

from fleet.converge.output import of_kind, sections


def test_sections_in_order_with_their_text() -> None:
    found = sections(["before", "==file /a", "1", "", "==file /b", "==armed -"])
    assert found == {"file /a": "1\n\n", "file /b": "", "armed -": ""}
    assert of_kind(found, "file") == {"/a": "1\n\n", "/b": ""}
