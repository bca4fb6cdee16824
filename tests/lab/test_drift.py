"""Story: someone changed something by hand. A dry run shows it, a run repairs it, and nothing else moves."""

from dataclasses import dataclass

import pytest

from lab.machines.host import Host
from tests.lab.login import ssh
from tests.lab.pyinfra_run import Bootstrap

SSHD = "sshd: apply configuration, reverted if no login succeeds"
FIREWALL = "Firewall: apply UFW rules, reverted if no login succeeds"
ACCOUNT = "Users: create deploy account with operator keys"


@dataclass(frozen=True)
class Drift:
    """What was done by hand, the operation that sees it, a command that succeeds once repaired, who else sees it."""

    by_hand: str
    operation: str
    mended: str
    also: frozenset[str] = frozenset()


DRIFTS = {
    "a UFW rule deleted": Drift("ufw delete allow 80/tcp", FIREWALL, "ufw status | grep -q '^80/tcp .*ALLOW'"),
    "a UFW rule added": Drift("ufw allow 9090/tcp", FIREWALL, "! ufw status | grep -q 9090"),
    "UFW switched off": Drift("ufw disable", FIREWALL, "ufw status | grep -q 'Status: active'"),
    "UFW lets everything in": Drift("ufw default allow incoming", FIREWALL, "ufw status verbose | grep -q 'deny (inc'"),
    "a rule deleted in the kernel only": Drift(
        "iptables -D DOCKER-USER -m conntrack --ctstate DNAT -j DROP",
        FIREWALL,
        "iptables -C DOCKER-USER -m conntrack --ctstate DNAT -j DROP",
    ),
    "UFW's own file edited": Drift(
        "sed -i '/^COMMIT/i -A ufw-before-input -p tcp --dport 9090 -j ACCEPT' /etc/ufw/before.rules",
        FIREWALL,
        "! grep -q 9090 /etc/ufw/before.rules && grep -q 9090 /etc/ufw/before.rules.set-aside-by-aipbx",
    ),
    "a file edited": Drift(
        "echo net.ipv4.ip_forward=0 >> /etc/sysctl.d/90-aipbx.conf",
        "Kernel: write and apply sysctl settings",
        "! grep -q ip_forward=0 /etc/sysctl.d/90-aipbx.conf",
    ),
    "a kernel setting changed": Drift(
        "sysctl -qw net.ipv4.conf.all.accept_redirects=1",
        "Kernel: write and apply sysctl settings",
        "[ $(sysctl -n net.ipv4.conf.all.accept_redirects) = 0 ]",
    ),
    "a file made writable for all": Drift(
        "chmod 666 /etc/apt/apt.conf.d/90aipbx",
        "apt: write configuration",
        "[ $(stat -c %a /etc/apt/apt.conf.d/90aipbx) = 644 ]",
    ),
    "a service stopped": Drift(
        "systemctl stop fail2ban", "fail2ban: start or restart fail2ban.service", "systemctl is-active fail2ban"
    ),
    "a service disabled": Drift("systemctl disable cron", "cron: start cron.service", "systemctl is-enabled cron"),
    # systemd has read the edited one, and reads no other by itself: the timer would continue starting that.
    "a service edited that a timer starts": Drift(
        "echo '# by hand' >> /etc/systemd/system/aipbx-offsite.service && systemctl daemon-reload",
        "Off-site: write aipbx-offsite.service",
        "systemctl show -p NeedDaemonReload aipbx-offsite.service | grep -qx NeedDaemonReload=no",
    ),
    "a unit of ours that is no longer declared": Drift(
        "cd /etc/systemd/system && cp aipbx-peers.timer aipbx-former.timer && cp aipbx-peers.service "
        "aipbx-former.service && systemctl enable --quiet --now aipbx-former.timer",
        "Agent: remove units that are no longer declared",
        "[ -z \"$(systemctl list-unit-files 'aipbx-former*' --no-legend)\" ] && "
        "[ ! -L /etc/systemd/system/timers.target.wants/aipbx-former.timer ]",
    ),
    "Docker stopped": Drift(
        "systemctl stop docker.socket docker",
        "Docker: start or restart daemon",
        "docker info >/dev/null",
    ),
    "daemon.json edited": Drift(
        "echo '{}' > /etc/docker/daemon.json; systemctl reset-failed docker; systemctl restart docker",
        "Docker: write daemon.json",
        "docker info -f '{{.LiveRestoreEnabled}}' | grep -q true",
    ),
    "an extra authorized key": Drift(
        "echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxK mallory' >> /home/deploy/.ssh/authorized_keys",
        ACCOUNT,
        "! grep -q mallory /home/deploy/.ssh/authorized_keys",
    ),
    "the account given a password": Drift(
        "echo deploy:secret | chpasswd", ACCOUNT, "passwd --status deploy | grep -q ' L '"
    ),
    "the account put into the group docker": Drift(
        "usermod -aG docker deploy", ACCOUNT, "! id -nG deploy | grep -qw docker"
    ),
    "a package removed": Drift("apt-get -y remove debsums", "System: install packages", "dpkg -s debsums >/dev/null"),
    "Docker downgraded": Drift(
        # The stories before this one started Docker three times within a minute already.
        "systemctl reset-failed docker; v=$(apt-cache madison docker-ce | tail -n 1 | cut -d'|' -f2 | tr -d ' ') && "
        "apt-get install -y --allow-downgrades --allow-change-held-packages docker-ce=$v docker-ce-cli=$v",
        "Docker: install Engine, Compose and buildx",
        "apt-cache policy docker-ce | grep -q 'Installed: 5:29.8.1'",
        frozenset({"Docker: hold package versions"}),  # apt lifts a hold that it is told to pass over
    ),
    "the hold on Docker lifted": Drift(
        "apt-mark unhold docker-ce", "Docker: hold package versions", "apt-mark showhold | grep -qx docker-ce"
    ),
    "sshd loosened in our file": Drift(
        "sed -i 's/^PermitRootLogin no/PermitRootLogin yes/' /etc/ssh/sshd_config.d/00-aipbx.conf && "
        "systemctl reload ssh",
        SSHD,
        "sshd -T -C user=root,host=a,addr=1.2.3.4 | grep -qx 'permitrootlogin no'",
    ),
    "sshd loosened by a file that sorts first": Drift(
        "echo 'PermitRootLogin yes' > /etc/ssh/sshd_config.d/00-a.conf && systemctl reload ssh",
        SSHD,
        "sshd -T -C user=root,host=a,addr=1.2.3.4 | grep -qx 'permitrootlogin no'",
    ),
    "sshd loosened by a Match block": Drift(
        "printf 'Match all\\n  PasswordAuthentication yes\\n' > /etc/ssh/sshd_config.d/99-z.conf && "
        "systemctl reload ssh",
        SSHD,
        "[ -e /etc/ssh/sshd_config.d/99-z.conf.set-aside-by-aipbx ]",
    ),
    "sshd loosened in the main file": Drift(
        "sed -i '1i PermitRootLogin yes' /etc/ssh/sshd_config && systemctl reload ssh",
        SSHD,
        "sshd -T -C user=root,host=a,addr=1.2.3.4 | grep -qx 'permitrootlogin no'",
    ),
    "sshd set to lock everybody out at its next start": Drift(
        "echo 'DenyUsers deploy' > /etc/ssh/sshd_config.d/50-late.conf",
        SSHD,
        "[ ! -e /etc/ssh/sshd_config.d/50-late.conf ]",
    ),
}


