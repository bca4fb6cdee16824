"""Failures in apt's, dpkg's and sudo's own words, explained."""

import pytest

from fleet.converge.connect.explain import explanation


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (
            "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4242 (apt-get)",
            "Another apt holds the lock",
        ),
        ("cp: error writing '/x': No space left on device", "The disk is full."),
        ("E: You don't have enough free space in /var/cache/apt/archives/.", "The disk is full."),
        ("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'", "was cut off"),
        ("E: Unmet dependencies. Try 'apt --fix-broken install'", "inconsistent"),
        ("E: Unable to locate package docker-ce", "in none of the host's apt repositories"),
        ("E: Version '5:1' for 'docker-ce' was not found", "in none of the host's apt repositories"),
        ("E: Failed to fetch http://x  Temporary failure resolving 'x'", "cannot fetch"),
        ("sudo: a password is required", "sudo refuses"),
    ],
)
def test_is_explained(output: str, why: str) -> None:
    found = explanation(output)
    assert found is not None
    assert why in found[0]


def test_other_failures_keep_their_own_words() -> None:
    assert explanation("Segmentation fault") is None
