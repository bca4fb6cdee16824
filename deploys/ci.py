"""CI's account: it deploys releases, and can do nothing else (aipbx_agent/ci). sshd's part of it: deploys/ssh.py."""

from aipbx_agent.contract import CI
from fleet.checkout import ci_keys
from fleet.converge.access import ci_account
from fleet.converge.context import render
from fleet.converge.files import configuration

SUDOERS = "/etc/sudoers.d/91-aipbx-ci"

ci_account.account(name="CI: let in exactly the keys of operators/ci", keys=ci_keys())
if ci_keys():
    configuration.file(
        name="CI: write sudo rule",
        path=SUDOERS,
        text=render("ci/sudoers.j2", account=CI, command=ci_account.PROGRAM),
        mode="440",
        check="visudo -cqf {}",
    )
else:
    configuration.absent(name="CI: remove sudo rule", paths=(SUDOERS,))
