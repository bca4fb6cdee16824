"""What OpenSSH says of a host is what all of ours do."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from fleet.errors import OperatorError
from fleet.ssh import ssh_config
from fleet.ssh.ssh_config import Jump, Route

HOST = "aipbx.org"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert shutil.which("ssh")
    monkeypatch.setenv("AIPBX_SSH_CONFIG", str(tmp_path / "ssh_config"))
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    ssh_config._route.cache_clear()
    return tmp_path / "ssh_config"


def route(config: Path, text: str) -> Route:
    config.write_text(text)
    return ssh_config.route(HOST, "deploy")


def test_a_plain_host(config: Path) -> None:
    found = route(config, f"Host {HOST}\n    HostName 203.0.113.20\n    IdentityFile ~/k\n")
    assert (found.address, found.port, found.proxy, found.agent) == ("203.0.113.20", 22, "", "/run/agent")
    assert found.identity_files == (Path.home() / "k",)
    assert found.host_key_names == ("203.0.113.20",)
    assert (found.identities_only, found.family, found.source) == (False, socket.AF_UNSPEC, "")


def test_an_included_file_counts(config: Path, tmp_path: Path) -> None:
    (tmp_path / "more").write_text(f"Host {HOST}\n    HostName 203.0.113.21\n    Port 2222\n")
    found = route(config, f"Include {tmp_path}/more\n")
    assert (found.address, found.port) == ("203.0.113.21", 2222)
    assert found.host_key_names == ("[203.0.113.21]:2222", "203.0.113.21")


def test_match_exec_and_match_user_count(config: Path) -> None:
    found = route(config, f'Match host {HOST} exec "true" user deploy\n    HostName 203.0.113.22\n')
    assert found.address == "203.0.113.22"


def test_proxy_jump_none_is_none(config: Path) -> None:
    assert route(config, f"Host {HOST}\n    HostName 203.0.113.23\nHost *\n    ProxyJump none\n").jump is None


def test_a_jump_host_and_those_before_it(config: Path) -> None:
    found = route(config, f"Host {HOST}\n    HostName 10.0.0.4\n    ProxyJump one,ada@two:2200\n")
    assert found.jump == Jump("two", "ada", ("-J", "one", "-p", "2200"))
    assert found.proxy == ""


def test_a_proxy_command_gets_what_openssh_puts_into_it(config: Path) -> None:
    found = route(
        config, f"Host {HOST}\n    HostName 10.0.0.4\n    Port 2222\n    ProxyCommand nc -x %n %h %p %r 100%%\n"
    )
    assert found.proxy == "nc -x aipbx.org 10.0.0.4 2222 deploy 100%"


def test_identities_only_agent_and_alias(config: Path) -> None:
    agent = "IdentitiesOnly yes\nIdentityFile ~/%n.pub\nIdentityAgent ~/1p.sock\n"
    found = route(config, f"{agent}HostKeyAlias one\n")
    assert found.identities_only
    assert found.identity_files == (Path.home() / "aipbx.org.pub",)
    assert found.agent == str(Path.home() / "1p.sock")
    assert found.host_key_names == ("one",)
    assert route_again(config, f"Host {HOST}\n    IdentityAgent none\n").agent == ""


def route_again(config: Path, text: str) -> Route:
    ssh_config._route.cache_clear()
    return route(config, text)


def test_known_hosts_with_a_blank_in_their_name(config: Path, tmp_path: Path) -> None:
    (tmp_path / "a checkout").mkdir()
    for name in ("a checkout/known", "known"):
        (tmp_path / name).touch()
    files = f'"{tmp_path}/a checkout/known" {tmp_path}/known {tmp_path}/missing'
    text = f"Host {HOST}\n    UserKnownHostsFile {files}\n    GlobalKnownHostsFile /dev/null\n"
    assert route(config, text).known_hosts == (tmp_path / "a checkout/known", tmp_path / "known")


def test_what_ssh_cannot_read_is_named(config: Path) -> None:
    with pytest.raises(OperatorError, match="ssh cannot read") as refused:
        route(config, "Hots x\n")
    assert "line 1: Bad configuration option: hots" in refused.value.why


def test_what_our_library_cannot_follow_is_refused(config: Path) -> None:
    with pytest.raises(OperatorError, match=r"knownhostscommand in .* is not supported"):
        route(config, "KnownHostsCommand /bin/true\n")
    with pytest.raises(OperatorError, match=r"revokedhostkeys in .* is not supported"):
        route_again(config, "RevokedHostKeys /etc/ssh/revoked_keys\n")
    assert route_again(config, "RevokedHostKeys none\n").name == HOST


def test_openssh_is_asked_once(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = route(config, f"Host {HOST}\n    HostName 203.0.113.20\n")
    monkeypatch.setattr(subprocess, "run", None)
    assert ssh_config.route(HOST, "deploy") is first
