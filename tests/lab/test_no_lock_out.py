"""Story: no one is locked out. What is declared would do it: the host undoes it. What an operator's keys look like: no
run of ours is a guess to fail2ban."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import wait
from lab.machines.host import Host
from lab.running import Running
from tests.lab.login import ssh
from tests.lab.pyinfra_run import Bootstrap, kill, read_until

GUARDS = "systemctl list-timers --all --no-legend 'aipbx-guard@*'"


def let_in(bootstrap: Bootstrap, host: Host) -> bool:
    """Whether the deploy account gets in by a fresh connection."""
    return ssh(bootstrap.ssh_config, "deploy", host.name, "sudo -n true").returncode == 0


def locks_out_by_sshd(tree: Path) -> None:
    """A template that sshd accepts, and that lets no one in."""
    template = tree / "templates" / "sshd.conf.j2"
    template.write_text(template.read_text().replace("AllowUsers {{ settings.deploy_user }}", "AllowUsers nobody"))


def moves_sshd_away(tree: Path) -> None:
    """sshd listens where no operator looks: every connection is refused, so a run continues trying for a while."""
    template = tree / "templates" / "sshd.conf.j2"
    template.write_text("Port 2222\n" + template.read_text())


def locks_out_by_firewall(tree: Path) -> None:
    """Rules that the kernel accepts, and that drop SSH for new connections."""
    template = tree / "templates" / "ufw" / "after.rules.j2"
    text = template.read_text()
    closed = "-I INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j DROP"
    template.write_text(text.replace("\nCOMMIT", f"\n{closed}\nCOMMIT"))


# The mistake, and the file of deploys/ in which it does harm.
LOCK_OUTS = {
    "ssh": (locks_out_by_sshd, "ssh"),
    "port": (moves_sshd_away, "ssh"),
    "firewall": (locks_out_by_firewall, "firewall"),
}


@pytest.fixture
def broken(bootstrap: Bootstrap, tmp_path: Path, request: pytest.FixtureRequest) -> Bootstrap:
    """A copy of this project in which someone made the mistake."""
    mistake, concern = LOCK_OUTS[request.param]
    copy = bootstrap.only(concern).in_a_copy(tmp_path)
    mistake(tmp_path)
    return copy


@pytest.mark.parametrize(
    ("broken", "subject"),
    [pytest.param("ssh", "ssh", marks=pytest.mark.test_all), ("firewall", "firewall")],
    indirect=["broken"],
)
def test_the_change_is_undone_at_once(host: Host, bootstrap: Bootstrap, broken: Bootstrap, subject: str) -> None:
    broken("-y", "--limit", host.name).refused(
        f"After the change of {subject} no one could log in to {host.name}.",
        "    why: ",
        "    do:  ",
        f"The change of {subject} is undone; {host.name} is as it was before.",
    )
    assert let_in(bootstrap, host)
    assert host.run(GUARDS).stdout == ""
    right = bootstrap.only(subject)
    right("-y", "--limit", host.name).succeeded()
    assert right.dry("--limit", host.name).changes == []


@pytest.mark.parametrize(
    ("broken", "subject", "then"),
    [
        ("port", "ssh", "nothing"),
        pytest.param("firewall", "firewall", "nothing", marks=pytest.mark.test_all),
        pytest.param("firewall", "firewall", "a reboot", marks=pytest.mark.test_all),
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
    right = bootstrap.only(subject)
    right("-y", "--limit", host.name).succeeded()
    assert right.dry("--limit", host.name).changes == []


def test_a_broken_sshd_file_never_goes_live(host: Host, bootstrap: Bootstrap, tmp_path: Path) -> None:
    copy = bootstrap.only("ssh").in_a_copy(tmp_path)
    template = tmp_path / "templates" / "sshd.conf.j2"
    template.write_text(template.read_text() + "NoSuchKeyword yes\n")
    before = host.run("cat /etc/ssh/sshd_config.d/00-aipbx.conf").stdout
    copy("-y", "--limit", host.name).refused("Bad configuration option: NoSuchKeyword")
    assert host.run("cat /etc/ssh/sshd_config.d/00-aipbx.conf").stdout == before
    assert let_in(bootstrap, host)


@pytest.mark.test_all
def test_a_broken_firewall_rule_never_goes_live(host: Host, bootstrap: Bootstrap, tmp_path: Path) -> None:
    copy = bootstrap.only("firewall").in_a_copy(tmp_path)
    template = tmp_path / "templates" / "ufw" / "after.rules.j2"
    template.write_text(template.read_text().replace("\nCOMMIT", "\n-A DOCKER-USER --no-such-match\nCOMMIT"))
    before = host.run("iptables -S").stdout
    copy("-y", "--limit", host.name).refused("no-such-match")
    assert host.run("iptables -S").stdout == before


@pytest.mark.test_all
def test_a_broken_sudo_rule_never_goes_live(host: Host, bootstrap: Bootstrap, tmp_path: Path) -> None:
    copy = bootstrap.only("users").in_a_copy(tmp_path)
    template = tmp_path / "templates" / "sudoers.j2"
    template.write_text(template.read_text() + "deploy ALL=(root\n")
    copy("-y", "--limit", host.name).refused()
    assert let_in(bootstrap, host)
    assert bootstrap.only("users").dry("--limit", host.name).changes == []


def test_a_confirmation_that_comes_too_late_is_refused(host: Host, bootstrap: Bootstrap) -> None:
    """The countdown ran out while the run was still busy: what it confirms is no longer there."""
    late = host.run("/bin/sh /usr/local/lib/aipbx/guard.sh disarm firewall", check=False)
    assert late.returncode == 1
    assert "the countdown has run out, and the change of firewall was undone" in late.stderr


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """An ssh-agent with seven strangers' keys, as a password manager's or a YubiKey owner's may look."""
    folder = tmp_path_factory.mktemp("agent")
    with Agent(folder).running() as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.socket))
        yield agent


