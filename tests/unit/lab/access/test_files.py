from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from paramiko import Ed25519Key, SSHConfig

from lab.access import files, guard
from lab.access.authority import Authority, ensure_ssh_key
from lab.errors import LabError

ADDRESSES = {"aipbx.net": "198.51.100.43", "aipbx.ru": "198.51.100.45"}


def test_ssh_config_leads_each_name_into_the_lab(tmp_path: Path) -> None:
    path = tmp_path / "ssh_config"
    path.write_text(files.ssh_config(Path("/srv/a checkout/.lab"), ADDRESSES))
    found = SSHConfig.from_path(str(path)).lookup("aipbx.net")
    assert found["hostname"] == "198.51.100.43"
    assert "/srv/a checkout/.lab/id_ed25519" in found["identityfile"]
    assert found["stricthostkeychecking"] == "yes"
    assert found["userknownhostsfile"].strip('"') == "/srv/a checkout/.lab/known_hosts"
    assert "user" not in found


def test_known_hosts_names_each_key_by_host_and_address() -> None:
    keys = {"aipbx.net": ["ssh-ed25519 AAAA", "ssh-rsa BBBB"]}
    assert files.known_hosts(keys, ADDRESSES) == (
        "aipbx.net,198.51.100.43 ssh-ed25519 AAAA\naipbx.net,198.51.100.43 ssh-rsa BBBB\n"
    )


def test_names_that_lead_into_the_lab_pass(tmp_path: Path) -> None:
    path = tmp_path / "ssh_config"
    path.write_text(files.ssh_config(tmp_path, ADDRESSES))
    guard.refuse_strangers(guard.resolved(path, list(ADDRESSES)), ADDRESSES)


def test_a_name_that_leads_to_the_internet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ssh_config"
    path.write_text("Host other\n    HostName 198.51.100.43\n")
    with pytest.raises(LabError, match=r"aipbx\.net leads to aipbx\.net, not into the lab"):
        guard.refuse_strangers(guard.resolved(path, ["aipbx.net"]), ADDRESSES)


def test_without_a_lab_every_name_is_refused() -> None:
    with pytest.raises(LabError, match="not a running host of this lab"):
        guard.refuse_strangers({"aipbx.net": "198.51.100.43"}, {})


def test_a_missing_configuration_is_reported(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot be read"):
        guard.resolved(tmp_path / "ssh_config", ["aipbx.net"])


def test_the_operator_s_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    private, public = tmp_path / "id_ed25519", tmp_path / "operators" / "lab.pub"
    line = ensure_ssh_key(private, public, "lab")
    assert line == ensure_ssh_key(private, public, "lab")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert line == f"ssh-ed25519 {Ed25519Key.from_private_key_file(str(private)).get_base64()} lab\n"


def test_the_authority_signs_for_the_names_it_is_given(tmp_path: Path) -> None:
    chain, _ = Authority(tmp_path / "ca").issue(["ghcr.io", "deb.debian.org"])
    leaf, authority = x509.load_pem_x509_certificates(chain)
    leaf.verify_directly_issued_by(authority)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["ghcr.io", "deb.debian.org"]
    assert authority == x509.load_pem_x509_certificate((tmp_path / "ca" / "ca.crt").read_bytes())
    again, _ = Authority(tmp_path / "ca").issue(["ghcr.io"])
    assert x509.load_pem_x509_certificates(again)[1] == authority
