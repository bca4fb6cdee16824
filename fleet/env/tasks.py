"""The verbs on the application's configuration: ``inv env.init`` and so on."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from fleet.cli import agreed, finish, hosts_to_change, hosts_to_read, remotes, report_errors
from fleet.command_line import dry_run
from fleet.command_line.verb import task
from fleet.errors import OperatorError, worst

if TYPE_CHECKING:
    from invoke.context import Context

    from fleet.env.host.remote import Remote
    from fleet.inventory.hosts import Host

HOST = "a host's name, several with commas, a group, or all"


@task(help={"host": HOST})
@report_errors
def init(_: Context, host: str = "") -> None:
    """Write a new env file: every required variable, strong secrets made, the rest explained."""
    from fleet.env import address, moving
    from fleet.env.dotenv import files, template
    from fleet.inventory import secret_sources

    hosts = hosts_to_change(host)
    for chosen in hosts:
        files.refuse_existing(chosen.name)
    for chosen in hosts:
        public = address.public_address(chosen.name)
        known = {"EXTERNAL_HOST": f"{public or '<public IPv4>'}:3032"}
        path = files.paths(chosen.name)[0]
        source = secret_sources.declared(chosen.data)
        files.save(path, moving.keep_apart(chosen.name, source, template.new_file(chosen.name, known).encode()))
        secrets = "its secrets are in the store" if source else "with new secrets"
        print(f"{chosen.name}: wrote {files.shown(path)} (mode 600, not in git), {secrets}.")
        print(f"next: replace each <…> in it: inv env.edit --host={chosen.name}")


@task(help={"host": HOST, "json": "print JSON"})
@report_errors
def check(_: Context, host: str = "", json: bool = False) -> None:
    """Show everything that is wrong with env files, all at once; exit code 1 when there are errors."""
    from fleet.env import report

    if not report.check(hosts_to_read(host), as_json=json):
        finish(1)


@task(help={"host": HOST, "json": "print JSON"})
@report_errors
def diff(_: Context, host: str = "", json: bool = False) -> None:
    """Show what a push would change, secrets masked; exit code 0: nothing, 1: something."""
    from fleet.env import findings, production, report
    from fleet.env.host import comparison, rendering
    from fleet.env.host.remote import current
    from fleet.env.secret_store import merging

    rows: list[dict[str, Any]] = []
    failed: list[int] = []
    for chosen in hosts_to_read(host):
        try:
            file = merging.of_host(chosen)
            ours = rendering.environments(file.values())
            findings.refuse(file, production.findings(file))
            present = current(_remote(chosen), chosen.data["app_dir"])
        except OperatorError as error:
            print(error, file=sys.stderr)
            failed.append(error.code)
            continue
        changes = comparison.changes(present, ours)
        rows.append({"host": chosen.name, "pushed_before": present is not None, "same": not changes})
        rows[-1]["changes"] = [change.as_json for change in changes]
        if not json:
            report.changes(chosen.name, changes, first=present is None)
            report.store(file, changes, first=present is None)
    if json:
        import json as notation

        print(notation.dumps(rows, indent=2, ensure_ascii=False))
    if failed:
        finish(worst(failed))
    if not all(row["same"] for row in rows):
        finish(1)


@task(help={"host": HOST, "yes": "do not ask"})
@report_errors
def push(_: Context, host: str = "", yes: bool = False) -> None:
    """Check an env file, show what changes, and put it on the host; it counts from the next deploy on."""
    from fleet.env import findings, report
    from fleet.env.dotenv import files
    from fleet.env.host import push as pushing
    from fleet.env.secret_store import merging

    chosen_hosts = hosts_to_change(host)
    checked = findings.all_checked({chosen.name: partial(merging.of_host, chosen) for chosen in chosen_hosts})
    for chosen in chosen_hosts:
        file = checked[chosen.name]
        print(f"{chosen.name}: push {files.shown(file.path)}{file.store and f' with the secrets of {file.store}'}")
        report.warnings(file, chosen.data["images_from"])
        remote = _remote(chosen)
        ready = pushing.plan(remote, chosen.data["app_dir"], file.values())
        report.changes(chosen.name, ready.changes, first=ready.first)
        report.store(file, ready.changes, first=ready.first)
        if not ready.changes:
            continue
        for line in ready.consequences:
            print(f"    note: {line}")
        if dry_run.active():
            continue
        if not agreed(f"Push to {chosen.name}", yes=yes):
            print(f"{chosen.name}: nothing was changed.")
            finish(1)
        pushing.push(remote, chosen.data["app_dir"], ready)
        until = f" What runs keeps the old values until: inv deploy --host={chosen.name}" * ready.waits_for_a_deploy
        print(f"{chosen.name}: pushed.{until}")


@task(help={"host": "a host's name"})
@report_errors
def edit(_: Context, host: str = "") -> None:
    """Edit an env file in $EDITOR, an encrypted one in memory only, and check it."""
    from fleet.env import report
    from fleet.env.dotenv import dotenv_file, editing, files
    from fleet.env.secret_store import merging

    chosen = _one(host)
    file = files.load(chosen.name)
    content = file.content
    name = f"{chosen.name}.env"
    while True:
        content = editing.edited(content, name, None if file.sealed else file.path.parent)
        faults = dotenv_file.read(content).faults
        if not faults:
            break
        for fault in faults:
            why = f"{fault.name} {fault.why}".strip()
            print(f"    error: line {fault.line}: {why} — {fault.do}", file=sys.stderr)
        if not sys.stdin.isatty() or not agreed(
            "It cannot be read like this. Edit it again (otherwise it is discarded)"
        ):
            raise OperatorError("Nothing was saved.", "The text could not be read.", f"inv env.edit --host={host}")
    if content == file.content:
        print(f"{chosen.name}: nothing was changed.")
        return
    if files.load(chosen.name).content != file.content:
        raise OperatorError(
            f"{files.shown(file.path)} was changed by someone else while you edited it.",
            "Saving would undo that.",
            "Edit it again.",
        )
    files.save(file.path, content)
    print(f"{chosen.name}: saved {files.shown(file.path)}{' (encrypted)' if file.sealed else ''}.")
    if report.findings(merging.of_host(chosen), chosen.data["images_from"]) == 0:
        print(f"next: inv env.push --host={chosen.name}")


@task(help={"host": HOST})
@report_errors
def encrypt(_: Context, host: str = "") -> None:
    """Encrypt env files to everyone in env/recipients.txt; again, when that list has changed."""
    from fleet.env.dotenv import files

    for chosen in hosts_to_change(host):
        file = files.load(chosen.name)
        plain, sealed = files.paths(chosen.name)
        files.save(sealed, file.content)
        plain.unlink(missing_ok=True)
        print(f"{chosen.name}: {files.shown(sealed)} is encrypted to all recipients, and may be committed to git.")


@task(
    help={
        "host": "a host's name",
        "to": "vault, aws or sops: the store that the inventory names; age: the encrypted env file",
        "yes": "do not ask",
    }
)
@report_errors
def move(_: Context, host: str = "", to: str = "", yes: bool = False) -> None:
    """Move a host's secrets between its env file and its store: written, read back, compared, then removed."""
    from fleet.env import moving
    from fleet.inventory import secret_sources

    chosen = _one(host)
    ready = moving.plan(chosen.name, secret_sources.declared(chosen.data), to)
    if not ready.lines:
        print(f"{chosen.name}: nothing to move.")
        return
    print(f"{chosen.name}: move secrets")
    for line in ready.lines:
        print(f"    {line}")
    if not agreed(f"Move the secrets of {chosen.name}", yes=yes):
        print(f"{chosen.name}: nothing was changed.")
        finish(1)
    moving.carry_out(chosen.name, ready)
    print(f"{chosen.name}: moved; what was read back is the same.")
    print(f"next: {ready.next}")


def _one(host: str) -> Host:
    chosen = hosts_to_change(host)
    if len(chosen) > 1:
        raise OperatorError("This command takes one host.", f"{host} means {len(chosen)}.", "Name one of them.")
    return chosen[0]


def _remote(host: Host) -> Remote:
    return remotes([host])[0]
