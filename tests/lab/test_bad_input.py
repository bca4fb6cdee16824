"""Story: something is wrong. One clear message, a non-zero exit, and the other hosts unharmed."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import wait
from lab.machines.host import Host
from lab.running import Running
from tests.lab.login import ssh
from tests.lab.pyinfra_run import Bootstrap

OTHERS = ("aipbx.net", "aipbx.ru")


@pytest.fixture
def least(bootstrap: Bootstrap) -> Bootstrap:
    """The smallest deploy: whatever is refused before the first operation is refused to it, too."""
    return bootstrap.only("updates")


@pytest.fixture
def elsewhere(bootstrap: Bootstrap, tmp_path: Path) -> Bootstrap:
    """The command with an ssh_config of its own beside copies of the lab's files, for a story to spoil."""
    config = bootstrap.ssh_config.read_text()
    folder = bootstrap.ssh_config.parent
    (tmp_path / "known_hosts").write_text((folder / "known_hosts").read_text())
    (tmp_path / "operators").mkdir()
    (tmp_path / "operators" / "lab.pub").write_text((folder / "operators" / "lab.pub").read_text())
    (tmp_path / "ssh_config").write_text(config.replace(str(folder / "known_hosts"), str(tmp_path / "known_hosts")))
    return Bootstrap(tmp_path / "ssh_config").only("updates")


def others_went_on(output: str) -> None:
    """Assert that the other hosts were connected and ran to the end."""
    for name in OTHERS:
        assert re.search(rf"\[{name}\] +Connected", output), output
    assert "Grand total" in output


def test_unknown_host(bootstrap: Bootstrap, converged: Running) -> None:
    bootstrap("-y", "--limit", "aipbx.og").refused("No host and no group is called 'aipbx.og'.", "'aipbx.org'")


def test_unknown_group(bootstrap: Bootstrap, converged: Running) -> None:
    bootstrap("-y", "--limit", "produktion").refused("Did you mean 'production'?")


def test_no_terminal_to_ask_on(bootstrap: Bootstrap, converged: Running) -> None:
    bootstrap().refused("There is no terminal for the confirmation.", "Add --dry")


def test_on_a_terminal_it_asks_first(bootstrap: Bootstrap, host: Host) -> None:
    """The command as the README has it: changes are shown, and nothing happens without an Enter."""
    run_of = bootstrap.only("fail2ban")
    host.run("systemctl stop fail2ban")
    primary, secondary = pty.openpty()
    run = subprocess.Popen(
        run_of.command("--limit", host.name),
        cwd=bootstrap.tree,
        env={**os.environ, "AIPBX_SSH_CONFIG": str(bootstrap.ssh_config)},
        stdin=secondary,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(primary, b"no\n")
    output, _ = run.communicate(timeout=60)
    os.close(primary)
    os.close(secondary)
    assert "fail2ban: start or restart fail2ban.service" in output
    assert "Press enter to execute" in output
    assert host.run("systemctl is-active fail2ban", check=False).stdout == "inactive\n"
    run_of("-y", "--limit", host.name).succeeded()


@contextmanager
def cable_pulled(host: Host) -> Iterator[None]:
    """The host is there, and unreachable."""
    host.cut_network()
    try:
        yield
    finally:
        host.restore_network()


def test_a_host_that_does_not_answer(least: Bootstrap, host: Host) -> None:
    with cable_pulled(host):
        refused = least("-y").refused("aipbx.org does not answer on its SSH port.", "    why: ", "    do:  ")
    others_went_on(refused.output)


@pytest.mark.test_all
def test_an_address_that_does_not_resolve(elsewhere: Bootstrap, converged: Running) -> None:
    text = elsewhere.ssh_config.read_text()
    address = converged.host("aipbx.org").address4
    elsewhere.ssh_config.write_text(text.replace(address, "no-such-name.invalid"))
    refused = elsewhere("-y").refused("aipbx.org cannot be found.", "Its name does not resolve")
    others_went_on(refused.output)


def test_a_wrong_host_key(elsewhere: Bootstrap, converged: Running) -> None:
    known = elsewhere.ssh_config.parent / "known_hosts"
    org, net = (converged.host(name).address4 for name in ("aipbx.org", "aipbx.net"))
    lines = [line for line in known.read_text().splitlines() if org not in line]
    lines += [line.replace(net, org) for line in lines if net in line]
    known.write_text("\n".join(lines) + "\n")
    refused = elsewhere("-y").refused("aipbx.org shows another host key than the known one.", "ssh-keygen -R")
    others_went_on(refused.output)


@pytest.mark.test_all
def test_an_unknown_host_key(elsewhere: Bootstrap, converged: Running) -> None:
    known = elsewhere.ssh_config.parent / "known_hosts"
    org = converged.host("aipbx.org").address4
    known.write_text("".join(line for line in known.read_text().splitlines(keepends=True) if org not in line))
    refused = elsewhere("-y").refused("aipbx.org's host key is not known here.", "ssh-keyscan")
    others_went_on(refused.output)
    assert org not in known.read_text()


def test_a_key_that_is_refused(elsewhere: Bootstrap, host: Host) -> None:
    key = elsewhere.ssh_config.parent / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=30)
    text = elsewhere.ssh_config.read_text()
    head, tail = text.split("Host aipbx.org", 1)
    elsewhere.ssh_config.write_text(
        f"{head}Host aipbx.org\n    IdentityFile {key}\n{tail.replace('IdentityFile', '#', 1)}"
    )
    refused = elsewhere("-y").refused(
        "aipbx.org refused the key for deploy.", f"Offered: {key}", "operators/ at its last run"
    )
    others_went_on(refused.output)


