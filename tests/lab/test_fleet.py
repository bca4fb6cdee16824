"""Story: one release for the whole fleet: a canary first, the rest at once; nothing more after a failure; all told."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fleet.env.dotenv import dotenv_file
from fleet.release.lock.deploy_lock import operator
from lab import lifecycle, wait
from lab.app import history
from lab.machines.host import Host
from lab.progress import Steps
from lab.running import Running
from tests.lab import colours, content, customers, faults
from tests.lab.application import BACKEND, FRONTEND
from tests.lab.conftest import switched_on
from tests.lab.customers import Customer
from tests.lab.inv_run import Inv
from tests.lab.pyinfra_run import Run
from tests.lab.web import Web

CANARY, OTHERS = "aipbx.ru", ("aipbx.net", "aipbx.org")
FLEET = (*OTHERS, CANARY)
EVERYBODY = pytest.mark.parametrize("others", [OTHERS], indirect=True, ids=["three"])
TWO = pytest.mark.parametrize("others", [OTHERS[1:]], indirect=True, ids=["two"])
# What the canary has, and what comes to all.
FIRST, NEXT = BACKEND["third"], BACKEND["fourth"]
STAGING = {"staging": True, "web_from": ["198.51.100.7"]}
QUICK = {"settle_seconds": 1, "ready_seconds": 60, "canary_soak_seconds": 2}
TOLD = {
    "ALERT_SLACK_WEBHOOK": "https://hooks.slack.com/services/T0/B0/fleet",
    "ALERT_TELEGRAM_BOT_TOKEN": "77:AAfleet-fleet-fleet-fleet-fleet-fleet",
    "ALERT_TELEGRAM_CHAT": "7",
}
# A hook as a team writes one: what it was told becomes a file of its own.
HOOK = '#!/bin/sh\nenv | grep ^AIPBX_ | sort >"hooks/$AIPBX_HOST.$(basename "$0")"\n'
USERS = "SELECT id, email FROM users ORDER BY 1"
NEWEST = """
SELECT u.email, u.name, r.value FROM users u JOIN user_roles g ON g."userId" = u.id JOIN roles r ON r.id = g."roleId"
ORDER BY u.id DESC LIMIT 1
"""
MOMENTS = ("pre-deploy", "post-deploy", "on-failure")


@pytest.fixture(scope="module")
def others(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The fleet's hosts beside its canary."""
    names: tuple[str, ...] = request.param
    return names


@pytest.fixture(scope="module")
def fleet(
    deployed: Inv, lab: Running, others: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Inv]:
    """An operator whose inventory has a canary with a release, and others that wait for their first."""
    names = (*others, CANARY)
    switched_on(*names)
    with Steps().shown() as steps:
        for name in others:
            if lab.host(name).run("docker volume inspect aipbx_postgres_data", check=False).returncode == 0:
                lifecycle.reset(lab.lab, name, steps)  # a run before this one
    tree = tmp_path_factory.mktemp("fleet") / "tree"
    made = Inv(lab.lab.directory / "ssh_config", tree, {name: dict(QUICK) for name in names})
    made.set(CANARY, canary=True)
    made.bootstrap("-y", *(word for name in others for word in ("--limit", name))).succeeded()
    for name in others:
        made.configured(name)
    # Stories before this one leave either release on the canary.
    deployed("deploy", f"--host={CANARY}", f"--sha={FIRST}", "--now", "--yes").succeeded()
    known = f"env/{CANARY}.env"
    shutil.copy(deployed.ssh_config.parent / known, made.ssh_config.parent / known)
    for name in names:
        with (made.ssh_config.parent / "env" / f"{name}.env").open("a") as file:
            file.writelines(f"{dotenv_file.assignment(key, value)}\n" for key, value in TOLD.items())
        made("env.push", f"--host={name}", "--yes").succeeded()
    (tree / "hooks").mkdir()
    for moment in MOMENTS:
        hook(made, moment, HOOK)
    yield made
    deployed("env.push", f"--host={CANARY}", "--yes").succeeded()
    for name in others:
        lab.host(name).run("docker compose --project-name aipbx down --timeout 1", timeout=120)


def hook(fleet: Inv, moment: str, script: str) -> None:
    """Have a program of the team's run at a moment."""
    program = fleet.tree / "hooks" / moment
    program.write_text(script)
    program.chmod(0o755)


