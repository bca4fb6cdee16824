"""Story: a release comes to a host, another one follows, bad ones are refused or taken back."""

from __future__ import annotations

import json
import os
import re
import signal
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from aipbx_agent.core import arriving
from lab import wait
from lab.machines.host import Host
from tests.lab import colours, faults
from tests.lab.application import BACKEND, FRONTEND
from tests.lab.inv_run import FILLED, Inv
from tests.lab.round_trips import counted, shown
from tests.lab.web import Web

IMAGE = "ghcr.io/krasterisk/aipbx_backend"
HEAD, OLDER, OLDEST = BACKEND["fourth"], BACKEND["third"], BACKEND["second"]
PRICES = "/api/prices/public"
# Over SSH, in a deploy that changes one service, and in a rollback.
MOST_COMMANDS = 10
STATE = "cat {images.env,releases.jsonl,release,environment.json} 2>&1; ls -A . nginx/active; docker ps -q"


def state(server: Host) -> str:
    """Everything that a refusal must leave alone."""
    return server.run(f"cd /app/aipbx && bash -c '{STATE}'", check=False).stdout


def version(server: Host) -> str:
    """The SHA that the stand-in says of itself, through the public name."""
    return str(Web(server)("/api/version").json["sha"])


def asset(server: Host) -> str:
    """The path of the script that the start page loads."""
    found = re.search(r'src="?(/main[^" >]+\.js)', Web(server)("/").body)
    assert found
    return found[1]


def test_before_there_is_a_configuration_nothing_happens(inv: Inv, server: Host) -> None:
    inv("deploy", f"--host={server.name}", "--yes").refused("no configuration of the application yet", "inv env.push")
    assert server.run("docker ps -q").stdout == ""


@pytest.mark.test_all
def test_a_host_that_is_not_converged_is_refused(inv: Inv, server: Host) -> None:
    server.run("mv /app/aipbx/compose.yml /app/aipbx/compose.yml.away")
    inv("deploy", f"--host={server.name}", "--yes").refused("is not converged", f"--limit {server.name}")
    server.run("mv /app/aipbx/compose.yml.away /app/aipbx/compose.yml")


def test_the_first_release_answers_under_the_public_name(deployed: Inv, server: Host) -> None:
    web = Web(server)
    assert version(server) == HEAD
    assert FRONTEND["third"] in web(asset(server)).body
    assert web(f"http://{server.name}/").status == 301
    assert web("/socket.io/?EIO=4&transport=polling").status == 200
    entry = json.loads(server.run("cat /app/aipbx/releases.jsonl").stdout.splitlines()[-1])
    assert (entry["action"], entry["result"], entry["before"]) == ("deploy", "ok", None)
    assert entry["after"] == {"backend": HEAD, "frontend": FRONTEND["third"]}
    assert HEAD[:8] in server.run("run-parts /etc/update-motd.d").stdout


def test_the_host_is_as_declared_with_a_release_on_it(deployed: Inv, server: Host) -> None:
    assert deployed.bootstrap.dry().changes == []
    row = deployed.json("status", f"--host={server.name}", "--json", "--drift")[server.name]
    assert row["drift"] == []
    assert set(row["services"].values()) == {"healthy"}
    assert row["backend"] == HEAD
    assert row["certificate_days"] > 80
    assert server.name in deployed("tls.status", f"--host={server.name}").succeeded().output


def test_a_setup_of_a_deployed_host_skips_every_step(deployed: Inv, server: Host) -> None:
    before = state(server)
    shown = deployed("setup", f"--host={server.name}").succeeded().output
    assert re.findall(r"^  (\w+) +done: ", shown, re.MULTILINE) == ["converge", "variables", "certificate", "deploy"]
    assert "$ " not in shown
    assert "users: administer: there is no administrator" in shown
    assert state(server) == before


def test_an_odd_secret_reaches_the_application_byte_for_byte(deployed: Inv, server: Host) -> None:
    import base64

    told = Web(server)("/api/env/OPENAI_API_KEY").json
    assert base64.b64decode(told).decode() == FILLED["OPENAI_API_KEY"]
    assert Web(server)("/api/env/POSTGRES_PASSWORD").body == "null"


