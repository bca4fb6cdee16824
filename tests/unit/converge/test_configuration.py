"""Files as text: keywords set once, access and text compared."""

import pytest

from fleet.converge.configuration import ConfigurationFile, FileState, put_in_place, with_keywords

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
