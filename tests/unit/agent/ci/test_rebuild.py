"""What a caller with CI's key says is checked by what it is; all else in a request is the host's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aipbx_agent.ci import image_files, pull, rebuild, values
from aipbx_agent.ci.request import Call
from aipbx_agent.contract import CARRIED_OUT, IMAGES, STAGED
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Refused
from aipbx_agent.migrations import facts as facts_of
from aipbx_agent.release.lock import deploy_lock
from aipbx_agent.release.registry import Image

NEW, OLD, PAGES = "a" * 40, "b" * 40, "c" * 40
REPOSITORIES = {"backend": "ghcr.io/team/backend", "frontend": "ghcr.io/team/pages"}
OWNER = "ci@runner-1, deploy, since 2026-11-29 06:00:00 UTC"
OWN: dict[str, Any] = {
    "settings": {"ready_seconds": 40, "public_checks": []},
    "drain_seconds": 300,
    "keep": 3,
    "repositories": REPOSITORIES,
    "base_images": ["nginx:1"],
    "volumes": ["data"],
    "extra": [],
    "migrations": {"early": [], "skipped": {}, "lock_seconds": 3, "statement_seconds": 300},
}
FILE = "2026-10-01-paid.sql"
FACTS: dict[str, Any] = {
    "statements": [{"start": 7, "line": 3, "last": 3, "admin": True}],
    "cannot": [[2, "COMMIT", "why {file}", "do {file} {0.__class__}"]],
    "losses": [
        {"line": 1, "what": "DROP", "kind": "rows", "table": ["", "users"], "columns": [], "cascade": False, "sql": "x"}
    ],
    "breaks": "",
    "renames": False,
    "makes": [["table", "", "x"]],
    "takes": [],
}


def references(backend: str = NEW, frontend: str = PAGES) -> dict[str, Any]:
    return {"backend": f"{REPOSITORIES['backend']}:{backend}", "frontend": f"{REPOSITORIES['frontend']}:{frontend}"}


def write(config: Config, file: str, backend: str) -> None:
    text = "".join(f"{name.upper()}_IMAGE={image}\n" for name, image in references(backend).items())
    (config.app / file).write_text(text + "COMPOSE_FILE=compose.yml\n")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A host with a release, another one prepared, and the lock in CI's hands."""
    made = Config({"host": "aipbx.ru", "app_dir": str(tmp_path), "release": OWN}, {}, {})
    (tmp_path / "backups").mkdir()
    write(made, IMAGES, OLD)
    write(made, STAGED, NEW)
    deploy_lock.take(made, OWNER, tied=True)
    return made


def entry(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "time": "1999-01-01T00:00:00Z",
        "operator": "ci@runner-1",
        "action": "deploy",
        "result": "ok",
    }
    given |= {
        "seconds": 9,
        "before": None,
        "after": {},
        "images": references(),
        "note": "n",
        "subjects": {"backend": "s"},
    }
    return given | changes


def asked(config: Config, verb: str, **given: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rebuild.request(config, Call(verb, 8), json.dumps(given).encode()))
    return found


def refused(config: Config, verb: str, **given: Any) -> None:
    with pytest.raises(Refused):
        rebuild.request(config, Call(verb, 8), json.dumps(given).encode())


def test_a_state_is_asked_for_by_the_host_s_own_data_and_has_nothing_confidential(config: Config) -> None:
    found = asked(config, "state --release", settings={"public_checks": ["http://evil"]}, confidential=True)
    assert found == {"settings": OWN["settings"], "drain_seconds": 300, "confidential": False}
    with pytest.raises(Refused):
        rebuild.request(config, Call("state", 8), b"{}")


def test_what_is_prepared_is_the_application_s_at_a_commit(config: Config) -> None:
    given = {
        "images": references(),
        "settings": {"switch_mode": "x"},
        "base": False,
        "volumes": ["/etc"],
        "overlaps": 0,
    }
    found = asked(config, "prepare", **given)
    own = {"settings": OWN["settings"], "base": True, "volumes": ["data"], "extra": [], "overlaps": 300}
    assert found == {"images": references(), **own}