def heard(fleet: Inv, host: str, moment: str) -> dict[str, str]:
    """What a hook was told since the last time it was asked here; nothing: it did not run."""
    path = fleet.tree / "hooks" / f"{host}.{moment}"
    if not path.exists():
        return {}
    lines = path.read_text().splitlines()
    path.unlink()
    return {name.removeprefix("AIPBX_"): value for name, _, value in (line.partition("=") for line in lines)}


def forget(fleet: Inv) -> None:
    """What hooks were told so far is read no more."""
    for host in FLEET:
        for moment in MOMENTS:
            heard(fleet, host, moment)


def ledgers(fleet: Inv) -> dict[str, list[dict[str, Any]]]:
    """What each host's ledger says."""
    found: dict[str, list[dict[str, Any]]] = fleet.json("releases", "--host=all", "--json")
    return found


def table(run: Run) -> dict[str, list[str]]:
    """The summary: by host, its cells."""
    rows = [re.split(r" {2,}", line.strip()) for line in run.output.splitlines()]
    return {row[0]: row[1:] for row in rows if row[0] in FLEET and len(row) > 3}


def serves(lab: Running, names: tuple[str, ...] = FLEET) -> dict[str, str]:
    """What a browser finds of each host's backend."""
    return {name: str(Web(lab.host(name))("/api/version").json["sha"]) for name in names}


@contextmanager
def port_taken(host: Host, port: int) -> Iterator[None]:
    """Something else on a host listens where the next colour of the backend wants to."""
    program = f"import socket, time; s = socket.socket(2, 2); s.bind(('0.0.0.0', {port})); time.sleep(600)"
    host.run(f"setsid python3 -c {shlex.quote(program)} >/dev/null 2>&1 & echo $! >/run/taken.pid")
    bound = f"ss -Huln 'sport = :{port}' | grep -q ."
    wait.until(lambda: host.run(bound, check=False).returncode == 0, 20, f"{port} is taken", bound)
    try:
        yield
    finally:
        host.run("kill $(cat /run/taken.pid)")


@pytest.mark.parametrize(
    "others",
    [OTHERS[1:], pytest.param(OTHERS, marks=pytest.mark.test_all)],
    indirect=True,
    ids=["two", "three"],
)
def test_one_host_first_then_the_rest_and_everybody_hears_of_it(
    fleet: Inv, others: tuple[str, ...], lab: Running
) -> None:
    names = (*others, CANARY)
    canary, before = lab.host(CANARY), len(lab.world.notifications())
    port = 3034 if colours.serving(canary, "backend").endswith("green") else 3032
    talks = f"exec 3>/dev/udp/{canary.address4}/{port}; while echo hello >&3; do sleep 1; done"
    lab.client.run(f"setsid bash -c '{talks}' >/dev/null 2>&1 & echo $! >/root/caller.pid")
    try:
        run = fleet("deploy", "--host=all", f"--sha={NEXT}", "--now", "--yes").succeeded()
    finally:
        lab.client.run("kill $(cat /root/caller.pid)")
    lines = run.output.splitlines()
    watched = next(number for number, line in enumerate(lines) if f"{CANARY} well for 2 s" in line)
    begun = [number for number, line in enumerate(lines) if line.startswith(tuple(f"{name}   ✓" for name in others))]
    assert begun, run.output
    assert min(begun) > watched, run.output
    done = max(number for number, line in enumerate(lines[:watched]) if f"{CANARY}   ✓" in line)
    assert done < watched, run.output

    assert {name: row[0] for name, row in table(run).items()} == dict.fromkeys(names, "ok"), run.output
    assert table(run)[CANARY][1:3] == [f"{FIRST[:8]} → {NEXT[:8]}", f"{FRONTEND['third'][:8]} stays"]
    assert table(run)[others[0]][1] == f"nothing → {NEXT[:8]}"
    assert serves(lab, names) == dict.fromkeys(names, NEXT)

    for name in names:
        told = heard(fleet, name, "pre-deploy")
        assert (told["ACTION"], told["BACKEND"], told["SECONDS"]) == ("deploy", NEXT, "")
        assert told["BACKEND_BEFORE"] == (FIRST if name == CANARY else "")
        assert int(heard(fleet, name, "post-deploy")["SECONDS"]) >= ledgers(fleet)[name][-1]["seconds"] > 0
        assert heard(fleet, name, "on-failure") == {}

    came = [one for one in lab.world.notifications()[before:] if "fleet" in one.path]
    texts = [json.loads(one.body)["text"] for one in came]
    assert sorted(one.receiver for one in came) == sorted(["api.telegram.org", "hooks.slack.com"] * len(names))
    assert {one.status for one in came} == {200}
    for text in texts[:2]:
        assert re.search(rf"{CANARY}: deployed by {operator()}, \d+ s", text)
        assert f"backend: {FIRST[:8]} → {NEXT[:8]}" in text
        assert "calls: 0 ended by themselves, 1 cut" in text
    for text in texts[2:]:
        assert f"backend: nothing → {NEXT[:8]}" in text


