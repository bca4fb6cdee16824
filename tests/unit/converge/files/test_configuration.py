"""Files as text: keywords set once, access and text compared."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from fleet.converge.files.configuration import ConfigurationFile, FileState, TreeHashes, put_in_place, with_keywords

BEFORE = "# PASS_MAX_DAYS is below\nPASS_MAX_DAYS\t99999\nUMASK 022\n PASS_MAX_DAYS 3\n"


def test_keywords_are_set_once_and_the_rest_stays() -> None:
    after = "# PASS_MAX_DAYS is below\nPASS_MAX_DAYS 365\nUMASK 022\nNEW yes\n"
    assert with_keywords(BEFORE, {"PASS_MAX_DAYS": "365", "NEW": "yes"}, " ") == after
    assert with_keywords(after, {"PASS_MAX_DAYS": "365", "NEW": "yes"}, " ") == after


def test_keywords_with_an_equals_sign() -> None:
    assert with_keywords("CRON_CHECK=never\n", {"CRON_CHECK": "weekly"}, "=") == "CRON_CHECK=weekly\n"


@pytest.mark.parametrize(
    ("output", "state"),
    [
        ([], FileState()),
        (["644 root:root", "a", "b", "."], FileState("644 root:root", "a\nb\n")),
        (["644 root:root", "a", "b."], FileState("644 root:root", "a\nb")),
        (["600 deploy:deploy", "."], FileState("600 deploy:deploy", "")),
    ],
)
def test_reads_a_file_to_the_last_byte(output: list[str], state: FileState) -> None:
    assert ConfigurationFile().process(output) == state


def test_a_file_is_checked_before_it_takes_the_old_ones_place() -> None:
    assert put_in_place("/etc/sudoers.d/x", "440", "visudo -cqf {}") == (
        "chown root:root /etc/sudoers.d/x.new && chmod 440 /etc/sudoers.d/x.new && visudo -cqf /etc/sudoers.d/x.new"
        " && mv -fT /etc/sudoers.d/x.new /etc/sudoers.d/x"
    )


def test_a_program_s_files_are_read_with_access_and_hash_in_one_round_trip(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.py").write_text("x = 1\n")
    (tmp_path / "package" / "a.pyc").write_text("junk")
    fact = TreeHashes()
    done = subprocess.run(["/bin/sh", "-c", fact.command(str(tmp_path))], capture_output=True, text=True, check=True)
    found = fact.process(done.stdout.splitlines())
    assert list(found) == ["package/a.py"]
    assert found["package/a.py"].endswith(hashlib.sha256(b"x = 1\n").hexdigest())
    nothing = subprocess.run(
        ["/bin/sh", "-c", fact.command(str(tmp_path / "none"))], capture_output=True, text=True, check=True
    )
    assert (nothing.stdout, fact.default()) == ("", {})
