"""What `inv doctor` checks on a host: what a person would check who hears that it does not work."""

from __future__ import annotations

import shlex
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aipbx_agent.contract import ENVIRONMENT
from fleet.adoption import hand_made
from fleet.converge import drift
from fleet.errors import OperatorError
from fleet.state import survey
from fleet.status import pins, troubles
from fleet.status.finding import Finding
from fleet.users import state

if TYPE_CHECKING:
    from fleet.remote import Remote
    from fleet.state.survey import Survey

# A clock that is further off than this breaks TLS, logs and the ledger.
CLOCK_SECONDS = 5
# Its distribution and version, a line each.
SYSTEM = '. /etc/os-release; echo "$ID"; echo "${VERSION_ID:-}"'


def examined(remote: Remote) -> list[Finding]:
    """Check a host, and return what was found, what is well included."""
    try:
        before = time.time()
        clock, system, version = remote.sudo_output(f"date +%s.%N; {SYSTEM}").splitlines()
        skew = float(clock) - (before + time.time()) / 2
    except OperatorError as error:
        return [Finding("login", f"{error.what} {error.why}", well=False, do=error.do)]
    findings = [Finding("login", f"{remote.settings.deploy_user}, and sudo works")]
    findings.append(
        Finding(
            "clock", f"{skew:+.1f} s", abs(skew) < CLOCK_SECONDS, "" if abs(skew) < CLOCK_SECONDS else "timedatectl"
        )
    )
    findings += pins.of(remote.settings, (system, version), datetime.now(UTC).date())
    state = survey.take(remote)
    converge = f"pyinfra inventory.py deploys/bootstrap.py --limit {remote.name}"
    findings.append(
        Finding("converged", "yes") if state.converged else Finding("converged", "no", well=False, do=converge)
    )
    by_hand = hand_made.read(remote)
    if by_hand:
        findings += [Finding("installed by hand", line) for line in by_hand.lines()]
    if state.converged:
        pushed = ENVIRONMENT in state.files
        push = f"inv env.push --host={remote.name}"
        findings.append(Finding("configuration", "pushed" if pushed else "missing", pushed, "" if pushed else push))
        findings.append(Finding("release", str(state.running or "none yet")))
        findings += _condition(remote, state)
        findings.append(_drift(remote.name, converge))
        if pushed and state.running:
            findings += [_public(remote), *users(remote)]
    return findings


def _condition(remote: Remote, state: Survey) -> list[Finding]:
    """Return what is not well, and what is: services, disk, certificate, lock, backups."""
    wrong = troubles.of(remote.name, state)
    findings = [Finding(trouble.topic, trouble.what, well=not trouble.now, do=trouble.do) for trouble in wrong]
    fine = [
        ("services", ", ".join(state.containers) or "none yet"),
        ("disk", f"{state.disk_percent} % full, {state.disk_free_mib} MiB free"),
        ("lock", f"locked: {state.lock}" if state.lock else "none"),
    ]
    fine += [("certificate", f"until {state.certificate_until:%Y-%m-%d}")] if state.certificate_until else []
    topics = {trouble.topic for trouble in wrong}
    return [*findings, *(Finding(topic, how) for topic, how in fine if topic not in topics)]


def _drift(host: str, converge: str) -> Finding:
    try:
        changes = drift.of(host)
    except OperatorError as error:
        return Finding("drift", f"{error.what} {error.why}", well=False, do=error.do)
    if not changes:
        return Finding("drift", "as declared")
    return Finding("drift", f"{len(changes)} operations: {'; '.join(changes[:5])}", well=False, do=converge)


def _public(remote: Remote) -> Finding:
    """Return whether the public name answers, asked on the host: there it resolves as for the world, in a lab too."""
    url = shlex.quote(f"https://{remote.name}/")
    result = remote.run(
        f"curl --silent --show-error --max-time 15 --output /dev/null --write-out '%{{http_code}}' {url}"
    )
    if result.code == 0 and result.out[:1] in {"2", "3"}:
        return Finding("public name", f"https://{remote.name}/ answers {result.out}")
    output = (
        f"https://{remote.name}/ answers {result.out}" if result.code == 0 else result.err.strip() or result.last_words
    )
    return Finding("public name", output, well=False, do=f"inv tls.status {remote.name}; inv logs nginx {remote.name}")


def users(remote: Remote) -> list[Finding]:
    """Return what users cannot do yet: nothing is out of order, but a new host needs more than a release."""
    try:
        lacking = state.lacking(state.read(remote), remote.name)
    except OperatorError as error:
        return [Finding("users", f"{error.what} {error.why}", well=False, do=error.do)]
    if not lacking:
        return [Finding("users", "can sign up, see prices, make assistants and call, as far as the database shows")]
    return [Finding(f"users: {what}", why, do=do) for what, why, do in lacking]
