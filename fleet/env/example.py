"""env/example.env: what `inv env.init` writes, with placeholders for the secrets; made from the table."""

from __future__ import annotations

from fleet.env.dotenv.template import new_file
from fleet.env.variables.table import SECTIONS

HOST = "aipbx.example"


def text() -> str:
    """Return the example: no secret is made for it, so it is the same each time."""
    secrets = [variable.name for section in SECTIONS for variable in section.variables if variable.generate]
    note = "# An example, made by `python -m fleet.env.example`. A file of your own: inv env.init --host=…\n"
    return note + new_file(HOST, dict.fromkeys(secrets, "<made by inv env.init>"))


if __name__ == "__main__":
    from fleet.checkout import ROOT

    (ROOT / "env" / "example.env").write_text(text(), "utf-8")
