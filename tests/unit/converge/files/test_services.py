"""A unit's state, and the commands that repair it."""

from pathlib import Path

import pytest

from fleet.checkout import ROOT
from fleet.converge.files import services
from fleet.converge.files.services import OurUnits, Service, ServiceState, repair, shipped
from tests.unit.shell import sh

GOOD = ["ActiveState=active", "UnitFileState=enabled", "NeedDaemonReload=no", "newest=100.5", "since=200.25"]


def test_units_that_the_repository_declares() -> None:
    assert {"aipbx-peers.timer", "aipbx-backup.service", "aipbx-guard@.timer", "aipbxbuild.slice"} <= shipped()
    assert all(name.startswith("aipbx") and not name.endswith(".j2") for name in shipped())


def test_no_unit_of_an_installation_by_hand_is_taken_for_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "FOLDER", str(tmp_path))
    command = OurUnits().command()
    assert (sh(command).stdout, sh(command).returncode) == ("", 0)
    by_hand = "[Service]\nExecStart=/usr/bin/docker compose -f /app/docker-compose.production.yml up\n"
    for name in ("aipbx.service", "aipbx-backup-db.timer", "aipbx-backup-db.service"):
        (tmp_path / name).write_text(by_hand)
    (tmp_path / "aipbx-siblings.timer").write_text("[Timer]\nOnCalendar=hourly\n")
    (tmp_path / "aipbx-siblings.service").write_text("[Service]\nExecStart=/usr/local/sbin/aipbx-data siblings\n")
    (tmp_path / "aipbx-link.service").symlink_to("/usr/local/lib/aipbx/x")
    assert sh(command).stdout.splitlines() == ["aipbx-siblings.service", "aipbx-siblings.timer"]


def test_every_unit_that_is_declared_is_known_as_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "FOLDER", str(tmp_path))
    for path in [*(ROOT / "files").rglob("aipbx*.*"), *(ROOT / "templates").rglob("aipbx*.*")]:
        text = path.read_text().replace("{{ contract.LIBRARY }}", "/usr/local/lib/aipbx/agent")
        (tmp_path / path.name.removesuffix(".j2")).write_text(text)
    assert set(sh(OurUnits().command()).stdout.split()) == shipped()


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