@dataclass(frozen=True)
class Agent:
    """An ssh-agent of a story's own.

    Args:
        folder: where its socket and keys are.
    """

    folder: Path

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "socket"

    @contextmanager
    def running(self) -> Iterator[Agent]:
        """It, with seven keys that open nothing."""
        with subprocess.Popen(["ssh-agent", "-D", "-a", str(self.socket)], stdout=subprocess.DEVNULL) as process:
            try:
                wait.until(self.socket.exists, 10, "the agent listens", "ssh-agent -D")
                for number in range(7):
                    key = self.folder / f"key-{number}"
                    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
                    subprocess.run(command, check=True, timeout=30)
                    self.add(key)
                yield self
            finally:
                process.terminate()

    def add(self, key: Path) -> None:
        """Give it one more key."""
        command = ["ssh-add", "-q", str(key)]
        subprocess.run(command, env={**os.environ, "SSH_AUTH_SOCK": str(self.socket)}, check=True, timeout=30)


@pytest.fixture
def by_agent(bootstrap: Bootstrap, agent: Agent, tmp_path: Path) -> Bootstrap:
    """The command with an ssh_config that names no key: whatever the agent has may be offered."""
    lines = [line for line in bootstrap.ssh_config.read_text().splitlines() if "Identit" not in line]
    (tmp_path / "ssh").mkdir()
    (tmp_path / "ssh" / "config").write_text("\n".join([*lines, ""]))
    shutil.copytree(bootstrap.ssh_config.parent / "operators", tmp_path / "ssh" / "operators")
    return Bootstrap(tmp_path / "ssh" / "config")


@contextmanager
def nothing_counted(host: Host, lab: Running) -> Iterator[None]:
    """fail2ban counts this machine like any other, and finds nothing to count."""
    counted = "fail2ban-client status sshd | sed -n 's/.*Total failed:\t//p'"
    host.run(f"fail2ban-client set sshd delignoreip {lab.subnet.address4(1)} || true")
    before = host.run(counted).stdout
    yield
    # One guess from elsewhere that counts: when fail2ban has read it, it has read all before.
    lab.client.run(f"ssh -o StrictHostKeyChecking=no -o BatchMode=yes guess@{host.address4} true", check=False)
    wait.until(lambda: host.run(counted).stdout != before, 30, "a guess counts", "fail2ban-client status sshd")
    assert int(host.run(counted).stdout) == int(before) + 1
    assert "Currently banned:\t0" in host.run("fail2ban-client status sshd").stdout
    host.run(f"fail2ban-client set sshd addignoreip {lab.subnet.address4(1)}; fail2ban-client unban --all")


def refused_again_and_again(run: Bootstrap, host: Host, times: int) -> None:
    """Runs with keys that open nothing: each says so, or that sshd itself refuses this address for some seconds."""
    for _ in range(times):
        refused = run.look("--limit", host.name).refused("    why: ", "    do:  ")
        assert re.search(
            "refused the key for (deploy|root)\\.|refuses SSH from this address for a while", refused.output
        )


