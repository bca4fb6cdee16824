"""The requests of a caller with CI's key, rebuilt: what was checked of theirs, and this host's own data.

So the key cannot choose images of others, what is asked of the network, what becomes of the ledger's past, or SQL.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from typing import Any

from aipbx_agent.ci import image_files, values
from aipbx_agent.ci.request import Call, read_object, refused
from aipbx_agent.contract import CARRIED_OUT, IMAGES, SERVICES, STAGED
from aipbx_agent.core import times
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.release import releases
from aipbx_agent.release.lock import deploy_lock
from aipbx_agent.status.state import images as images_of

# sshd's variable: the caller's address and port, and this host's.
CONNECTION = "SSH_CONNECTION"
# What of a migration's facts a caller may say: how it is judged, never how it is run.
_LOSS = ("what", "kind")


def request(config: Config, call: Call, body: bytes) -> bytes:
    """The input of the agent's own verb.

    Raises:
        Refused: CI may not ask it, or not now.
    """
    if call.verb in NEEDS_LOCK:
        refuse_without_lock(config)
    return REBUILD[call.verb](config, body)


def refuse_without_lock(config: Config) -> None:
    """Refuse what only one run at a time may do.

    Raises:
        Refused: the lock is someone else's, or no one's.
    """
    lock = deploy_lock.current(config)
    owner = lock.owner.removesuffix(CARRIED_OUT) if lock else ""
    if not values.is_ours(owner):
        raise Refused(
            f"CI does not have the lock of {config.host}.",
            f"It is {owner or 'no one'}'s.",
            f"Run the workflow again when it is free; inv status --host={config.host} shows it.",
        )


def _nothing(_: Config, body: bytes) -> bytes:
    if body:
        raise refused("It takes no input.")
    return b""


def _state(config: Config, _: bytes) -> bytes:
    return _json(settings=_settings(config), drain_seconds=_drain(config), confidential=False)


def _overlap(config: Config, body: bytes) -> bytes:
    services = values.field(read_object(body), "services", values.services)
    return _json(settings=_settings(config), services=services, drain_seconds=_drain(config))


def _prepare(config: Config, body: bytes) -> bytes:
    sent = read_object(body)
    # The switch asks for overlapping timers in any case.
    overlaps = None if sent.get("overlaps") is None else _drain(config)
    own = {name: config.raw["release"][name] for name in ("volumes", "extra")}
    return _json(images=_images(config, sent), settings=_settings(config), base=True, overlaps=overlaps, **own)


def _fill(config: Config, body: bytes) -> bytes:
    return _json(**_references(config, values.images(read_object(body), "images", _repositories(config))))


def _switch(config: Config, body: bytes) -> bytes:
    sent = read_object(body)
    entry = _entry(config, values.field(sent, "entry", values.mapping), "ok")
    if images_of(config, STAGED) != entry["images"]:
        raise refused("What was prepared is another release.")
    changed = [name for name in SERVICES if entry["before"][name] != entry["after"][name]]
    return _json(
        entry=entry,
        settings=_settings(config),
        services=changed or list(SERVICES),
        owner=values.field(sent, "owner", values.owner),
        drain_seconds=_drain(config),
        accepts_overlap=False,
    )


def _record(config: Config, body: bytes) -> bytes:
    return _json(**_entry(config, read_object(body), "failed"))


def _entry(config: Config, sent: dict[str, Any], result: str) -> dict[str, Any]:
    """A line of the ledger: what ran and when is what this host knows."""
    if sent.get("action") != "deploy":
        raise refused("CI deploys, and does nothing else.")
    seconds = values.field(sent, "seconds", values.number)
    subjects = values.field(sent, "subjects", values.mapping)
    named = {name: values.line(subjects[name], "subject") for name in SERVICES if name in subjects}
    after = values.images(sent.get("images"), "images", _repositories(config))
    return {
        "time": times.text(datetime.now(timezone.utc) - timedelta(seconds=seconds)),
        "operator": values.field(sent, "operator", values.operator),
        "action": "deploy",
        "result": result,
        "seconds": seconds,
        "before": running(config),
        "after": after,
        "images": _references(config, after),
        "note": values.line(sent.get("note", ""), "note") if result == "failed" else "",
        "subjects": {name: releases.subject(text) for name, text in named.items()},
        "address": _address(),
    }


def _address() -> str:
    """From where the caller came, by sshd's word, which sudo keeps for CI; empty: it is not known."""
    try:
        return str(ip_address(os.environ.get(CONNECTION, "").partition(" ")[0].partition("%")[0]))
    except ValueError:
        return ""


def running(config: Config) -> dict[str, str]:
    """The commits that run here, by service.

    Raises:
        Refused: none does.
    """
    images = images_of(config, IMAGES)
    if set(images) != set(SERVICES):
        raise Refused(
            f"{config.host} has no release yet.",
            "The first one makes a database and a certificate: an operator watches that.",
            f"inv deploy --host={config.host}",
        )
    return {service: images[service].rpartition(":")[2] for service in SERVICES}