@TWO
def test_production_gets_what_staging_has_proved(fleet: Inv, others: tuple[str, ...], lab: Running) -> None:
    (staging,) = others
    fleet("deploy", f"--host={staging}", f"--sha={FIRST}", "--now", "--yes").succeeded()
    with fleet.changed(staging, **STAGING, soak_minutes=600):
        run = fleet("promote", "--host=all", "--now", "--yes")
        run.refused(f"{staging} has not proved its release (backend {FIRST[:8]}", "of 600 minutes")
        assert run.code == 2
    with fleet.changed(staging, **STAGING, soak_minutes=0):
        fleet("deploy", f"--host={staging}", "--now", "--yes").refused("STRIPE_SECRET_KEY is a live key")
        run = fleet("promote", "--host=all", "--now", "--yes").succeeded()
    assert f"{staging} has run backend {FIRST[:8]}" in run.output
    assert f"{NEXT[:8]} → {FIRST[:8]}" in run.output
    assert serves(lab, (*others, CANARY)) == dict.fromkeys((*others, CANARY), FIRST)


@contextmanager
def refreshable(fleet: Inv, source: str, lab: Running) -> Iterator[Customer]:
    """The canary is a staging host: stories before left it data that no rule covers, and it gets them back."""
    production, staging = lab.host(source), lab.host(CANARY)
    customer = Customer()
    customer.move_in(production)
    fleet("backup", source).succeeded()
    fleet("verify", source).succeeded()
    before = content.psql(staging, USERS)
    with fleet.changed(CANARY, **STAGING), fleet.changed(source, scrub_rules=customers.SCRUB_RULES):
        fleet.bootstrap.only("agent")("-y").succeeded()
        yield customer
    fleet.bootstrap.only("agent")("-y").succeeded()
    assert content.psql(staging, USERS) == before


def back(fleet: Inv) -> None:
    """Give the staging host the data that it had."""
    fleet("restore", CANARY, "--undo", "--yes").succeeded()
    fleet("restore", CANARY, "--discard", "--yes").succeeded()


def scrubbed(host: Host) -> str:
    """The dump that a host made for staging."""
    return host.run("ls /app/aipbx/backups/scrubbed/*/database.dump").stdout.strip()


@pytest.mark.test_all
@TWO
def test_staging_gets_production_s_data_without_its_customers(
    fleet: Inv, others: tuple[str, ...], lab: Running
) -> None:
    (source,) = others
    production, staging = lab.host(source), lab.host(CANARY)
    with refreshable(fleet, source, lab) as customer:
        assert customer.traces(production)
        run = fleet("staging.refresh", CANARY, f"--from={source}", "--yes").succeeded()
        assert customer.traces(staging) == [], run.output
        assert customer.in_dump(production, scrubbed(production)) == []
        # Who was a customer is one still, under a made-up name.
        made_up = content.psql(staging, NEWEST).strip()
        assert re.fullmatch(r"user-[0-9a-f]{16}@staging.invalid\|[0-9a-f]{32}\|USER", made_up)
        back(fleet)


