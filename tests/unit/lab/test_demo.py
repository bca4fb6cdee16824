"""What the demonstration fills in and says."""

from __future__ import annotations

import pytest

from fleet.env.dotenv import dotenv_file, template
from fleet.env.dotenv.checks import check
from lab import demo
from lab.topology import HOSTS

ADDRESSES = {"aipbx.net": "198.51.100.11", "aipbx.org": "198.51.100.12"}


@pytest.mark.parametrize("host", [spec.name for spec in HOSTS])
def test_a_new_env_file_has_no_errors_once_the_lab_has_filled_it_in(host: str) -> None:
    known = {"EXTERNAL_HOST": "198.51.100.11:3032"}
    new = template.new_file(host, known)
    assert [finding for finding in check(dotenv_file.read(new.encode()), host) if finding.grave]
    filled = dotenv_file.read(demo.filled(new, host).encode())
    assert not [finding.text for finding in check(filled, host) if finding.grave]
    assert filled.values["ADMIN_EMAIL"] == f"admin@{host}"


def test_filling_in_changes_nothing_that_is_there() -> None:
    text = "ADMIN_EMAIL='me@aipbx.net'\nOTHER='<fill in>'\n"
    assert demo.filled(text, "aipbx.net") == text


def test_the_last_words_lead_into_the_lab() -> None:
    said = demo.farewell(ADDRESSES, "0123abcd")
    assert "    https://aipbx.net\n    https://aipbx.org\n" in said
    assert "curl --cacert .lab/authorities.pem --resolve aipbx.net:443:198.51.100.11 https://aipbx.net/\n" in said
    assert "inv deploy --host=aipbx.net --sha=0123abcd" in said
    assert "'MAP aipbx.net 198.51.100.11, MAP aipbx.org 198.51.100.12'" in said
