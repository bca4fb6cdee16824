"""Story: what is declared would lock everybody out. The host undoes it by itself, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import wait
from lab.host import Host
from tests.lab.login import ssh
from tests.lab.pyinfra_run import Bootstrap, kill

GUARDS = "systemctl list-timers --all --no-legend 'aipbx-guard@*'"


def let_in(bootstrap: Bootstrap, host: Host) -> bool:
    """Whether the deploy account gets in by a fresh connection."""
    return ssh(bootstrap.ssh_config, "deploy", host.name, "sudo -n true").returncode == 0


def locks_out_by_sshd(tree: Path) -> None:
    """A template that sshd accepts, and that lets nobody in."""
    template = tree / "templates" / "sshd.conf.j2"
    template.write_text(template.read_text().replace("AllowUsers {{ settings.deploy_user }}", "AllowUsers nobody"))


def moves_sshd_away(tree: Path) -> None:
    """sshd listens where no operator looks: every connection is refused, so a run goes on trying for a while."""
    template = tree / "templates" / "sshd.conf.j2"
    template.write_text("Port 2222\n" + template.read_text())


def locks_out_by_firewall(tree: Path) -> None:
    """Rules that the kernel accepts, and that drop SSH for new connections."""
    template = tree / "templates" / "ufw" / "after.rules.j2"
    text = template.read_text()
    closed = "-I INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j DROP"
    template.write_text(text.replace("\nCOMMIT", f"\n{closed}\nCOMMIT"))


LOCK_OUTS = {"ssh": locks_out_by_sshd, "port": moves_sshd_away, "firewall": locks_out_by_firewall}


@pytest.fixture
def broken(bootstrap: Bootstrap, tmp_path: Path, request: pytest.FixtureRequest) -> Bootstrap:
    """A copy of this project in which somebody made the mistake."""
    copy = bootstrap.in_a_copy(tmp_path)
    LOCK_OUTS[request.param](tmp_path)
    return copy


@pytest.mark.parametrize(("broken", "subject"), [("ssh", "ssh"), ("firewall", "firewall")], indirect=["broken"])
def test_the_change_is_undone_at_once(host: Host, bootstrap: Bootstrap, broken: Bootstrap, subject: str) -> None:
    broken("-y", "--limit", host.name).refused(
        f"After the change of {subject} nobody could log in to {host.name}.",
        "    why: ",
        "    do:  ",
        f"The change of {subject} is undone; {host.name} is as it was before.",
    )
    assert let_in(bootstrap, host)
    assert host.run(GUARDS).stdout == ""
    bootstrap("-y", "--limit", host.name).succeeded()
    assert bootstrap.dry("--limit", host.name).changes == []


@pytest.mark.parametrize(
    ("broken", "subject", "then"),
    [
        ("port", "ssh", "nothing"),
        ("firewall", "firewall", "a reboot"),
        pytest.param("firewall", "firewall", "nothing", marks=pytest.mark.test_all),
        pytest.param("port", "ssh", "a reboot", marks=pytest.mark.test_all),
    ],
    indirect=["broken"],
)
def test_with_the_run_killed_the_host_undoes_it_alone(
    host: Host, bootstrap: Bootstrap, broken: Bootstrap, subject: str, then: str
) -> None:
    armed = f"systemctl --quiet is-active aipbx-guard@{subject}.timer"
    run = broken.started("-y", "--limit", host.name, "--data", "guard_seconds=20")
    wait.until(lambda: host.run(armed, check=False).returncode == 0, 90, "the countdown runs", "read the run's output")
    wait.until(lambda: not let_in(bootstrap, host), 30, "nobody gets in", "read the run's output")
    kill(run)
    host.run(armed)
    if then == "a reboot":
        host.reboot()
        wait.until(lambda: host.run(armed, check=False).returncode == 0, 60, "it counts again", "journalctl -b")
    wait.until(lambda: let_in(bootstrap, host), 150, "the host undid it", f"journalctl -u aipbx-guard@{subject}")
    bootstrap("-y", "--limit", host.name).succeeded()
    assert bootstrap.dry("--limit", host.name).changes == []


def test_a_broken_sshd_file_never_goes_live(host: Host, bootstrap: Bootstrap, tmp_path: Path) -> None:
    copy = bootstrap.in_a_copy(tmp_path)
    template = tmp_path / "templates" / "sshd.conf.j2"
    template.write_text(template.read_text() + "NoSuchKeyword yes\n")
    before = host.run("cat /etc/ssh/sshd_config.d/00-aipbx.conf").stdout
    copy("-y", "--limit", host.name).refused("Bad configuration option: NoSuchKeyword")
    assert host.run("cat /etc/ssh/sshd_config.d/00-aipbx.conf").stdout == before
    assert let_in(bootstrap, host)


def test_a_broken_firewall_rule_never_goes_live(host: Host, bootstrap: Bootstrap, tmp_path: Path) -> None:
    copy = bootstrap.in_a_copy(tmp_path)
    template = tmp_path / "templates" / "ufw" / "after.rules.j2"
    template.write_text(template.read_text().replace("\nCOMMIT", "\n-A DOCKER-USER --no-such-match\nCOMMIT"))
    before = host.run("iptables -S").stdout
    copy("-y", "--limit", host.name).refused("no-such-match")
    assert host.run("iptables -S").stdout == before


def test_a_broken_sudo_rule_never_goes_live(host: Host, bootstrap: Bootstrap, tmp_path: Path) -> None:
    copy = bootstrap.in_a_copy(tmp_path)
    template = tmp_path / "templates" / "sudoers.j2"
    template.write_text(template.read_text() + "deploy ALL=(root\n")
    copy("-y", "--limit", host.name).refused()
    assert let_in(bootstrap, host)
    assert bootstrap.dry("--limit", host.name).changes == []


def test_a_confirmation_that_comes_too_late_is_refused(host: Host, bootstrap: Bootstrap) -> None:
    """The countdown ran out while the run was still busy: what it confirms is no longer there."""
    late = host.run("/bin/sh /usr/local/lib/aipbx/guard.sh disarm firewall", check=False)
    assert late.returncode == 1
    assert "the countdown has run out, and the change of firewall was undone" in late.stderr