def test_networks_let_postgres_reach_nothing(deployed: Inv, server: Host) -> None:
    reach = "timeout 5 bash -c '</dev/tcp/{}/443' 2>&1"
    world = "198.51.100.2"
    inside = server.run(f"docker exec aipbx-postgres-1 {reach.format(world)}", check=False)
    assert inside.returncode != 0
    assert "unreachable" in inside.stdout + inside.stderr


def test_an_older_commit_then_back_and_what_was_written_stays(deployed: Inv, server: Host) -> None:
    web = Web(server)
    written = web("/api/files", "--json", '{"name": "org-documents/invoice-1.pdf", "text": "paid"}')
    assert written.status == 201
    old_asset = asset(server)

    run = deployed("deploy", f"--host={server.name}", f"--sha={OLDER[:8]}", f"--sha={FRONTEND['second'][:8]}", "--yes")
    run.succeeded()
    assert "Interrupts nothing: the new release starts beside the old one" in run.output
    assert "without" in run.output
    assert version(server) == OLDER
    assert web("/static/org-documents/invoice-1.pdf").body == "paid"
    assert web(old_asset).status == 200, "an open tab still finds the chunks of its release"

    back = deployed("rollback", f"--host={server.name}", "--yes").succeeded()
    assert f"backend  {OLDER[:8]} → {HEAD[:8]}" in back.output
    assert version(server) == HEAD
    entries = deployed.json("releases", f"--host={server.name}", "--json")[server.name]
    assert [entry["action"] for entry in entries[-2:]] == ["deploy", "rollback"]
    # A rollback has no repository: the ledger knows the commit from its deploy.
    assert entries[-1]["subjects"] == {
        "backend": "A new font for invoices [deploy:2]",
        "frontend": "Dark colours [deploy all]",
    }
    assert f"{HEAD[:8]}  A new font for invoices [deploy:2]" in deployed("releases", f"--host={server.name}").output


@pytest.mark.test_all
def test_only_one_service_moves_by_few_commands(deployed: Inv, server: Host) -> None:
    frontend = server.run("docker ps -q --filter name=aipbx-frontend-").stdout
    in_twelve_hours = {f"{(datetime.now(UTC) + timedelta(hours=12)):%H:%M}": "invoices"}
    with deployed.changed(server.name, application_timers=in_twelve_hours), counted(server) as forth:
        deployed("deploy", f"--host={server.name}", f"--sha={OLDER}", "--service=backend", "--yes").succeeded()
    assert len(forth) <= MOST_COMMANDS, shown(forth)
    assert server.run("docker ps -q --filter name=aipbx-frontend-").stdout == frontend
    with counted(server) as back:
        deployed("rollback", f"--host={server.name}", f"--to={HEAD[:7]}", "--yes").succeeded()
    assert len(back) <= MOST_COMMANDS, shown(back)
    acts = deployed.json("audit", server.name, "--tail=2", "--json")[server.name]
    assert [one["verb"].partition(" ")[0] for one in acts] == ["deploy", "rollback"]
    assert all(ip_address(one["address"]) for one in acts)
    assert version(server) == HEAD


@pytest.mark.test_all
def test_visitors_who_flood_the_checked_path_take_no_release_back(deployed: Inv, server: Host) -> None:
    # As the application sees them: all visitors have the address of nginx, and share 100 requests a minute and route.
    named = f"docker exec aipbx-nginx-1 getent hosts {colours.serving(server, 'backend')} | cut -d ' ' -f 1"
    backend = f"http://{server.run(named).stdout.strip()}:5005"
    inside = "nsenter --net --target $(docker inspect --format '{{.State.Pid}}' aipbx-nginx-1)"
    run = deployed.started("deploy", f"--host={server.name}", f"--sha={FRONTEND['second']}", "--yes")
    assert run.stdout
    for line in run.stdout:
        if "frontend" in line and " ready (" in line:
            server.run(f"{inside} curl -so /dev/null '{backend}{PRICES}?[1-120]'")
            break
    told = run.communicate(timeout=120)[0]
    assert run.returncode == 0, told
    throttled = Web(server)(PRICES)
    assert (throttled.status, throttled.header("x-answered-by")) == (429, "")
    # Not to the release that a story before this one was rolled back from.
    deployed("rollback", f"--host={server.name}", "--yes").succeeded()
    assert version(server) == HEAD


