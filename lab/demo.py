"""`make demo`: three fresh hosts become three running aiPBX, by the very commands that an operator types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.inventory import hosts as inventory
from fleet.inventory import settings
from fleet.nginx import settings as nginx_settings
from lab import lifecycle, typed
from lab.access import files
from lab.access.authority import Authority, write_private
from lab.access.guard import require_lab_addresses
from lab.app import history
from lab.app.commits import EARLIER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.progress import Steps
    from lab.topology import Lab

CONVERGE = ("pyinfra", "inventory.py", "deploys/bootstrap.py", "-y")
PUSH = ("inv", "env.push", "--host=all", "--yes")
DEPLOY = ("inv", "deploy", "--host=all", "--yes")
_PLACEHOLDER = "<fill in>"
# What no program can invent: in life these belong to anyone who runs the host.
_VALUES = {
    "ADMIN_EMAIL": "admin@{host}",
    "OPENAI_API_KEY": "sk-lab-never-calls-anybody",
    "STRIPE_SECRET_KEY": "sk_test_lab_never_charges_anybody",
}


def show(lab: Lab, steps: Steps) -> None:
    """Bring the lab up, converge its hosts, give them their configuration, deploy, and say what to check.

    Args:
        steps: Shows how it comes up.

    Raises:
        LabError: A command failed, or the hosts are not the lab's.
    """
    with steps.shown():
        hosts = lifecycle.up(lab, steps).hosts
    addresses = {host.name: host.address4 for host in hosts}
    require_lab_addresses(lab.directory / "ssh_config", list(addresses))
    print("\n$ export AIPBX_SSH_CONFIG=$PWD/.lab/ssh_config", flush=True)
    typed.run(lab, CONVERGE)
    _configure(lab, list(addresses))
    typed.run(lab, PUSH)
    _certify(lab)
    typed.run(lab, DEPLOY)
    backend = history.commits(lab.directory / "repositories" / "krasterisk" / "aiPBX_backend.git")
    print(f"\nReady after {steps.elapsed} minutes.")
    print(farewell(addresses, backend[EARLIER][:8]))


def filled(text: str, host: str) -> str:
    """Return a new env file with the lab's values where it has placeholders.

    Args:
        text: What ``inv env.init`` wrote.
        host: The host's name.
    """
    for name, value in _VALUES.items():
        text = text.replace(f"{name}='{_PLACEHOLDER}'", f"{name}='{value.format(host=host)}'")
    return text


def farewell(addresses: Mapping[str, str], earlier: str) -> str:
    """Return what is there now, and what to type next.

    Args:
        addresses: IPv4 address by host name.
        earlier: A commit of the backend before the one that runs.
    """
    first, address = next(iter(addresses.items()))
    pages = "\n".join(f"    https://{name}" for name in addresses)
    rules = ", ".join(f"MAP {name} {to}" for name, to in addresses.items())
    return f"""
Three hosts run aiPBX (the lab's stand-in application):

{pages}

These names lead into the lab only where that is configured, and the lab has an authority of its own:

    curl --cacert .lab/{files.AUTHORITIES} --resolve {first}:443:{address} https://{first}/
    chromium --user-data-dir=/tmp/aipbx-lab --ignore-certificate-errors --host-resolver-rules='{rules}' https://{first}

What to type next:

    . .venv/bin/activate
    export AIPBX_SSH_CONFIG=$PWD/.lab/ssh_config   leads inv, pyinfra and ssh into the lab, not to the real servers
    inv status                                     release, health, certificate, disk of each host
    inv logs backend --host={first} -f           what the backend says
    inv db --host={first}                        psql on the application's database
    inv deploy --host={first} --sha={earlier}     an earlier commit of the backend
    inv rollback --host={first}                  back to the release before
    pyinfra inventory.py deploys/bootstrap.py --dry   the hosts are as declared: nothing to change
    inv lab.reset --host=aipbx.ru                  a fresh server again
    inv lab.down                                   take the lab away; `make clean` removes all of it
"""


def _configure(lab: Lab, hosts: Sequence[str]) -> None:
    """Write the env files that are missing."""
    paths = {host: lab.directory / "env" / f"{host}.env" for host in hosts}
    if missing := [host for host, path in paths.items() if not path.exists()]:
        typed.run(lab, ("inv", "env.init", f"--host={','.join(missing)}"))
        for host in missing:
            paths[host].write_text(filled(paths[host].read_text(), host))
        print(f"(The lab replaces each {_PLACEHOLDER}: {', '.join(_VALUES)}.)", flush=True)


def _certify(lab: Lab) -> None:
    """Supply a certificate to each host that, by its data, does not get one from Let's Encrypt."""
    for host in inventory.load():
        checked = settings.of_host(host.name, host.data)
        if checked.tls == "supplied":
            folder = lab.directory / "tls" / host.name
            chain, key = folder / "fullchain.pem", folder / "privkey.pem"
            if not (chain.exists() and key.exists()):
                issued, secret = Authority(lab.directory / "ca").issue(nginx_settings.names(host.name, checked))
                write_private(key, secret)
                chain.write_bytes(issued)
                print(
                    f"\n(The lab's authority signs a certificate for {host.name}, which takes none from Let's Encrypt.)"
                )
            given = [f"--{option}={path.relative_to(lab.root)}" for option, path in (("cert", chain), ("key", key))]
            typed.run(lab, ("inv", "tls.supply", f"--host={host.name}", *given))
