"""Output for terminals and pipes that know few characters: a sign that is missing there has a plain one."""

from __future__ import annotations

import codecs
import io
import sys

PLAIN = {"✓": "+", "✗": "x", "…": "...", "→": "->", "—": "-", "“": '"', "”": '"'}
NAME = "aipbx-plain"


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(PLAIN.get(char, f"\\u{ord(char):04x}") for char in wrong), error.end


def print_anything() -> None:
    """Let no character end a verb with a traceback, whatever the encoding of its output."""
    codecs.register_error(NAME, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=NAME)