def gets_in(run: Bootstrap, host: Host) -> None:
    """Assert that an operator does, once sshd's own penalty for the refused ones has passed."""
    wait.until(lambda: run.look("--limit", host.name).code == 0, 60, "the operator gets in", "journalctl -u ssh")


def test_an_agent_of_eight_keys_gets_in(
    host: Host, lab: Running, bootstrap: Bootstrap, by_agent: Bootstrap, agent: Agent
) -> None:
    """The right one is the agent's last. Then ssh_config names it by its public half alone."""
    agent.add(bootstrap.ssh_config.parent / "id_ed25519")
    with nothing_counted(host, lab):
        by_agent.look("--limit", host.name).succeeded()
        public = by_agent.ssh_config.parent / "operators" / "lab.pub"
        named = f"Host *\n    IdentitiesOnly yes\n    IdentityFile {public}\n"
        by_agent.ssh_config.write_text(by_agent.ssh_config.read_text() + named)
        by_agent.look("--limit", host.name).succeeded()
        (agent.folder / "other.pub").write_text((agent.folder / "key-3.pub").read_text())
        text = by_agent.ssh_config.read_text().replace(str(public), str(agent.folder / "other.pub"))
        by_agent.ssh_config.write_text(text)
        refused = by_agent.look("--limit", host.name).refused("refused the key for deploy.")
        assert refused.output.count("SHA256:") == 1
    gets_in(bootstrap, host)


@pytest.mark.test_all
@pytest.mark.parametrize("times", [3, 20])
def test_refused_keys_do_not_end_in_a_ban(
    host: Host, lab: Running, bootstrap: Bootstrap, by_agent: Bootstrap, times: int
) -> None:
    with nothing_counted(host, lab):
        refused_again_and_again(by_agent, host, times)
        gets_in(bootstrap, host)


@pytest.mark.test_all
def test_a_ban_from_before_does_not_cut_the_run_off_that_starts_fail2ban(
    host: Host, lab: Running, bootstrap: Bootstrap
) -> None:
    here = lab.subnet.address4(1)
    host.run(f"fail2ban-client set sshd delignoreip {here} && fail2ban-client set sshd banip {here}")
    host.run("systemctl stop fail2ban")
    assert "fail2ban: unban the address of this client" in bootstrap.dry("--limit", host.name).changes
    bootstrap("-y", "--limit", host.name).succeeded()
    gets_in(bootstrap, host)


@pytest.mark.test_all
def test_refused_keys_do_not_end_in_a_ban_before_it_is_converged(
    lab_fresh: Host, lab: Running, bootstrap: Bootstrap, by_agent: Bootstrap, agent: Agent
) -> None:
    """A fresh host whose provider has installed fail2ban; then a half-converged one."""
    host = lab_fresh
    host.run(
        "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y fail2ban python3-systemd", timeout=300
    )
    host.run("printf '[sshd]\\nbackend = systemd\\n' >/etc/fail2ban/jail.local && systemctl restart fail2ban")
    with nothing_counted(host, lab):
        refused_again_and_again(by_agent, host, 20)
        gets_in(bootstrap, host)
    run = bootstrap.started("-y", "--limit", host.name)
    read_until(run, "| sshd: apply configuration")
    kill(run)
    with nothing_counted(host, lab):
        refused_again_and_again(by_agent, host, 20)
        agent.add(bootstrap.ssh_config.parent / "id_ed25519")
        gets_in(by_agent, host)
    by_agent("-y", "--limit", host.name).succeeded()
    assert by_agent.dry("--limit", host.name).changes == []


@pytest.mark.test_all
def test_a_clouds_root_sends_the_run_to_its_own_account(lab_fresh: Host, bootstrap: Bootstrap) -> None:
    """cloud-init's authorized_keys for root: it lets the key in, and says who should come instead."""
    host = lab_fresh
    words = (
        'echo \'Please login as the user \\\\"debian\\\\" rather than the user \\\\"root\\\\".\';echo;sleep 1;exit 142'
    )
    host.run("useradd --create-home --shell /bin/bash debian && cp -a /root/.ssh /home/debian/")
    host.run("chown -R debian: /home/debian/.ssh && echo 'debian ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/90-cloud")
    host.run(f'sed -i "s/^/command=\\"{words}\\" /" /root/.ssh/authorized_keys')
    bootstrap("-y", "--limit", host.name).succeeded()
    assert bootstrap.dry("--limit", host.name).changes == []
