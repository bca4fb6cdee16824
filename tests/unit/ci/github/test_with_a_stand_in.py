"""`inv github.push` and `inv github.status` with a stand-in for GitHub's API: GitHub itself was not asked."""

from __future__ import annotations

import io
import json
import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

import tasks
from fleet.ci.github import differences
from fleet.ci.github.api import Api
from fleet.errors import OperatorError
from tests.unit.ci.github import stand_in
from tests.unit.ci.github.conftest import REPOSITORIES
from tests.unit.ci.github.stand_in import TOKEN, StandIn

BACKEND, FRONTEND = (f"/repos/{name}" for name in REPOSITORIES)
NET, ORG, RU = (f"aipbx{name}_production" for name in ("net", "org", "ru"))
LIMITED = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}
OPEN = {"deployment_branch_policy": None}


def run(verb: str, **options: object) -> int:
    """Run a verb as `inv` does, and return its exit code."""
    try:
        tasks.namespace[f"github.{verb}"](Context(), **options)
    except Exit as ended:
        print(ended.message or "")
        return ended.code
    return 0


def key_at(repository: str, environment: str) -> str:
    return f"{repository}/environments/{environment}/secrets/AIPBX_SSH_KEY"


def policies_at(repository: str, environment: str) -> str:
    return f"{repository}/environments/{environment}/deployment-branch-policies"


def written(github: StandIn) -> list[tuple[str, str]]:
    return [one for one in github.asked if one[0] != "GET"]


def has(github: StandIn, environment: str, *, days: int = 0) -> None:
    """Let both repositories have an environment as `inv github.push` makes it, its key set some days ago."""
    for name in REPOSITORIES:
        github.repositories[name][environment] = LIMITED
        github.policies[policies_at(f"/repos/{name}", environment)] = ["master"]
        age = datetime.now(UTC) + timedelta(minutes=1) - timedelta(days=days)
        github.ages[key_at(f"/repos/{name}", environment)] = age.isoformat().replace("+00:00", "Z")


def test_environments_come_with_their_key_which_github_alone_can_read(
    github: StandIn, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("push", host="aipbx.net,aipbx.org", key=str(keys / "ci"), yes=True) == 0
    private = (keys / "ci").read_text().strip()
    names = {key_at(repository, name) for repository in (BACKEND, FRONTEND) for name in (NET, ORG)}
    assert github.values == dict.fromkeys(names, private)
    assert {name: set(there) for name, there in github.repositories.items()} == {
        name: {NET, ORG} for name in REPOSITORIES
    }
    # Runs of another branch, which anyone who may push can write, do not get the key.
    assert github.repositories[REPOSITORIES[0]][NET] == LIMITED
    assert github.policies[policies_at(BACKEND, NET)] == ["master"]
    said = "".join(capsys.readouterr())
    assert f"{NET} (aipbx.net): create, for branch master only; AIPBX_SSH_KEY is not set, set it" in said
    seen = said + "".join(github.bodies)
    assert TOKEN not in seen
    assert private.splitlines()[1] not in seen


def test_an_environment_that_exists_keeps_its_reviewers_and_gets_the_new_key(
    github: StandIn, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    has(github, NET, days=12)
    github.repositories[REPOSITORIES[0]] = {NET.upper(): LIMITED}
    github.policies[policies_at(FRONTEND, NET)] = ["release/*"]
    assert run("push", host="aipbx.net", key=str(keys / "ci"), yes=True) == 0
    assert written(github) == [
        ("PUT", key_at(BACKEND, NET)),
        ("POST", policies_at(FRONTEND, NET)),
        ("PUT", key_at(FRONTEND, NET)),
    ]
    said = capsys.readouterr().out
    assert f"{NET} (aipbx.net): exists; AIPBX_SSH_KEY was set 11 days ago, set it" in said
    assert f"{NET} (aipbx.net): exists, open to branch master; AIPBX_SSH_KEY was set 11 days ago, set it" in said


def test_the_key_may_come_over_standard_input(github: StandIn, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((keys / "ci").read_bytes())))
    assert run("push", host="aipbx.net", key="-", yes=True) == 0
    assert github.values[key_at(BACKEND, NET)] == (keys / "ci").read_text().strip()


def test_alerts_come_from_a_host_s_variables(github: StandIn, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (keys / "env").mkdir(0o700)
    (keys / "env" / "aipbx.net.env").write_text("ALERT_SLACK_WEBHOOK=https://hooks.slack.com/services/T/B/x\n")
    (keys / "env" / "aipbx.net.env").chmod(0o600)
    assert run("push", host="aipbx.net", alerts_from="aipbx.net", yes=True) == 0
    assert github.values == {
        f"{repository}/actions/secrets/ALERT_SLACK_WEBHOOK": "https://hooks.slack.com/services/T/B/x"
        for repository in (BACKEND, FRONTEND)
    }
    assert "hooks.slack.com" not in "".join(capsys.readouterr())
    assert run("push", host="aipbx.net", alerts_from="all", yes=True) == 2


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("operator", "This is an operator's key."),
        ("other", "The hosts do not know this key."),
        ("ssh_config", "This is not a private key of OpenSSH."),
        ("locked", "The key has a passphrase."),
        ("missing", "cannot be read."),
    ],
)
def test_another_key_than_ci_s_is_refused_before_github_is_asked(
    github: StandIn, keys: Path, key: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(keys / "locked")]
    subprocess.run(words, check=True)
    assert run("push", host="all", key=str(keys / key), yes=True) == 2
    assert message in capsys.readouterr().out
    assert github.asked == []


