"""The deploy account: the operators' keys, no password, sudo with a record of every command."""

from fleet.checkout import operator_keys
from fleet.converge import accounts, configuration
from fleet.converge.context import render, settings

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