def rounds() -> list[list[str]]:
    """The drifts, as many in a round as do not touch the same thing: each is still seen by an operation of its own."""
    made: list[dict[str, str]] = []
    for name, drift in DRIFTS.items():
        thing = drift.operation.partition(":")[0]
        free = next((one for one in made if thing not in one), None)
        if free is None:
            made.append(free := {})
        free[thing] = name
    return [list(one.values()) for one in made]


@pytest.mark.parametrize(
    "names",
    [pytest.param(names, marks=pytest.mark.test_all if number else []) for number, names in enumerate(rounds())],
    ids=", ".join,
)
def test_are_shown_and_mended_and_nothing_else_moves(host: Host, bootstrap: Bootstrap, names: list[str]) -> None:
    drifts = [DRIFTS[name] for name in names]
    for drift in drifts:
        host.run(drift.by_hand, timeout=120)
    seen = {drift.operation for drift in drifts}.union(*(drift.also for drift in drifts))
    assert set(bootstrap.dry("--limit", host.name).changes) == seen
    bootstrap("-y", "--limit", host.name).succeeded()
    for drift in drifts:
        host.run(drift.mended)
    assert bootstrap.dry("--limit", host.name).changes == []
    assert ssh(bootstrap.ssh_config, "root", host.name, "true").returncode == 255


def test_a_difference_is_shown_line_by_line(host: Host, bootstrap: Bootstrap) -> None:
    sshd = bootstrap.only("ssh")
    host.run("sed -i 's/^PermitRootLogin no/PermitRootLogin yes/' /etc/ssh/sshd_config.d/00-aipbx.conf")
    shown = sshd("--dry", "--diff", "--limit", host.name).succeeded().output
    assert "- PermitRootLogin yes" in shown
    assert "+ PermitRootLogin no" in shown
    sshd("-y", "--limit", host.name).succeeded()
