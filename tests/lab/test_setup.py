"""Story: a newcomer brings a fresh server to a release by `inv setup`, at a terminal, and hesitates at each step."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lab.machines.host import Host
from lab.running import Running
from tests.lab.inv_run import Inv
from tests.lab.terminal import CONTROL_C, CONTROL_D

SETUP = ("setup", "--host=aipbx.ru")
CORRECTS, CONVERGES = "Correct it now, in ", "Press enter to execute"
PUSHES, DEPLOYS = "Push to aipbx.ru? [y/N]", "deploy on aipbx.ru? [y/N]"
HERE = "inv setup --host=aipbx.ru continues from here."


@pytest.fixture
def newcomer(lab: Running, lab_fresh: Host, tmp_path: Path) -> Inv:
    """An operator who has cloned the repository and can reach a fresh server."""
    quick = {"settle_seconds": 1, "ready_seconds": 40}
    return Inv(lab.lab.directory / "ssh_config", tmp_path / "tree", {lab_fresh.name: quick})


def an_editor(folder: Path, filled: str) -> str:
    """An editor that saves the text which someone else has made of the file."""
    text, program = folder / "filled", folder / "editor"
    text.write_text(filled)
    program.write_text(f'#!/bin/sh\ncat {shlex.quote(str(text))} >"$1"\n')
    program.chmod(0o755)
    return str(program)


def test_a_new_env_file_is_filled_in_on_the_way_and_a_no_leaves_the_server_as_it_is(
    newcomer: Inv, lab_fresh: Host, tmp_path: Path
) -> None:
    variables = newcomer.ssh_config.parent / "env" / f"{lab_fresh.name}.env"
    setup = newcomer.at_terminal(*SETUP)
    setup.answer(CORRECTS, b"n\n")
    setup.ended().refused("OPENAI_API_KEY", f"inv env.edit --host={lab_fresh.name}", HERE)
    made = variables.read_text()
    newcomer.fill_in(lab_fresh.name)
    filled = variables.read_text()
    variables.write_text(made)
    setup = newcomer.at_terminal(*SETUP, EDITOR=an_editor(tmp_path, filled))
    setup.answer(CORRECTS, b"y\n")
    setup.answer(CONVERGES, b"no\n")
    assert "$ inv env.push" not in setup.ended().refused(HERE).output
    assert variables.read_text() == filled
    assert lab_fresh.run("command -v docker", check=False).returncode != 0


@pytest.mark.test_all
def test_whatever_a_newcomer_answers_the_same_command_continues(newcomer: Inv, lab_fresh: Host) -> None:
    newcomer("env.init", f"--host={lab_fresh.name}").succeeded()
    newcomer.fill_in(lab_fresh.name)
    for keys in (CONTROL_C, CONTROL_D):
        setup = newcomer.at_terminal(*SETUP)
        setup.answer(CONVERGES, keys)
        assert "$ inv env.push" not in setup.ended().refused(HERE).output
    assert lab_fresh.run("command -v docker", check=False).returncode != 0

    # In the middle of a step, too; what it had begun is continued.
    setup = newcomer.at_terminal(*SETUP)
    setup.answer(CONVERGES, b"\n")
    setup.press("System: install packages", CONTROL_C)
    setup.ended().refused(HERE)

    setup = newcomer.at_terminal(*SETUP)
    setup.answer(CONVERGES, b"\n")
    setup.answer(PUSHES, b"n\n")
    assert "$ inv deploy" not in setup.ended().refused("nothing was changed", HERE).output

    setup = newcomer.at_terminal(*SETUP)
    setup.answer(PUSHES, b"y\n")
    setup.answer(DEPLOYS, b"n\n")
    assert "done: as declared" in setup.ended().refused("The question was not answered with yes", HERE).output
    assert lab_fresh.run("ls /app/aipbx/images.env", check=False).returncode != 0