def test_nothing_is_written_without_consent(
    github: StandIn, keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("push", host="all", key=str(keys / "ci"), dry=True) == 0
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert run("push", host="all", key=str(keys / "ci")) == 1
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert run("push", host="all", key=str(keys / "ci")) == 2
    assert run("push", host="all", yes=True) == 2
    assert run("push", key=str(keys / "ci"), yes=True) == 2
    assert written(github) == []
    assert "Nothing was changed." in capsys.readouterr().out


def test_a_write_that_fails_says_what_was_written_before(
    github: StandIn, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    github.refusals["PUT", key_at(FRONTEND, NET)] = (403, {})
    assert run("push", host="aipbx.net", key=str(keys / "ci"), yes=True) == 1
    said = capsys.readouterr().out
    assert f"{REPOSITORIES[1]}: environment {NET} was not written. Written before: {REPOSITORIES[0]}" in said
    github.refusals.clear()
    assert run("push", host="aipbx.net", key=str(keys / "ci"), yes=True) == 0
    assert key_at(FRONTEND, NET) in github.values


def test_status_shows_what_differs(github: StandIn, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (NET, ORG, RU):
        has(github, name)
    assert run("status") == 0
    has(github, ORG, days=2)
    for number in range(120):
        github.repositories[REPOSITORIES[1]][f"preview-{number}"] = OPEN
    del github.repositories[REPOSITORIES[0]][NET]
    del github.ages[key_at(FRONTEND, NET)]
    github.repositories[REPOSITORIES[1]][RU] = OPEN
    has(github, "left_production")
    capsys.readouterr()
    assert run("status", json=True) == 1
    rows = json.loads(capsys.readouterr().out)
    found = {name: {one["name"]: one["differences"] for one in row["environments"]} for name, row in rows.items()}
    older = ["AIPBX_SSH_KEY is older than the last change of operators/ci"]
    left = ["has AIPBX_SSH_KEY, and the inventory has no host for it: delete it"]
    assert found == {
        REPOSITORIES[0]: {NET: ["missing"], ORG: older, RU: [], "left_production": left},
        REPOSITORIES[1]: {
            NET: ["AIPBX_SSH_KEY is missing"],
            ORG: older,
            RU: ["every branch gets AIPBX_SSH_KEY: limit it to master in its settings"],
            "left_production": left,
        },
    }
    assert rows[REPOSITORIES[0]]["alerts"]["ALERT_SLACK_WEBHOOK"] is None
    assert run("status", host="aipbx.net") == 1
    assert f"{NET} (aipbx.net): missing" in capsys.readouterr().out


REFUSALS = [
    (401, {}, "GitHub does not accept the token."),
    (403, {}, "the token may not do this."),
    (404, {}, "GitHub has no such repository for this token."),
    (301, {"Location": "http://127.0.0.1:9/"}, "GitHub has no such repository for this token."),
    (429, {"Retry-After": "60"}, "it ends in 1 min."),
    (403, {"X-RateLimit-Remaining": "0"}, "it ends in an hour at most."),
    (422, {}, "need a paid plan (422)."),
    (503, {}, "GitHub answered with an error."),
    (200, {}, "GitHub cannot be reached"),
]


@pytest.mark.parametrize(("status", "headers", "message"), REFUSALS)
def test_what_github_says_is_three_lines(
    github: StandIn,
    keys: Path,
    status: int,
    headers: dict[str, str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    github.refusals["GET", f"{BACKEND}/environments"] = (status, headers)
    assert run("status") == 2
    said = capsys.readouterr().out
    assert message in said
    assert TOKEN not in said
    assert len(said.strip().splitlines()) == 3


def test_a_rate_limit_says_when_it_ends(github: StandIn) -> None:
    ends = str(int(time.time()) + 1800)
    github.refusals["GET", "/repos/a/b"] = (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": ends})
    with pytest.raises(OperatorError, match="no more requests") as refused:
        Api(TOKEN).get("/repos/a/b")
    assert refused.value.why == "Its rate limit is used up; it ends in 30 min."


def test_a_silent_or_absent_github_ends_the_verb(github: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object) -> tuple[int, dict[str, str]]:
        time.sleep(1)
        return 200, {}

    monkeypatch.setattr(StandIn, "answer", late)
    with pytest.raises(OperatorError, match=r"No answer within 0\.2 s") as refused:
        Api(TOKEN, seconds=0.2).get(f"{BACKEND}/environments")
    assert refused.value.code == 2
    monkeypatch.setattr("fleet.ci.github.api.ADDRESS", "http://127.0.0.1:9")
    with pytest.raises(OperatorError, match=r"No connection: .*refused"):
        Api(TOKEN).get("/repos/a/b")


def test_no_redirect_takes_the_token_along(github: StandIn) -> None:
    with stand_in.running() as other:
        github.refusals["GET", "/repos/a/b"] = (302, {"Location": f"{other.address}/repos/a/b"})
        with pytest.raises(OperatorError, match="no such repository"):
            Api(TOKEN).get("/repos/a/b")
        assert other.asked == []


def test_without_a_token_no_one_is_asked(github: StandIn, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.delenv("GH_TOKEN", raising=False)
    assert run("status") == 2
    assert github.asked == []


def test_a_key_is_as_old_as_the_last_commit_that_changed_them(tmp_path: Path) -> None:
    def commit(when: str) -> None:
        named = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A"}
        named |= {"GIT_COMMITTER_EMAIL": "a@b", "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        for words in (["add", "-A"], ["commit", "-q", "-m", "Keys"]):
            subprocess.run(["git", "-C", str(tmp_path), *words], env={**os.environ, **named}, check=True)

    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert differences.keys_changed(tmp_path) is None
    for name in ("one.pub", "two.pub"):
        (tmp_path / name).write_text("ssh-ed25519 AAAA ci\n")
    commit("2026-01-02T00:00:00Z")
    assert differences.keys_changed(tmp_path) == datetime(2026, 1, 2, tzinfo=UTC)
    # The one that GitHub has may be the one that was revoked.
    (tmp_path / "one.pub").unlink()
    commit("2026-03-04T00:00:00Z")
    assert differences.keys_changed(tmp_path) == datetime(2026, 3, 4, tzinfo=UTC)
    (tmp_path / "two.pub").write_text("ssh-ed25519 BBBB ci\n")
    changed = differences.keys_changed(tmp_path)
    assert changed
    assert changed > datetime(2026, 3, 4, tzinfo=UTC)