@pytest.mark.parametrize(
    ("branch", "said"),
    [
        pytest.param("broken/crash", "It ended by itself", marks=pytest.mark.test_all),
        pytest.param("broken/never-ready", "It is ", marks=pytest.mark.test_all),
        ("broken/dies", "It was ready, then"),
    ],
)
def test_a_broken_release_is_taken_back(deployed: Inv, server: Host, branch: str, said: str) -> None:
    # One of them dies five seconds after it was ready.
    with deployed.changed(server.name, branch=branch, settle_seconds=6):
        run = deployed("deploy", f"--host={server.name}", "--service=backend", "--yes")
    run.refused("the backend is not ready", said, "The end of its log:", "back to backend")
    assert run.code == 1
    assert version(server) == HEAD
    entry = deployed.json("releases", f"--host={server.name}", "--json")[server.name][-1]
    assert (entry["result"], entry["after"]["backend"]) == ("failed", BACKEND[branch])
    assert server.run("[ -e /app/aipbx/lock ]", check=False).returncode == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--sha=beef1234"], "beef1234 is unknown", marks=pytest.mark.test_all),
        pytest.param(["--sha=xyz"], "'xyz' is not a git SHA", marks=pytest.mark.test_all),
        ([f"--sha={BACKEND['feature/other'][:10]}"], "is not on branch 'master'"),
        pytest.param(["--service=database"], "no service 'database'", marks=pytest.mark.test_all),
        pytest.param([f"--sha={HEAD}", f"--sha={OLDER}"], "Two different commits", marks=pytest.mark.test_all),
        pytest.param([f"--sha={HEAD}", "--service=frontend"], "is unknown", marks=pytest.mark.test_all),
    ],
)
def test_a_commit_that_cannot_be_is_refused(deployed: Inv, server: Host, words: list[str], said: str) -> None:
    before = state(server)
    deployed("deploy", f"--host={server.name}", "--yes", *words).refused(said)
    assert state(server) == before


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"backend_image": "ghcr.io/krasterisk/nobody"}, "cannot pull the backend's image"),
        pytest.param(
            {"backend_image": "registry.invalid/aipbx"}, "cannot pull the backend's image", marks=pytest.mark.test_all
        ),
        pytest.param(
            {"backend_repository": "git@github.com:krasterisk/nothing.git"},
            "repository cannot be read",
            marks=pytest.mark.test_all,
        ),
        pytest.param({"branch": "develop"}, "has no branch 'develop'", marks=pytest.mark.test_all),
        pytest.param({"min_free_disk_mib": 10**8}, "MiB of disk left", marks=pytest.mark.test_all),
    ],
)
def test_what_cannot_be_had_leaves_the_host_alone(
    deployed: Inv, server: Host, data: dict[str, object], said: str
) -> None:
    before = state(server)
    with deployed.changed(server.name, **data):
        deployed("deploy", f"--host={server.name}", "--yes").refused(said)
    assert state(server) == before


def test_without_yes_and_without_a_terminal_nothing_happens(deployed: Inv, server: Host) -> None:
    before = state(server)
    deployed("deploy", f"--host={server.name}").refused("There is no terminal for the confirmation")
    deployed("deploy").refused("No host is named")
    assert state(server) == before
    assert "The question was not answered with yes" in deployed.typed(b"n\n", "deploy", f"--host={server.name}")
    assert state(server) == before


@pytest.mark.test_all
def test_an_invalid_configuration_on_the_host_is_refused(deployed: Inv, server: Host) -> None:
    server.run(
        'cp -p /app/aipbx/environment.json /root/kept && sed -i \'s/"ENCRYPTION_KEY": *"[0-9a-f]*/&g/\' '
        "/app/aipbx/environment.json"
    )
    before = state(server)
    deployed("deploy", f"--host={server.name}", "--yes").refused("ENCRYPTION_KEY", "inv env.push")
    assert state(server) == before
    server.run("mv /root/kept /app/aipbx/environment.json")


