"""The text of a new env file: what is required, with secrets made; the rest as comments to choose from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fleet.env.dotenv.dotenv_file import assignment
from fleet.env.variables.declaration import Section, Variable
from fleet.env.variables.table import SECTIONS

HEAD = """\
# aiPBX on {host}. A value stands in single quotes: NAME='value', with \\ written as \\\\ and ' as \\'.
# Replace each <…>, then: inv env.check --host={host}
# The fleet sets {ours} itself.
"""


def new_file(host: str, known: Mapping[str, str]) -> str:
    """Return the text of a new env file.

    Args:
        known: values that are known already, by name.
    """
    ours = [variable.name for section in SECTIONS for variable in section.variables if variable.ours]
    parts = [HEAD.format(host=host, ours=", ".join(ours))]
    parts += ["\n".join(_section(section, host, known)) + "\n" for section in SECTIONS if _shown(section)]
    return "\n".join(parts)


def _shown(section: Section) -> list[Variable]:
    return [variable for variable in section.variables if variable.read_by and not variable.ours]


def _section(section: Section, host: str, known: Mapping[str, str]) -> Iterator[str]:
    yield f"# --- {section.title} ---"
    for variable in _shown(section):
        yield f"# {variable.help}"
        if variable.required or variable.name in known:
            yield assignment(variable.name, known.get(variable.name) or _value(variable, host))
        else:
            default = "" if variable.default is None else assignment(variable.name, variable.default).partition("=")[2]
            yield f"# {variable.name}={default}"
    for family in section.families:
        yield f"# {family.prefix}…: {family.help}"


def _value(variable: Variable, host: str) -> str:
    if variable.generate:
        return variable.generate()
    if variable.default is not None:
        return variable.default.format(host=host)
    return "<fill in>"
