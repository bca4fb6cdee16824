"""The deploy account: the operators' keys, no password, sudo with a record of every command."""

from io import StringIO

from pyinfra.operations import files, server

from fleet.access import operator_keys
from fleet.converge import accounts
from fleet.converge.context import render, settings

user = settings().deploy_user

server.user(
    name="The deploy account",
    user=user,
    home=f"/home/{user}",
    shell="/bin/bash",
    ensure_home=True,
    public_keys=operator_keys(),
    delete_keys=True,
)
files.directory(name="Its home is its own", path=f"/home/{user}", user=user, group=user, mode="750")
accounts.not_in_docker_group(name="Docker only by sudo, which leaves a record", user=user)
accounts.sudoers(
    name="Its sudo rule", dest="/etc/sudoers.d/90-aipbx", text=render("sudoers.j2"),
)
