"""The file with the rules: read here, so that a host gets none that is malformed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aipbx_agent.staging import rules
from fleet.errors import OperatorError
from fleet.inventory import hosts
from fleet.staging import scrub_rules


@pytest.mark.parametrize("name", [hosts.defaults()["scrub_rules"], "lab/app/scrub.toml"])
def test_those_that_are_here_can_be_used(name: str) -> None:
    found = rules.parse(json.loads(scrub_rules.read(name)))
    assert found.columns["public.users"]["email"].kind == "email"
    # A switch would talk to a PBX that this table names.
    assert "public.PbxServers" in found.empty


@pytest.mark.parametrize(
    ("text", "why"),
    [(None, "No such file"), ("empty = [", ""), ("empty = 1", "empty is not a list of names"), ("x = 1", "neither")],
)
def test_others_are_refused(text: str | None, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrub_rules, "ROOT", tmp_path)
    if text is not None:
        (tmp_path / "scrub.toml").write_text(text)
    with pytest.raises(OperatorError, match=r"The scrub rules in scrub.toml cannot be read.") as refused:
        scrub_rules.read("scrub.toml")
    assert why in refused.value.why
