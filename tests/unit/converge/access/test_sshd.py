"""Which files would loosen sshd, and what is done about them."""

import pytest

from fleet.converge.access import sshd
from fleet.converge.access.sshd import SshdState

WANTED = {"permitrootlogin": "no", "allowusers": "deploy", "loglevel": "VERBOSE"}
MAIN = "# comment\nInclude /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\nSubsystem sftp /usr/lib/openssh/sftp-server\n"


def test_reads_the_fact() -> None:
    output = [
        "==main -", "UsePAM yes",
        "==dropin 50-cloud-init.conf", "PasswordAuthentication yes",
        "==effective root", "permitrootlogin without-password", "loglevel VERBOSE",
        "==effective deploy",
        "==armed -",
    ]  # fmt: skip
    assert sshd.Sshd().process(output) == SshdState(
        main="UsePAM yes\n",
        dropins={"50-cloud-init.conf": "PasswordAuthentication yes\n"},
        effective={"root": {"permitrootlogin": "without-password", "loglevel": "verbose"}, "deploy": {}},
        armed=True,
    )


def test_deviations_name_keyword_found_and_wanted() -> None:
    state = SshdState(effective={"root": {"permitrootlogin": "yes", "allowusers": "deploy", "loglevel": "verbose"}})
    assert sshd.deviations(state, WANTED) == ["permitrootlogin: yes instead of no"]


def test_a_setting_that_is_not_there_deviates_unless_it_is_wanted_unset() -> None:
    state = SshdState(effective={"root": {}})
    assert sshd.deviations(state, {"denyusers": "unset"}) == []
    assert sshd.deviations(state, {"allowusers": "deploy"}) == ["allowusers: unset instead of deploy"]


def test_a_list_has_a_line_for_each_value() -> None:
    output = ["==effective root", "allowusers deploy", "allowusers copies", "loglevel VERBOSE"]
    assert sshd.Sshd().process(output).effective["root"] == {"allowusers": "deploy copies", "loglevel": "verbose"}


def test_a_confined_account_is_held_to_its_own_settings() -> None:
    state = SshdState(effective={"root": {"chrootdirectory": "none"}, "copies": {"chrootdirectory": "/app/x"}})
    wanted, confined = {"chrootdirectory": "none"}, {"copies": {"chrootdirectory": "/app/x"}}
    assert sshd.deviations(state, wanted, confined) == []
    assert sshd.deviations(state, wanted) == ["chrootdirectory: /app/x instead of none"]
    assert sshd.deviations(state, wanted, {"copies": {"forcecommand": "internal-sftp"}}) == [
        "chrootdirectory: /app/x instead of none",
        "forcecommand: unset instead of internal-sftp",
    ]


@pytest.mark.parametrize(
    ("name", "text", "loosens"),
    [
        ("50-cloud-init.conf", "PasswordAuthentication yes\n", False),
        ("00-a.conf", "PermitRootLogin yes\n", True),
        ("99-late.conf", "Match all\n  PermitRootLogin yes\n", True),
        ("99-late.conf", "match User root\n", True),
        ("99-late.conf", "AllowUsers mallory\n", True),
        ("99-late.conf", "allowusers=mallory\n", True),
        ("99-late.conf", "Include /root/more.conf\n", True),
        ("99-late.conf", "# Match all\n", False),
        ("00-aipbx.conf", "AllowUsers deploy\n", False),
    ],
)
def test_culprits(name: str, text: str, loosens: bool) -> None:
    assert (sshd.culprits(SshdState(dropins={name: text}), WANTED) == [name]) is loosens


@pytest.mark.parametrize(
    ("main", "unruly"),
    [
        (MAIN, False),
        ("", True),
        ("PermitRootLogin yes\n" + MAIN, True),
        (MAIN + "Match User root\n  PermitRootLogin yes\n", True),
        (MAIN + "AllowUsers mallory\n", True),
        (MAIN.replace("Include", "#Include"), True),
    ],
)
def test_the_main_file(main: str, unruly: bool) -> None:
    assert sshd.main_is_unruly(SshdState(main=main), WANTED) is unruly


def test_the_future_configuration_is_tested_before_it_is_taken() -> None:
    assert sshd.staged_check(["99 late.conf"], restore_main=False) == (
        "rm -rf /var/lib/aipbx/stage/sshd && mkdir -p /var/lib/aipbx/stage/sshd/sshd_config.d"
        " && cp -a /etc/ssh/sshd_config.d/. /var/lib/aipbx/stage/sshd/sshd_config.d/"
        " && rm -f /var/lib/aipbx/stage/sshd/sshd_config.d/'99 late.conf'"
        " && install -m 600 /var/lib/aipbx/stage/sshd.conf /var/lib/aipbx/stage/sshd/sshd_config.d/00-aipbx.conf"
        " && sed 's#/etc/ssh/sshd_config.d#/var/lib/aipbx/stage/sshd/sshd_config.d#' /etc/ssh/sshd_config"
        " > /var/lib/aipbx/stage/sshd/sshd_config"
        " && sshd -t -f /var/lib/aipbx/stage/sshd/sshd_config"
    )


def test_a_culprit_is_set_aside_not_deleted() -> None:
    assert sshd.apply(["99-late.conf"], restore_main=False) == [
        "mv /etc/ssh/sshd_config.d/99-late.conf /etc/ssh/sshd_config.d/99-late.conf.set-aside-by-aipbx",
        "install -m 644 /var/lib/aipbx/stage/sshd.conf /etc/ssh/sshd_config.d/00-aipbx.conf.new"
        " && mv /etc/ssh/sshd_config.d/00-aipbx.conf.new /etc/ssh/sshd_config.d/00-aipbx.conf",
        "sshd -t && systemctl try-reload-or-restart ssh.service",
    ]