def test_sudo_refused(least: Bootstrap, host: Host) -> None:
    host.run("mv /etc/sudoers.d/90-aipbx /root/")
    try:
        refused = least("-y").refused("aipbx.org: sudo does not accept deploy.", "a password is required")
    finally:
        host.run("mv /root/90-aipbx /etc/sudoers.d/")
    others_went_on(refused.output)


@contextmanager
def renamed(host: Host) -> Iterator[None]:
    """The host has a name that it cannot resolve: sudo warns of it with every command."""
    host.run("hostname vps-4711")
    try:
        yield
    finally:
        host.run(f"hostname {host.name}; sed -i /vps-4711/d /etc/hosts")


@pytest.mark.test_all
def test_sudos_warning_is_not_its_refusal(bootstrap: Bootstrap, host: Host) -> None:
    with renamed(host):
        bootstrap.look("--limit", host.name).succeeded()


@pytest.mark.test_all
def test_a_host_learns_its_own_name(bootstrap: Bootstrap, host: Host) -> None:
    with renamed(host):
        bootstrap("-y", "--limit", host.name).succeeded()
        assert host.run("getent hosts vps-4711").stdout.split() == ["127.0.1.1", "vps-4711"]


def test_a_login_that_prints_a_greeting(least: Bootstrap, host: Host) -> None:
    host.run("cp /home/deploy/.bashrc /root/bashrc && sed -i '1i echo Welcome to id=x' /home/deploy/.bashrc")
    try:
        least("-y", "--limit", host.name).refused("deploy's login prints 'Welcome to id=x'")
    finally:
        host.run("cat /root/bashrc >/home/deploy/.bashrc && rm /root/bashrc")


@pytest.mark.test_all
def test_a_password_that_has_expired(least: Bootstrap, host: Host) -> None:
    host.run("chage -d 0 deploy")
    try:
        least("-y", "--limit", host.name).refused("aipbx.org: the password of deploy has expired.", "ssh -t -F")
    finally:
        host.run("chage -d $(date +%F) deploy")


@pytest.mark.test_all
def test_another_port_than_the_declared_one(least: Bootstrap, host: Host) -> None:
    least("-y", "--limit", host.name, "--data", "sshd_port=2222").refused(
        "sshd answers on port 22, and sshd_port is 2222."
    )


@pytest.mark.test_all
def test_a_config_that_only_openssh_reads_aright(elsewhere: Bootstrap, converged: Running) -> None:
    """Include, Match exec, ProxyJump none, and a jump host whose block has a Port."""
    folder = elsewhere.ssh_config.parent
    text = elsewhere.ssh_config.read_text()
    text = text.replace("Host aipbx.org\n", "Host aipbx.org\n    ProxyJump deploy@aipbx.net:22\n")
    text = text.replace("Host aipbx.ru\n", 'Match host aipbx.ru exec "true"\n')
    (folder / "more").write_text(text + "\nHost *\n    ProxyJump none\n")
    elsewhere.ssh_config.write_text(f"Include {folder}/more\n")
    elsewhere.look().succeeded()
    logins = converged.host("aipbx.org").run("journalctl -u ssh --since=-5min | grep Accepted | tail -n 1").stdout
    assert f" from {converged.host('aipbx.net').address4} " in logins


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ('ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"', "Debian GNU/Linux 11 (bullseye)"),
        pytest.param(
            "ID=fedora\nVERSION_ID=44\nPRETTY_NAME='Fedora Linux 44'", "Fedora Linux 44", marks=pytest.mark.test_all
        ),
    ],
)
def test_an_unsupported_system(least: Bootstrap, host: Host, release: str, said: str) -> None:
    host.run("cp --remove-destination $(readlink -f /etc/os-release) /root/os-release && rm /etc/os-release")
    host.run("cat > /etc/os-release", stdin=f"{release}\n".encode())
    listing = "find /etc -newer /etc/os-release -type f"
    try:
        refused = least("-y").refused(f"aipbx.org runs {said}, which is not supported.", "Debian 12, Debian 13")
        assert host.run(listing).stdout == ""
    finally:
        host.run("rm /etc/os-release && ln -s ../usr/lib/os-release /etc/os-release")
    others_went_on(refused.output)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("rtp_ports=[3032,70000]", "rtp_ports.1 = 70000: Input should be less than or equal to 65535"),
        pytest.param('pbx_addresses=["203.0.113"]', "pbx_addresses.0 = '203.0.113'", marks=pytest.mark.test_all),
        pytest.param("role=", "role = ''", marks=pytest.mark.test_all),
        pytest.param(
            "min_free_disk=1", "min_free_disk = 1: Extra inputs are not permitted", marks=pytest.mark.test_all
        ),
    ],
)
def test_malformed_data(least: Bootstrap, converged: Running, data: str, said: str) -> None:
    least("-y", "--data", data).refused(said, "nothing was touched")