@pytest.mark.test_all
@TWO
def test_what_may_not_come_to_staging_is_refused(
    fleet: Inv, others: tuple[str, ...], lab: Running, tmp_path: Path
) -> None:
    (source,) = others
    production, staging = lab.host(source), lab.host(CANARY)
    with refreshable(fleet, source, lab) as customer:
        refresh = ("staging.refresh", CANARY, f"--from={source}", "--yes")
        fleet("staging.refresh", source, f"--from={CANARY}", "--yes").refused(f"{source} is not a staging host.")
        fleet("staging.refresh", CANARY, f"--from={CANARY}", "--yes").refused(f"{CANARY} is a staging host, too.")
        run = fleet(*refresh[:-1], "--dry").succeeded()
        assert f"replace the data of {CANARY} by those of {source}, scrubbed? Nothing was changed." in run.output
        assert customer.traces(staging) == []

        content.psql(production, "CREATE TABLE story_calls (phone text); ALTER TABLE users ADD story_city text")
        try:
            run = fleet(*refresh)
            run.refused("public.story_calls.phone has no rule; public.users.story_city has no rule")
            assert run.code == 2
        finally:
            content.psql(production, "DROP TABLE story_calls; ALTER TABLE users DROP story_city")
        with fleet.changed(CANARY, min_free_disk_mib=100_000_000):
            run = fleet(*refresh)
            run.refused(f"{CANARY} has no room for {source}-")
            assert run.code == 2

        # A set as it was taken, by every way that there is; at last past the checkout, on the host itself.
        fleet("backup", source, "--download", f"--to={tmp_path}").succeeded()
        (downloaded,) = tmp_path.glob("*.tar")
        clear = "names, mail addresses, calls and keys of customers would be on it in clear"
        fleet("restore", str(downloaded), CANARY, "--yes").refused(clear)
        fleet("restore", str(downloaded), CANARY, "--to-database=look", "--yes").refused(clear)
        fleet("restore", f"{source}/{downloaded.stem.rpartition('-')[2]}", CANARY, "--yes").refused(clear)
        fleet("db.import-mysql", CANARY, f"--from={downloaded}", "--yes").refused(clear)
        staging.run("cat >/app/aipbx/backups/incoming/set.tar", stdin=downloaded.read_bytes())
        for command in ("restore set.tar --foreign", "import-mysql set.tar"):
            done = staging.run(f"aipbx-agent {command}", check=False)
            assert (done.returncode, clear in done.stderr) == (2, True), done.stderr
        staging.run("rm /app/aipbx/backups/incoming/set.tar")
        assert customer.traces(staging) == []
        # And nothing made up comes to production.
        fleet(*refresh).succeeded()
        folder = str(Path(scrubbed(production)).parent)
        pack = f"tar --create --directory {folder} manifest.json database.dump"
        production.run(f"{pack} --file /app/aipbx/backups/incoming/set.tar")
        done = production.run(
            "aipbx-agent restore set.tar --foreign; rm /app/aipbx/backups/incoming/set.tar", check=False
        )
        assert "has no real customers" in done.stderr
        back(fleet)


@pytest.mark.test_all
@TWO
def test_a_scrub_killed_at_any_step_leaves_nothing_in_clear(fleet: Inv, others: tuple[str, ...], lab: Running) -> None:
    (source,) = others
    production, staging = lab.host(source), lab.host(CANARY)
    left = "docker ps -aq --filter name=aipbx-verification; docker volume ls -q --filter dangling=true"
    with refreshable(fleet, source, lab) as customer, faults.possible(production):
        before = content.psql(staging, USERS)
        for moment in ("pg_restore .*--jobs", "TRUNCATE .*UPDATE ONLY", "pg_dump .*--snapshot"):
            faults.at(production, moment, faults.kill("scrub"))
            assert fleet("staging.refresh", CANARY, f"--from={source}", "--yes").code == 1, moment
            assert faults.happened(production), moment
            faults.ended(production, "scrub")
            assert production.run(f"{left}; ls -d /app/aipbx/backups/scrubbed/.aside* 2>/dev/null; true").stdout == ""
            assert content.psql(staging, USERS) == before, moment
        assert customer.traces(staging) == []


@pytest.mark.test_all
@EVERYBODY
def test_a_hook_that_says_no_keeps_everything_from_every_host(fleet: Inv, lab: Running) -> None:
    before, serving = ledgers(fleet), serves(lab)
    forget(fleet)
    # The canary and the first host are fine with it: nothing must come to them either.
    hook(fleet, "pre-deploy", '#!/bin/sh\n[ "$AIPBX_HOST" != aipbx.org ] || { echo no deploys on fridays; exit 3; }\n')
    try:
        run = fleet("deploy", "--host=all", f"--sha={FIRST}", "--yes")
    finally:
        hook(fleet, "pre-deploy", HOOK)
    run.refused("aipbx.org: hooks/pre-deploy refused; nothing was touched.", "exit code 3", "| no deploys on fridays")
    assert run.code == 2
    assert (ledgers(fleet), serves(lab)) == (before, serving)
    assert all(heard(fleet, name, moment) == {} for name in FLEET for moment in ("post-deploy", "on-failure"))