@pytest.mark.test_all
def test_a_killed_deploy_leaves_its_lock_and_its_name(deployed: Inv, server: Host) -> None:
    with faults.possible(server):
        faults.hold(server, " up .*nginx", after=True)
        run = deployed.started("deploy", f"--host={server.name}", f"--sha={OLDER}", "--yes")
        faults.reached(server)
        alive = deployed("unlock", f"--host={server.name}", "--yes")
        alive.refused("the SSH connection that took the lock is open", "inv unlock --force")
        os.killpg(run.pid, signal.SIGKILL)
        run.wait(timeout=30)
        faults.continues(server)
        faults.ended(server, "prepare")
    refused = deployed("deploy", f"--host={server.name}", "--wait", "--yes")
    refused.refused("is locked", "deploy, since", "Its run is over", "inv unlock")
    assert refused.code == 2
    assert "locked by" not in deployed("unlock", f"--host={server.name}", "--yes").succeeded().output
    deployed("deploy", f"--host={server.name}", "--yes").succeeded()
    assert version(server) == HEAD


def test_a_lock_has_a_reason_and_is_one_operator_s(deployed: Inv, server: Host) -> None:
    deployed("lock", f"--host={server.name}").refused("A lock needs a reason")
    deployed("lock", f"--host={server.name}", "--reason=the PBX moves").succeeded()
    deployed("lock", f"--host={server.name}", "--reason=mine").refused("is locked", "the PBX moves, since")
    deployed("unlock", f"--host={server.name}", "--yes").succeeded()
    deployed("unlock", f"--host={server.name}", "--yes").refused("is not locked")


@pytest.mark.test_all
def test_images_of_the_last_releases_stay_and_the_rest_goes(deployed: Inv, server: Host) -> None:
    deployed("deploy", f"--host={server.name}", f"--sha={OLDEST}", "--yes").succeeded()
    deployed("deploy", f"--host={server.name}", f"--sha={BACKEND['first']}", "--yes").succeeded()
    deployed("deploy", f"--host={server.name}", f"--sha={HEAD}", "--yes").succeeded()
    tags = server.run("docker image ls --format '{{.Tag}}' " + IMAGE).stdout.split()
    assert set(tags) == {HEAD, BACKEND["first"], OLDEST}
    deployed("rollback", f"--host={server.name}", "--to=beef1234", "--yes").refused("no release to go back to")


@pytest.mark.test_all
def test_a_rollback_to_a_release_whose_image_is_gone_pulls_it_or_is_refused(deployed: Inv, server: Host) -> None:
    before = state(server)
    # It ran with two frontends.
    older = f"--to={OLDER},{FRONTEND['third'][:8]}"
    deployed("rollback", f"--host={server.name}", f"--to={OLDER}", "--yes").refused("is ambiguous", older[:13])
    with deployed.changed(server.name, backend_image="ghcr.io/krasterisk/nobody"):
        run = deployed("rollback", f"--host={server.name}", older, "--yes")
    run.refused("no longer has the backend's image", "and cannot pull it", f"inv releases --host={server.name}")
    assert run.code == 2
    assert state(server) == before
    run = deployed("rollback", f"--host={server.name}", older, "--yes").succeeded()
    assert f"image is gone from {server.name}: {IMAGE}:{OLDER} is pulled from its registry" in run.output
    assert run.output.index("is pulled from its registry") < run.output.index("images on the host")
    assert version(server) == OLDER
    deployed("rollback", f"--host={server.name}", f"--to={HEAD[:7]}", "--yes").succeeded()
    assert version(server) == HEAD


def test_prune_takes_what_no_release_needs_and_nothing_else(deployed: Inv, server: Host) -> None:
    images = "docker image ls --no-trunc --format '{{.Repository}}:{{.Tag}}' | sort"
    # What the stories before have left, as failed releases do.
    deployed("prune", f"--host={server.name}", "--yes").succeeded()
    before = server.run(images).stdout
    stray = f"{IMAGE}:{BACKEND['broken/crash']}"
    assert "nothing to prune" in deployed("prune", f"--host={server.name}", "--yes").succeeded().output
    server.run(f"docker pull --quiet {stray} && docker create --name stranger {stray}")
    told = deployed("prune", f"--host={server.name}", "--yes").succeeded().output
    assert "stays: container stranger has it" in told
    assert "stays: runs now" in told
    assert f"{server.name}: nothing to prune" in told
    server.run("docker rm stranger")
    assert "1 of " in deployed("prune", f"--host={server.name}", "--dry").succeeded().output
    assert "1 images deleted" in deployed("prune", f"--host={server.name}", "--yes").succeeded().output
    assert server.run(images).stdout == before


