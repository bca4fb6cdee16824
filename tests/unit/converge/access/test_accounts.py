"""Whose keys change, before someone agrees."""

from fleet.converge.access.accounts import changed_keys


def test_new_and_gone_are_named_by_their_owners() -> None:
    before = ["ssh-ed25519 AAAAada ada@laptop", "ssh-ed25519 AAAAbob bob@desk", ""]
    after = ["ssh-ed25519 AAAAada ada@new-name", "ssh-ed25519 AAAAeve", "ssh-rsa AAAAcyd cyd de la Rue"]
    assert changed_keys(before, after) == [
        "Will let in: a key without a name (ssh-ed25519 …AAAAeve)",
        "Will let in: cyd de la Rue (ssh-rsa …AAAAcyd)",
        "Will no longer let in: bob@desk (ssh-ed25519 …AAAAbob)",
    ]


def test_the_same_keys_are_no_change() -> None:
    assert changed_keys(["ssh-ed25519 AAAAada ada"], ["ssh-ed25519 AAAAada ada@other"]) == []