@pytest.mark.parametrize(
    "images",
    [
        None,
        {},
        {"backend": references()["backend"]},
        references() | {"postgres": f"evil:{NEW}"},
        references() | {"backend": f"evil/backend:{NEW}"},
        references("latest"),
        references(NEW.upper()),
        references(NEW + "\n"),
        references(NEW[:-1]),
        references(f"x@sha256:{'0' * 64}"),
        references() | {"backend": [NEW]},
        references() | {"backend": f"{REPOSITORIES['backend']}:{NEW} --privileged"},
    ],
)
def test_no_other_images(config: Config, images: Any) -> None:
    refused(config, "prepare", images=images, overlaps=None)
    refused(config, "switch", entry=entry(images=images), owner=OWNER)
    refused(config, "record", **entry(images=images))
    with pytest.raises(Refused):
        rebuild.request(config, Call("fill", 8), json.dumps(images).encode())


def test_a_switch_says_what_the_host_knows(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "fe80::7%eth0 50000 198.51.100.10 22")
    found = asked(
        config, "switch", entry=entry(), owner=OWNER, services=["frontend"], settings={}, drain_seconds=0,
        accepts_overlap=True,
    )  # fmt: skip
    assert found["services"] == ["backend"]
    assert (found["settings"], found["drain_seconds"], found["accepts_overlap"]) == (OWN["settings"], 300, False)
    line = found["entry"]
    assert (line["before"], line["after"]) == (
        {"backend": OLD, "frontend": PAGES},
        {"backend": NEW, "frontend": PAGES},
    )
    assert line["time"] > "2026"
    assert line["address"] == "fe80::7"
    assert (line["note"], line["subjects"]) == ("", {"backend": "s"})


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "rollback"},
        {"action": "rotation"},
        {"operator": "anna@desk"},
        {"operator": "ci@runner\nanna"},
        {"seconds": -1},
        {"seconds": 1e9},
        {"seconds": True},
        {"images": references(OLD)},
        {"subjects": []},
    ],
)
def test_no_other_line_of_the_ledger(config: Config, changes: dict[str, Any]) -> None:
    refused(config, "switch", entry=entry(**changes), owner=OWNER)


def test_a_host_without_a_release_is_not_ci_s(config: Config) -> None:
    (config.app / IMAGES).unlink()
    refused(config, "switch", entry=entry(), owner=OWNER)


@pytest.mark.parametrize("owner", ["", "anna@desk, deploy, since 2026-11-29 06:00:00 UTC", "unknown"])
@pytest.mark.parametrize("verb", sorted(rebuild.NEEDS_LOCK))
def test_nothing_is_brought_without_the_lock(config: Config, verb: str, owner: str) -> None:
    deploy_lock.broken(config)
    if owner:
        deploy_lock.take(config, owner, tied=True)
    with pytest.raises(Refused) as problem:
        rebuild.refuse_without_lock(config)
    assert "does not have the lock" in problem.value.what
    if verb in rebuild.REBUILD:
        refused(config, verb)


def test_a_migration_runs_whole_as_the_application_and_is_the_image_s(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_files, "migrations", lambda _: {FILE: b"SELECT 1;\n", "other": b""})
    given = {"release": NEW, "files": {FILE: "SELECT 1;\n"}, "facts": {FILE: FACTS}, "allow": [FILE]}
    found = asked(config, "migrate", **given, lives=True, baseline=[FILE], run_marked=[], lock_seconds=9999)
    assert {key: found[key] for key in ("lock_seconds", "allow", "release")} == {
        "lock_seconds": 3, "allow": [FILE], "release": NEW
    }  # fmt: skip
    assert not {"lives", "baseline", "run_marked"} & set(found)
    one = facts_of.of(found["facts"][FILE])
    assert [(each.start, each.admin) for each in one.statements] == [(0, False)]
    (line, what, why, do) = one.cannot[0]
    assert (line, what, why.format(file=FILE)) == (2, "COMMIT", f"why {FILE}")
    assert do.format(file=FILE) == f"do {FILE} {{0.__class__}}"
    assert one.losses[0].table == ("", "users")
    refused(config, "migrate", **(given | {"files": {FILE: "DROP TABLE users;\n"}}))
    refused(config, "migrate", **(given | {"files": {"2026-10-01-mine.sql": "SELECT 1;\n"}}))
    refused(config, "migrations --record", **(given | {"files": {FILE: "SELECT 2;\n"}}))


