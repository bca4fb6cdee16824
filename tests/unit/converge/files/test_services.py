"""A unit's state, and the commands that repair it."""

import pytest

from fleet.converge.files.services import Service, ServiceState, repair, shipped

GOOD = ["ActiveState=active", "UnitFileState=enabled", "NeedDaemonReload=no", "newest=100.5", "since=200.25"]


def test_units_that_the_repository_declares() -> None:
    assert {"aipbx-peers.timer", "aipbx-backup.service", "aipbx-guard@.timer", "aipbxbuild.slice"} <= shipped()
    assert all(name.startswith("aipbx") and not name.endswith(".j2") for name in shipped())


def test_a_timer_s_service_is_read_by_systemd_too() -> None:
    command = Service().command("aipbx-watch.timer", ())
    assert "systemctl show -p NeedDaemonReload aipbx-watch.service aipbx-watch.timer;" in command
    assert Service().process([*GOOD[:2], "NeedDaemonReload=yes", "", "NeedDaemonReload=no"]).unread


def test_reads_systemd() -> None:
    assert Service().process(GOOD) == ServiceState(active=True, enabled=True, stale=False, unread=False)


@pytest.mark.parametrize(
    ("newest", "since", "stale"),
    [("200.26", "200.25", True), ("200.25", "200.25", False), ("", "200.25", False), ("300.0", "", False)],
)
def test_configuration_newer_than_the_process_is_stale(newest: str, since: str, stale: bool) -> None:
    assert Service().process([*GOOD[:3], f"newest={newest}", f"since={since}"]).stale is stale


@pytest.mark.parametrize(
    ("state", "commands"),
    [
        (ServiceState(active=True, enabled=True), []),
        (
            ServiceState(),
            ["systemctl enable --quiet a.service", "systemctl reset-failed a.service; systemctl start a.service"],
        ),
        (ServiceState(active=True), ["systemctl enable --quiet a.service"]),
        (ServiceState(enabled=True, stale=True), ["systemctl reset-failed a.service; systemctl start a.service"]),
        (ServiceState(active=True, enabled=True, stale=True), ["systemctl restart a.service"]),
        (
            ServiceState(active=True, enabled=True, unread=True),
            ["systemctl daemon-reload", "systemctl restart a.service"],
        ),
    ],
)
def test_repair(state: ServiceState, commands: list[str]) -> None:
    assert repair("a.service", state) == commands
