"""Words of strangers on an operator's screen."""

from aipbx_agent.core.text import one_line, printable


def test_a_name_is_one_line_and_moves_nothing() -> None:
    assert one_line("a\x1b]52;c;x\x07\nb\x9b2J  c", 80) == "a ]52;c;x b 2J c"
    assert one_line("x" * 10, 5) == "xxxx…"


def test_a_text_keeps_its_lines() -> None:
    assert printable("a\n\tb\x1b[2J") == "a\n\tb\ufffd[2J"
