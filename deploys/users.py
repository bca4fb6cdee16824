"""The deploy account: the operators' keys, no password, sudo with a record of every command."""

from fleet.checkout import operator_keys
from fleet.converge.access import accounts
from fleet.converge.context import render, settings
from fleet.converge.files import configuration

accounts.operators(
    name="Users: create deploy account with operator keys",
    user=settings().deploy_user,
    keys=operator_keys(),
)
configuration.file(
    name="Users: write sudo rule",
    path="/etc/sudoers.d/90-aipbx",
    text=render("sudoers.j2"),
    mode="440",
    check="visudo -cqf {}",
)
