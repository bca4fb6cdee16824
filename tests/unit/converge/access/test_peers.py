"""The accounts that other hosts' copies come by."""

from fleet.converge.access.peers import Origin, OriginState, wanted


def test_reads_the_fact() -> None:
    output = [
        "==passwd", "/:/usr/sbin/nologin",
        "==locked", "L",
        "==access", "/app/x=755 root:root", "/app/x/sets=1770 root:copies",
    ]  # fmt: skip
    assert Origin().process(output) == OriginState(
        passwd="/:/usr/sbin/nologin",  # noqa: S106 - a line of /etc/passwd
        locked=True,
        access={"/app/x": "755 root:root", "/app/x/sets": "1770 root:copies"},
    )


def test_nothing_is_there_yet() -> None:
    assert Origin().process(["==passwd", "==locked", "==access"]) == OriginState(access={})


def test_what_has_become_roots_cannot_be_deleted_by_the_account() -> None:
    assert wanted("copies", "/app/x", ("sets", "wal")) == {
        "/app/x": ("755", "root", "root"),
        "/app/x/sets": ("1770", "root", "copies"),
        "/app/x/wal": ("1770", "root", "copies"),
    }
