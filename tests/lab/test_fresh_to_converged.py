"""Story: an operator with three new servers types one command, looks around, and types it again."""

from pathlib import Path

import pytest

from lab import lifecycle
from lab.progress import Steps
from lab.running import Running
from tests.lab.conftest import NAMES, Converge
from tests.lab.login import ssh
from tests.lab.pyinfra_run import Bootstrap


@pytest.fixture(scope="module")
def delivered(lab: Running, bootstrap: Bootstrap) -> Running:
    """Three servers as the cloud delivers them."""
    with Steps().shown() as steps:
        lifecycle.reset(lab.lab, "all", steps)
    for name in NAMES:
        assert ssh(bootstrap.ssh_config, "root", name, "command -v docker ufw fail2ban-client").returncode == 1
    return lab


@pytest.fixture(scope="module")
def fresh(delivered: Running, bootstrap: Bootstrap, converge: Converge) -> Running:
    """The same, after one run."""
    bootstrap("-y").succeeded()
    converge.done.update(NAMES)
    return delivered


def test_a_dry_run_on_fresh_hosts_shows_what_it_would_do(delivered: Running, bootstrap: Bootstrap) -> None:
    content = "find /etc -type f -exec sha1sum {} + | sort -k 2 | sha1sum"
    before = [host.run(content).stdout for host in delivered.hosts]
    changes = bootstrap.dry().changes
    assert {
        "System: install packages",
        "sshd: apply configuration, reverted if no login succeeds",
        "Docker: install Engine, Compose and buildx",
    } <= set(changes)
    assert [host.run(content).stdout for host in delivered.hosts] == before


@pytest.mark.test_all
def test_root_stays_open_until_the_deploy_account_is_proved(
    delivered: Running, bootstrap: Bootstrap, tmp_path: Path
) -> None:
    """The run that follows, of all hosts, finds one on which it went wrong once."""
    host = delivered.host("aipbx.org")
    copy = bootstrap.in_a_copy(tmp_path)
    users = tmp_path / "deploys" / "users.py"
    users.write_text(users.read_text().replace("keys=operator_keys()", "keys=['ssh-ed25519 AAAAC3NzaC1lZDI1 gone']"))
    copy("-y", "--limit", host.name).refused(f"deploy cannot log in to {host.name}, so root stays open.")
    assert ssh(bootstrap.ssh_config, "root", host.name, "true").returncode == 0


def test_again_changes_nothing(fresh: Running, bootstrap: Bootstrap) -> None:
    assert bootstrap("-y").succeeded().changed == 0


@pytest.mark.test_all
def test_no_host_says_that_anything_would_change(fresh: Running, bootstrap: Bootstrap) -> None:
    assert bootstrap.dry().changes == []


@pytest.mark.parametrize("name", NAMES)
def test_only_the_deploy_account_gets_in_and_only_by_key(fresh: Running, bootstrap: Bootstrap, name: str) -> None:
    login = ssh(bootstrap.ssh_config, "deploy", name, "sudo -n id -u")
    assert (login.returncode, login.stdout.strip()) == (0, "0"), login.stderr
    refused = ssh(bootstrap.ssh_config, "root", name, "true")
    assert refused.returncode == 255
    # The server names the ways it would accept: passwords are not among them, the cloud's drop-in notwithstanding.
    assert "Permission denied (publickey)." in refused.stderr
    clouds = fresh.host(name).run("cat /etc/ssh/sshd_config.d/50-cloud-init.conf").stdout
    assert clouds == "PasswordAuthentication yes\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_host_is_what_aipbx_needs(fresh: Running, name: str) -> None:
    console = fresh.host(name)
    assert console.run("systemctl --failed --no-legend --plain").stdout == ""
    assert console.run("docker compose version && docker buildx version").stdout
    assert console.run("docker info --format '{{.LiveRestoreEnabled}} {{.LoggingDriver}}'").stdout == "true json-file\n"
    assert "docker-ce" in console.run("apt-mark showhold").stdout
    assert "deploy" not in console.run("getent group docker").stdout
    assert console.run("stat -c '%a %U' /app/aipbx /app/aipbx/backups").stdout == "755 root\n700 root\n"
    banner = console.run("run-parts /etc/update-motd.d").stdout
    assert name in banner
    assert "role" in banner
    assert "release  none" in banner
    active = console.run("systemctl is-active cron fail2ban docker containerd ufw apt-daily-upgrade.timer").stdout
    assert active.split() == ["active"] * 6
    # The apt configuration as apt reads it: security only, and Docker's packages never.
    patterns = console.run("apt-config dump Unattended-Upgrade").stdout
    assert "Security" in patterns
    assert '"^docker-ce$"' in patterns


@pytest.mark.test_all
def test_an_upgrade_by_hand_leaves_docker_at_its_pin(fresh: Running) -> None:
    console = fresh.host("aipbx.net")
    versions = "dpkg-query -W docker-ce docker-ce-cli containerd.io"
    before = console.run(versions).stdout
    # The repository has a newer one, or this would prove nothing.
    newest = console.run("apt-cache madison docker-ce | head -n 1 | cut -d'|' -f2").stdout.strip()
    assert newest not in before
    console.run("apt-mark unhold docker-ce docker-ce-cli containerd.io")
    console.run("DEBIAN_FRONTEND=noninteractive apt-get -y upgrade", timeout=300)
    assert console.run(versions).stdout == before
    console.run("apt-mark hold docker-ce docker-ce-cli containerd.io")


@pytest.mark.test_all
def test_containers_log_as_declared_and_reach_out(fresh: Running) -> None:
    console = fresh.host("aipbx.net")
    console.run("docker run -d --name talk python:3.13-slim python3 -c 'print(1)'", timeout=180)
    settings = console.run("docker inspect -f '{{json .HostConfig.LogConfig.Config}}' talk").stdout
    console.run("docker rm -f talk")
    assert '"max-size":"10m"' in settings
    assert '"max-file":"5"' in settings


@pytest.mark.test_all
def test_a_reboot_leaves_the_host_converged(fresh: Running, bootstrap: Bootstrap) -> None:
    fresh.host("aipbx.org").restart()
    assert bootstrap.dry("--limit", "aipbx.org").changes == []


def test_nothing_secret_or_foreign_is_left_on_the_host(fresh: Running, bootstrap: Bootstrap) -> None:
    key = Path(bootstrap.ssh_config.parent / "operators" / "lab.pub").read_text()
    assert fresh.host("aipbx.org").run("cat /home/deploy/.ssh/authorized_keys").stdout == key
    assert fresh.host("aipbx.org").run("ls /tmp /var/lib/aipbx/guard").stdout.count("pyinfra-") == 0
