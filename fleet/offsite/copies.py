"""Off-site copies, seen from an operator's machine: set up, listed, brought here, opened, proved."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from aipbx_agent.contract import OFFSITE
from fleet import agent
from fleet.errors import FailedError, OperatorError
from fleet.inventory import hosts, settings, stores
from fleet.offsite import encrypted_set
from fleet.output import say, step
from fleet.remote import Remote, as_root
from fleet.ssh import ssh
from fleet.transfer import archive

PUBLIC_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]{68}={0,2}")
# Seconds for a whole set, over a slow line.
LONG = 6 * 3600.0


def make_key(origin: str) -> str:
    """Return the command that makes a host's own SSH key if it has none, and prints the public half.

    Args:
        origin: the host, for the key's comment.
    """
    key, new = f"{OFFSITE}/id_ed25519", f"{OFFSITE}/id_ed25519.new"
    generate = f"ssh-keygen -q -t ed25519 -N '' -C {shlex.quote(origin)} -f {new}"
    return (
        f"set -e; umask 077; [ -d {OFFSITE} ]; [ -s {key} ] || {{ rm -f {new} {new}.pub; {generate}; rm {new}.pub; "
        f"sync {new}; mv {new} {key}; }}; ssh-keygen -y -f {key}"
    )


def host_key(app_dir: str, origin: str) -> str:
    """Return the command that shows a peer's public host key, once it is ready for an origin's copies.

    Args:
        app_dir: where aiPBX lives on the peer.
        origin: the host whose copies it is to keep.
    """
    account, folder = stores.account(origin), stores.folder(app_dir, origin)
    return f"getent passwd {account} >/dev/null && [ -d {folder}/sets ] && cat /etc/ssh/ssh_host_ed25519_key.pub"


def init(remote: Remote) -> None:
    """Make a host's off-site store usable: keys where there are keys, then a file there and back.

    Args:
        remote: the host whose copies match.

    Raises:
        OperatorError: it has no store, or something about it does not work.
    """
    store = _store(remote)
    if isinstance(store, stores.Peer):
        _introduce(remote, of_name(store.host))
    with step(f"{remote.name} puts a file there, reads it back, and tries to delete it"):
        tried = agent.query(remote, ["offsite-probe"])
    say(f"{remote.name}: {tried['where']} takes copies, gives them back; deleting one is {tried['deletes']}.")


def _introduce(remote: Remote, peer: Remote) -> None:
    """Make an origin and its peer know each other's keys; each is asked over the operator's own connection."""
    with step(f"{remote.name} and {peer.name} exchange their keys"):
        shown = peer.run(host_key(peer.settings.app_dir, remote.name))
        if shown.code != 0 or not (theirs := PUBLIC_KEY.search(shown.out)):
            raise OperatorError(
                f"{peer.name} is not ready for copies of {remote.name}.",
                "It has no account or no folder for them yet.",
                f"pyinfra inventory.py deploys/bootstrap.py --limit {peer.name}",
            )
        result = remote.run(make_key(remote.name))
        if result.code != 0 or not (ours := PUBLIC_KEY.search(result.out)):
            raise OperatorError(
                f"{remote.name} could not make its SSH key.",
                result.last_words,
                f"pyinfra inventory.py deploys/bootstrap.py --limit {remote.name}",
            )
        authorised = f"{OFFSITE}/authorized/{stores.account(remote.name)}"
        # sshd reads it as that account, and it may do nothing that is not allowed in sshd's configuration.
        peer.put_root_file(authorised, f"restrict {ours[0]} {remote.name}\n".encode(), mode="644")
        remote.put_root_file(f"{OFFSITE}/known_hosts", f"{peer.name} {theirs[0]}\n".encode(), mode="644")


def copies(remote: Remote) -> list[dict[str, Any]]:
    """The off-site copies of a host's sets, oldest first, as their store says: name, taken, bytes, whole, verified.

    A peer is asked itself: it answers also when the host is no more.

    Raises:
        OperatorError: the host has no store, or it cannot be asked.
    """
    query, more = through(remote)
    return list(agent.query(query, ["offsite-list", *more])["sets"])


def fetch(remote: Remote, name: str, folder: Path) -> Path:
    """Bring an off-site copy here, opened and verified.

    Args:
        remote: the host whose set it is; with a peer as its store it need not be alive.
        name: the set's; empty: the newest whole one.
        folder: gets the file.

    Returns: `<host>-<name>.tar`, as `inv backup --download` writes it.

    Raises:
        OperatorError: there is no such copy, no key here opens it, or it is not what was stored.
    """
    copy = chosen(remote.name, copies(remote), name)
    path = folder / archive.file_name(remote.name, copy["name"])
    encrypted_set.receive(_sending(remote, copy), copy, path)
    return path


def check(remote: Remote, name: str) -> dict[str, Any]:
    """Prove that a copy could be restored: bring it here, open it, compare every file with the manifest; keep nothing.

    Args:
        remote: the host whose set it is.
        name: the set's; empty: the newest whole one.

    Returns: set, and whether its host itself confirms that it is the copy which it made.

    Raises:
        OperatorError: there is none, or it is not what was stored.
    """
    copy = chosen(remote.name, copies(remote), name)
    encrypted_set.prove(_sending(remote, copy), copy)
    manifests = _listed(remote)
    refuse_exchanged(remote.name, copy, manifests or [])
    say(f"{remote.name}: {copy['name']} came from off-site, was opened here, and every file is as its manifest says.")
    return {"set": copy["name"], "confirmed_by_host": manifests is not None}


def _listed(remote: Remote) -> list[dict[str, Any]] | None:
    """Return the sets that a host lists; None: it cannot be asked, and that is said."""
    try:
        return list(agent.query(remote, ["list"])["sets"])
    except OperatorError as problem:
        say(f"{problem.what} So only the store confirms that it is the copy which {remote.name} made.", "yellow")
        return None


def refuse_exchanged(host: str, copy: dict[str, Any], manifests: list[dict[str, Any]]) -> None:
    """Compare a copy with what its origin wrote down when it made it: anyone can encrypt to a public key.

    Args:
        host: the origin.
        copy: what the store says of it.
        manifests: the origin's sets, as it lists them.

    Raises:
        FailedError: it is another one.
    """
    hash_at_upload = {manifest["name"]: (manifest.get("offsite") or {}).get("sha256") for manifest in manifests}.get(
        copy["name"]
    )
    if hash_at_upload and hash_at_upload != copy["sha256"]:
        raise FailedError(
            f"The off-site copy {copy['name']} is not the one that {host} made.",
            "Its hash differs from the one that the host recorded.",
            "It was replaced: treat the store as compromised. The set on the host is not affected.",
        )


def chosen(host: str, copies: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the copy that is meant.

    Args:
        copies: its copies, oldest first.
        name: the set's; empty: the newest whole one.

    Raises:
        OperatorError: there is none of that name, or it is incomplete.
    """
    matching = [copy for copy in copies if copy["name"] == name] if name else [copy for copy in copies if copy["whole"]]
    if not matching:
        raise OperatorError(
            f"{host} has no off-site copy {name or 'that is whole'}.",
            f"Its store has: {', '.join(copy['name'] for copy in copies) or 'none'}.",
            f"inv backups --host={host}",
        )
    if not matching[-1]["whole"]:
        raise OperatorError(
            f"The off-site copy {name} of {host} is incomplete.",
            "Its file is missing there, or has another length.",
            f"Use another: inv backups --host={host}",
        )
    return matching[-1]


def _sending(remote: Remote, copy: dict[str, Any]) -> list[str]:
    """Return the command that prints an encrypted copy."""
    query, more = through(remote)
    command = shlex.join(["aipbx-agent", "offsite-send", f"sets/{copy['name']}.tar.age", *more])
    return ssh.command(query.name, query.settings.deploy_user, as_root(command, LONG))


def through(remote: Remote) -> tuple[Remote, list[str]]:
    """Return which host reads the store of `remote`, and the options of its verb."""
    store = _store(remote)
    if isinstance(store, stores.Peer):
        return of_name(store.host), ["--of", remote.name]
    return remote, []


def of_name(name: str) -> Remote:
    """Another host of the inventory.

    Raises:
        OperatorError: there is none of that name, or its data are malformed.
    """
    (host,) = hosts.select(name, hosts.load())
    return Remote(host.name, settings.of_host(host.name, host.data))


def _store(remote: Remote) -> stores.Peer | stores.Bucket:
    store = remote.settings.offsite
    if store is None:
        raise OperatorError(
            f"{remote.name} has no off-site store.",
            "`offsite` is empty for it: its backups would be lost with it.",
            "Declare one in inventory.py (group_data/all.py says how) and converge.",
        )
    stores.check(remote.name)
    return store