def _migrations(config: Config, body: bytes) -> bytes:
    return _json(**_given(config, read_object(body)))


def _migrate(config: Config, body: bytes) -> bytes:
    sent = _given(config, read_object(body))
    image_files.refuse_others(f"{_repositories(config)['backend']}:{sent['release']}", sent["files"])
    return _json(**sent)


def _given(config: Config, sent: dict[str, Any]) -> dict[str, Any]:
    """What the host judges and runs migrations by (aipbx_agent/migrations/due.py)."""
    files = values.field(sent, "files", values.mapping)
    facts = values.field(sent, "facts", values.mapping)
    if set(files) != set(facts) or not all(isinstance(text, str) for text in files.values()):
        raise refused("Its files and what is said of them are not the same ones.")
    return {
        "release": values.field(sent, "release", values.sha),
        "files": {values.migration(name, "file"): text for name, text in files.items()},
        "facts": {name: _facts(name, values.mapping(fact, "facts")) for name, fact in facts.items()},
        "without": values.migrations(sent.get("without", []), "without"),
        "allow": values.migrations(sent.get("allow", []), "allow"),
        "shown": values.flag(sent.get("shown", True), "shown"),
        **config.raw["release"]["migrations"],
    }


def _facts(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """What of a file's facts says how it is judged. How it is run is not theirs to say: whole, as the application."""
    return {
        # Line 0: no statement of its own, so a failure names the line that PostgreSQL names.
        "statements": [{"start": 0, "line": 0, "last": 0, "admin": False}],
        "cannot": [_impossible(name, item) for item in values.each(facts.get("cannot"), "cannot", _list)],
        "losses": [_loss(item) for item in values.each(facts.get("losses"), "losses", values.mapping)],
        "breaks": values.field(facts, "breaks", values.line),
        "renames": values.field(facts, "renames", values.flag),
        "makes": [_made(item) for item in values.each(facts.get("makes"), "makes", values.lines)],
    }


def _list(value: object, name: str) -> list[Any]:
    return values.each(value, name, lambda item, _: item)


def _impossible(name: str, reason: list[Any]) -> list[Any]:
    if len(reason) != 4:
        raise refused("What cannot be run is not as it has to be.")
    line, *words = reason
    # They are filled in by str.format, which must find no field of the caller's.
    messages = [values.line(text, "cannot").replace("{file}", name) for text in words]
    return [values.number(line, "line"), *(text.replace("{", "{{").replace("}", "}}") for text in messages)]


def _loss(loss: dict[str, Any]) -> dict[str, Any]:
    table = values.field(loss, "table", values.lines)
    if len(table) != 2:
        raise refused("A table has a schema and a name.")
    return {
        "line": values.field(loss, "line", values.number),
        **{key: values.field(loss, key, values.line) for key in _LOSS},
        "table": table,
        "columns": values.field(loss, "columns", values.lines),
        "cascade": values.field(loss, "cascade", values.flag),
    }


def _made(names: list[str]) -> list[str]:
    if len(names) not in {3, 4}:
        raise refused("What a file makes is not as it has to be.")
    return names


def _notice(_: Config, body: bytes) -> bytes:
    text = body.decode("utf-8", "replace")[: values.LONGEST_NOTICE]
    lines = [values.line(each, "notice") for each in text.split("\n")]
    return "\n".join([f"CI: {lines[0]}", *(f"  {each}" for each in lines[1:])]).encode()


def _repositories(config: Config) -> dict[str, str]:
    return dict(config.raw["release"]["repositories"])


def _settings(config: Config) -> dict[str, Any]:
    return dict(config.raw["release"]["settings"])


def _drain(config: Config) -> int:
    return int(config.raw["release"]["drain_seconds"])


def _images(config: Config, sent: dict[str, Any]) -> dict[str, str]:
    return _references(config, values.images(sent.get("images"), "images", _repositories(config)))


def _references(config: Config, shas: dict[str, str]) -> dict[str, str]:
    return {service: f"{_repositories(config)[service]}:{sha}" for service, sha in shas.items()}


def _json(**content: Any) -> bytes:
    return json.dumps(content).encode()


# A release is brought under the lock; what only reads or notifies is not.
NEEDS_LOCK = {"pull", "prepare", "migrate", "migrations --record", "fill", "switch", "record"}
REBUILD: dict[str, Callable[[Config, bytes], bytes]] = {
    "state": _nothing,
    "state --release": _state,
    "overlap": _overlap,
    "prepare": _prepare,
    "fill": _fill,
    "switch": _switch,
    "record": _record,
    "migrations": _migrations,
    "migrations --record": _migrate,
    "migrate": _migrate,
    "notify": _notice,
}