@pytest.mark.test_all
def test_a_fork_bomb_in_the_backend_stays_in_it(deployed: Inv, server: Host) -> None:
    backend = colours.container(server, "backend")
    many = "i=0; while [ $i -lt 2000 ]; do sleep 30 & i=$((i+1)); done; wait"
    server.run(f"docker exec -d {backend} sh -c '{many}'")
    processes = f"docker stats --no-stream --format '{{{{.PIDs}}}}' {backend}"
    wait.until(lambda: int(server.run(processes).stdout) > 500, 20, "it has what it may have", "docker stats")
    # A health check comes in from outside: it may be one more.
    assert int(server.run(processes).stdout) < 600
    alive = "docker exec aipbx-postgres-1 psql -qAt -U aipbx_admin -d postgres -c 'select 1'"
    assert server.run(alive, timeout=5).stdout == "1\n"
    assert Web(server)("/").status == 200
    wait.until(lambda: int(server.run(processes).stdout) < 100, 60, "the bomb ends", "docker stats")


@pytest.mark.test_all
def test_an_image_that_a_power_cut_left_with_empty_files_is_brought_anew(deployed: Inv, server: Host) -> None:
    image = f"{IMAGE}:{OLDER}"
    server.run(f"docker pull -q {image}", timeout=120)
    came = server.run(f"docker image inspect -f '{{{{index .RepoDigests 0}}}}' {image}").stdout.strip()
    note = arriving.note("/app/aipbx", came)
    layer = server.run(f"docker image inspect -f '{{{{.GraphDriver.Data.UpperDir}}}}' {image}").stdout.strip()
    server.run(f"find {layer} -type f -exec truncate -s 0 {{}} +; mkdir -p {note.parent}; echo 'gone {came}' >{note}")
    status = deployed("status", server.name)
    assert status.code == 1
    assert f"images: the host went down during the download of {came}; its files may be empty" in status.output
    deployed("deploy", f"--host={server.name}", f"--sha={OLDER}", "--service=backend", "--yes").succeeded()
    assert version(server) == OLDER
    assert server.run(f"ls -A {note.parent}").stdout == ""
    server.run(f"docker save {image} >/dev/null", timeout=120)  # Docker compares each file with its checksum
    deployed("rollback", f"--host={server.name}", f"--to={HEAD[:7]}", "--yes").succeeded()
    assert version(server) == HEAD


@pytest.mark.test_all
def test_built_on_the_host_from_the_same_commit(deployed: Inv, server: Host) -> None:
    built = {
        "images_from": "build",
        "backend_image": "built/backend",
        "frontend_image": "built/frontend",
        "build_arguments": {"backend": {"RUNTIME_PACKAGES": ""}, "frontend": {"PRERENDER_PACKAGES": ""}},
    }
    with deployed.changed(server.name, **built):
        deployed("deploy", f"--host={server.name}", "--yes").succeeded()
        assert version(server) == HEAD
        assert server.run("ls -A /app/aipbx/build").stdout == ""
        page = Web(server)("/").body
        assert f"https://{server.name}/" in page, "the canonical address is the host's own"
        # A release of the ledger that was never built here is built, and said to be, before anyone is asked.
        older = f"--to={OLDER},{FRONTEND['third'][:8]}"
        run = deployed("rollback", f"--host={server.name}", older, "--yes").succeeded()
        assert f"built/backend:{OLDER} is rebuilt there from its commit" in run.output
        assert run.output.count("is rebuilt there") == 1
        assert version(server) == OLDER
        # A version that is raised in package.json has no dependency installed again.
        steps = next((deployed.tree / "state").rglob(f"build-*-backend-{OLDER[:12]}-*.log")).read_text()
        installs = re.findall(r"^(#\d+) \[.*npm ci", steps, re.MULTILINE)
        assert installs
        assert all(f"{number} CACHED" in steps for number in installs), steps
        before = state(server)
        with deployed.changed(server.name, branch="broken/build"):
            run = deployed("deploy", f"--host={server.name}", "--service=backend", "--yes")
        run.refused("the backend does not build")
        assert state(server) == before
    assert len([line for line in run.output.splitlines() if line.startswith("    | ")]) == 30
    log = Path(run.output.split("the whole log is in ")[1].split(". What")[0])
    assert "npm run build" in log.read_text()
    deployed("deploy", f"--host={server.name}", "--yes").succeeded()
