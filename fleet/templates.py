"""The templates below templates/."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fleet.checkout import ROOT

_environment = Environment(
    loader=FileSystemLoader(ROOT / "templates"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701  these are configuration files, not HTML
)


def render(template: str, **names: Any) -> str:
    """Return the text of a template.

    Args:
        template: its path below templates/.
        names: what it refers to. A name that it misses is an error.
    """
    return _environment.get_template(template).render(**names)