@pytest.mark.test_all
@EVERYBODY
def test_nothing_follows_a_canary_that_breaks(fleet: Inv, lab: Running) -> None:
    before, serving, notices = ledgers(fleet), serves(lab), len(lab.world.notifications())
    forget(fleet)
    with ExitStack() as stack:
        for name in FLEET:
            stack.enter_context(fleet.changed(name, branch="broken/crash"))
        run = fleet("deploy", "--host=all", "--service=backend", "--yes")
    run.refused(
        f"Not successful on all hosts: aipbx.net not begun, aipbx.org not begun, {CANARY} failed", "is not ready"
    )
    assert run.code == 1
    assert {name: row[:2] for name, row in table(run).items()} == {
        name: ["failed" if name == CANARY else "not begun", f"{NEXT[:8]} stays"] for name in FLEET
    }
    after = ledgers(fleet)
    assert {name: after[name] for name in OTHERS} == {name: before[name] for name in OTHERS}
    assert after[CANARY][-1]["result"] == "failed"
    assert serves(lab) == serving
    failure = heard(fleet, CANARY, "on-failure")
    assert "the backend is not ready" in failure["PROBLEM"]
    assert failure["BACKEND"] == BACKEND["broken/crash"]
    assert all(heard(fleet, name, "post-deploy") == {} for name in FLEET)
    told = [json.loads(one.body)["text"] for one in lab.world.notifications()[notices:]]
    assert len(told) == 2
    assert all("is not ready" in text for text in told)
    assert all(f"backend: {NEXT[:8]} → {BACKEND['broken/crash'][:8]}" in text for text in told)


@pytest.mark.test_all
@EVERYBODY
def test_all_or_none_when_a_later_host_cannot(fleet: Inv, lab: Running) -> None:
    serving, broken = serves(lab), lab.host("aipbx.org")
    forget(fleet)
    port = 3032 if colours.serving(broken, "backend").endswith("green") else 3034
    with port_taken(broken, port):
        run = fleet("deploy", "--host=all", f"--sha={FIRST}", "--service=backend", "--atomic", "--yes")
    run.refused(
        "Not successful on all hosts: aipbx.net put back, aipbx.org failed, aipbx.ru put back", "address already in use"
    )
    assert run.code == 1
    assert {row[1] for row in table(run).values()} == {f"{NEXT[:8]} stays"}
    assert serves(lab) == serving
    last = {name: [(entry["action"], entry["result"]) for entry in rows] for name, rows in ledgers(fleet).items()}
    assert last["aipbx.org"][-1] == ("deploy", "failed")
    assert all(last[name][-2:] == [("deploy", "ok"), ("rollback", "ok")] for name in (CANARY, "aipbx.net"))
    assert "aipbx.org" in heard(fleet, "aipbx.org", "on-failure")["PROBLEM"]
    assert heard(fleet, CANARY, "on-failure") == {}
    assert heard(fleet, CANARY, "post-deploy")["ACTION"] == "rollback"
    # The same once more, without what stood in the way: nothing of the failure is left on any of them.
    fleet("deploy", "--host=all", f"--sha={FIRST}", "--service=backend", "--yes").succeeded()
    assert serves(lab) == dict.fromkeys(FLEET, FIRST)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The backend's repository, to which a story may push."""
    return history.make(tmp_path)["krasterisk/aiPBX_backend"]


def pushed(repository: Path, message: str) -> None:
    """Another commit on master, with this message."""
    person = {f"GIT_{who}_{what}": "lab@aipbx.test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    git = ["git", "-C", str(repository)]
    words = [*git, "commit-tree", "-p", "master", "-m", message, "master^{tree}"]
    made = subprocess.run(words, env={**os.environ, **person}, capture_output=True, text=True, check=True)
    subprocess.run([*git, "update-ref", "refs/heads/master", made.stdout.strip()], check=True)


@pytest.mark.test_all
@EVERYBODY
def test_a_commit_s_message_says_where_it_goes(fleet: Inv, lab: Running, repository: Path) -> None:
    before = ledgers(fleet)
    words = ("deploy", "--from-commit-message", "--service=backend")
    with ExitStack() as stack:
        for name in FLEET:
            stack.enter_context(fleet.changed(name, backend_repository=str(repository)))
        # The newest commit's message ends with [deploy:2].
        run = fleet(*words)
        run.refused("By the commit's message, it goes to aipbx.org.", "There is no terminal", "deploy on aipbx.org?")
        assert run.code == 2
        pushed(repository, "Nobody is to have it yet")
        assert "asks for no host" in fleet(*words).succeeded().output
        pushed(repository, "Pay in dollars [deploy:4]")
        run = fleet(*words, "--yes")
        run.refused("the tag [deploy:4]", "1 is aipbx.net, 2 is aipbx.org, 3 is aipbx.ru", "[deploy all]")
        assert run.code == 2
    assert ledgers(fleet) == before
