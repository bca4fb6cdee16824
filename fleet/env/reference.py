"""The reference of variables in docs/configuration.md, made from the table."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.env.variables.declaration import Section, Variable
from fleet.env.variables.table import SECTIONS

BEGIN = (
    "<!-- From here on made from fleet/env/ by `python -m fleet.env.reference`; a unit test holds it to the table. -->"
)


def reference() -> str:
    """Return the tables of all variables, as Markdown."""
    return BEGIN + "\n\n" + "\n".join("\n".join(_section(section)) + "\n" for section in SECTIONS)


def _section(section: Section) -> Iterator[str]:
    yield f"### {section.title}\n"
    yield "| name | | what for | must be | read by |"
    yield "|---|---|---|---|---|"
    for variable in section.variables:
        yield _row(variable)
    for family in section.families:
        text = f"{family.help} Any other name of this kind."
        yield f"| `{family.prefix}*` | {'secret' * family.secret} | {text} | | {_readers(family.read_by)} |"


def _row(variable: Variable) -> str:
    kinds = [word for word, holds in (("required", variable.required), ("secret", variable.secret)) if holds]
    kinds += ["made by env.init"] * bool(variable.generate) + ["set by the fleet"] * variable.ours
    must = f"`{variable.fixed}`: {variable.why}" if variable.fixed else variable.why or variable.format.name
    must = "" if must == "a value" else must
    if variable.least:
        must = f"{must}{', ' if must else ''}at least {variable.least} characters"
    if variable.default is not None and not variable.required:
        must = f"{must}{'; ' if must else ''}default `{variable.default}`" if variable.default else must
    return (
        f"| `{variable.name}` | {', '.join(kinds)} | {_cell(variable.help)} | {_cell(must)} |"
        f" {_readers(variable.read_by)} |"
    )


def _readers(services: tuple[str, ...]) -> str:
    return ", ".join(services) or "none"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def page(text: str) -> str:
    """docs/configuration.md with its reference made again; what stands before it is kept."""
    return text.partition(BEGIN)[0] + reference()


if __name__ == "__main__":
    from fleet.checkout import ROOT

    path = ROOT / "docs" / "configuration.md"
    path.write_text(page(path.read_text("utf-8")), "utf-8")