@pytest.mark.test_all
def test_missing_data_of_one_host(least: Bootstrap, converged: Running, tmp_path: Path) -> None:
    copy = least.in_a_copy(tmp_path)
    inventory = tmp_path / "inventory.py"
    inventory.write_text(inventory.read_text().replace('"role": "second: behind Cloudflare", ', ""))
    refused = copy("-y").refused("aipbx.org: 1 value of its data cannot be used.", "role = (missing): Field required")
    others_went_on(refused.output)


def test_no_operator_key(elsewhere: Bootstrap, host: Host) -> None:
    (elsewhere.ssh_config.parent / "operators" / "lab.pub").write_text("")
    elsewhere.only("users")("-y").refused("No operator's public key in")
    assert ssh(elsewhere.ssh_config, "deploy", host.name, "true").returncode == 0


def test_too_little_disk(least: Bootstrap, host: Host) -> None:
    least("-y", "--limit", host.name, "--data", "min_free_disk_mib=99999999").refused(
        "aipbx.org has only", "At least 99999999 MiB are needed", "apt-get clean"
    )


@pytest.fixture
def something_to_install(host: Host) -> Host:
    """A host on which apt has work to do."""
    host.run("DEBIAN_FRONTEND=noninteractive apt-get -y remove debsums && apt-get clean")
    return host


@pytest.mark.test_all
def test_the_disk_fills_up(bootstrap: Bootstrap, something_to_install: Host) -> None:
    host, base = something_to_install, bootstrap.only("apt", "base")
    host.run("mount -t tmpfs -o size=4k tmpfs /var/cache/apt/archives && mkdir /var/cache/apt/archives/partial")
    try:
        base("-y", "--limit", host.name).refused("System: install packages", "why: The disk is full.", "do:  Make room")
    finally:
        host.run("umount /var/cache/apt/archives")
    base("-y", "--limit", host.name).succeeded()


def test_apt_is_locked(bootstrap: Bootstrap, something_to_install: Host) -> None:
    host, base = something_to_install, bootstrap.only("apt", "base")
    host.run(
        'systemd-run --unit=other-apt python3 -c \'import fcntl, signal; f = open("/var/lib/dpkg/lock-frontend", "w");'
        " fcntl.lockf(f, fcntl.LOCK_EX); signal.pause()'"
    )
    held = 'grep -q ":$(stat -c %i /var/lib/dpkg/lock-frontend) " /proc/locks'
    try:
        wait.until(lambda: host.run(held, check=False).returncode == 0, 30, "apt is locked", held)
        base("-y", "--limit", host.name, "--data", "apt_lock_timeout_seconds=2").refused(
            "Could not get lock", "why: Another apt holds the lock", "do:  Wait for it"
        )
    finally:
        host.run("systemctl stop other-apt")
    base("-y", "--limit", host.name).succeeded()


@pytest.mark.test_all
def test_apt_cannot_fetch(bootstrap: Bootstrap, host: Host) -> None:
    host.run("echo 'deb http://no-such-mirror.invalid/debian trixie main' > /etc/apt/sources.list.d/broken.list")
    try:
        bootstrap("-y", "--limit", host.name).refused("why: The host cannot fetch from an apt repository")
    finally:
        host.run("rm /etc/apt/sources.list.d/broken.list")
    bootstrap("-y", "--limit", host.name).succeeded()


@pytest.mark.test_all
def test_apt_is_broken(bootstrap: Bootstrap, something_to_install: Host) -> None:
    host = something_to_install
    control = (
        "Package: broken\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@y>\\n"
        "Depends: no-such-package\\nDescription: x\\n"
    )
    host.run(
        f"mkdir -p /tmp/broken/DEBIAN && printf '{control}' > /tmp/broken/DEBIAN/control && dpkg-deb -b /tmp/broken"
    )
    host.run("dpkg -i --force-depends /tmp/broken.deb")
    try:
        bootstrap("-y", "--limit", host.name).refused(
            "why: apt's own package database is inconsistent", "apt-get -f install"
        )
    finally:
        host.run("dpkg -r broken; rm -r /tmp/broken /tmp/broken.deb")
    bootstrap("-y", "--limit", host.name).succeeded()
    assert bootstrap.dry("--limit", host.name).changes == []