@pytest.mark.parametrize(
    "changes",
    [
        {"release": "HEAD"},
        {"files": None},
        {"files": {}},
        {"files": {"../x.sql": ""}, "facts": {"../x.sql": FACTS}},
        {"allow": "all"},
        {"allow": ["x'; DROP TABLE users; --.sql"]},
        {"shown": 1},
        {"facts": {FILE: FACTS | {"losses": [{"line": 1}]}}},
        {"facts": {FILE: FACTS | {"makes": [["a"]]}}},
        {"facts": {FILE: FACTS | {"cannot": [[1, "a"]]}}},
        {"facts": {FILE: FACTS | {"breaks": None}}},
    ],
)
def test_no_other_migrations(config: Config, changes: dict[str, Any]) -> None:
    refused(config, "migrations", **({"release": NEW, "files": {FILE: ""}, "facts": {FILE: FACTS}} | changes))


def test_a_notice_is_marked_as_ci_s_and_moves_no_cursor(config: Config) -> None:
    text = rebuild.request(config, Call("notify", 8), b"aipbx.org: gone\x1b[2J\nclick\r\n" + b"x" * 100_000).decode()
    assert text.startswith("CI: aipbx.org: gone [2J\n  click\n  x")
    assert len(text) < 9000


@pytest.mark.parametrize(
    "owner",
    [
        "",
        "anna@laptop, deploy, since 2026-11-29 06:00:00 UTC",
        OWNER + CARRIED_OUT,
        OWNER + "\n",
        OWNER + "\nanna@laptop",
        OWNER.replace("ci@", " ci@"),
        OWNER.replace("deploy", "deploy, since"),
        OWNER.replace("runner-1", "runner\u202e"),
        OWNER.replace("deploy", "\x1b[2J"),
        OWNER.replace("deploy", "d" * 500),
        "aipbx.ru itself, restore, since 2026-11-29 06:00:00 UTC",
    ],
)
def test_no_lock_in_another_s_name(owner: str) -> None:
    with pytest.raises(Refused):
        values.owner(owner, "owner")


def test_what_is_pulled_is_said_by_commit_and_a_token_is_not_shown(config: Config) -> None:
    word = "ghs_abc"
    body = {"images": {"backend": {"sha": NEW, "digest": f"sha256:{'0' * 64}"}}, "token": word}
    wanted = pull.read(config, json.dumps(body).encode())
    assert (wanted.images, wanted.base) == ([Image(REPOSITORIES["backend"], NEW, f"sha256:{'0' * 64}")], ["nginx:1"])
    assert wanted.token == word
    assert word not in repr(wanted)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"images": {}},
        {"images": {"postgres": {"sha": NEW}}},
        {"images": {"backend": {"sha": "latest"}}},
        {"images": {"backend": {"sha": NEW, "digest": "sha256:0"}}},
        {"images": {"backend": NEW}},
        {"images": {"backend": {"sha": NEW}}, "token": "a\nb"},
        {"images": {"backend": {"sha": NEW}}, "token": "x" * 5000},
        {"images": {"backend": {"sha": NEW}}, "token": 'a","credsStore":"evil'},
        {"images": {"backend": {"sha": NEW}}, "token": None},
    ],
)
def test_nothing_else_is_pulled(config: Config, given: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        pull.read(config, json.dumps(given).encode())
