"""The one inventory, as Ansible reads it: the same data for both tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from jinja2 import Template

from fleet.converge.firewall import rules
from fleet.inventory import settings
from fleet.inventory.hosts import Host

# How the project's templates and files tell IPv4 from IPv6, and what `anywhere` is in each.
FAMILIES: tuple[tuple[str, Literal[4, 6], str], ...] = (("", 4, "0.0.0.0/0"), ("6", 6, "::/0"))


def inventory(root: Path, hosts: Sequence[Host], operator_keys: Sequence[str]) -> dict[str, Any]:
    """Ansible's inventory, for a file in JSON (which is YAML to Ansible).

    Args:
        root: the checkout; the playbook takes templates and files from it.
        hosts: the hosts with their data.
        operator_keys: the public keys that open the deploy account.

    Raises:
        OperatorError: a host's data cannot be used.
    """
    user_rules = (root / "templates" / "ufw" / "user.rules.j2").read_text(encoding="utf-8")
    common = {"project": str(root), "operator_keys": list(operator_keys)}
    return {"fleet": {"hosts": {host.name: _of_host(host, user_rules) for host in hosts}, "vars": common}}


def _of_host(host: Host, user_rules: str) -> dict[str, Any]:
    checked = settings.of_host(host.name, host.data)
    declared = {family: rules.declared(checked, version) for family, version, _ in FAMILIES}
    # This template calls methods of its openings, which no inventory can carry: so Ansible gets its text.
    template = Template(user_rules, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return {
        "settings": checked.model_dump(mode="json"),
        "ufw_docker_user": {family: declared[family].docker_user() for family, _, _ in FAMILIES},
        "ufw_user_rules": {
            family: template.render(v=family, openings=declared[family].opened, anywhere=anywhere)
            for family, _, anywhere in FAMILIES
        },
    }
