"""A server becomes an aiPBX host, or stays one: the same command for a fresh and for a converged host.

    pyinfra inventory.py deploys/bootstrap.py

Each line is a file beside this one, and can be run alone in the same way.
"""

from pyinfra import local

local.include("deploys/adoption.py")  # what somebody made here by hand is named, and left alone
local.include("deploys/apt.py")  # apt's manners, Docker's repository and its pins
local.include("deploys/base.py")  # packages, time, journal, kernel settings, swap, directories, banner
local.include("deploys/users.py")  # the deploy account, its keys, its sudo rule
local.include("deploys/ssh.py")  # keys only, strong cryptography, root shut
local.include("deploys/firewall.py")  # UFW, also for what containers publish
local.include("deploys/fail2ban.py")  # who guesses keys is banned
local.include("deploys/updates.py")  # security updates by night
local.include("deploys/hardening.py")  # what nobody needs is shut
local.include("deploys/docker.py")  # Docker Engine, pinned, with Compose and buildx
local.include("deploys/app.py")  # the application's place: its stack, how its images are built
local.include("deploys/proxy.py")  # nginx: its configuration, tested by nginx before it gets there
local.include("deploys/tls.py")  # the certificate: how it is obtained, renewed, checked, served
local.include("deploys/agent.py")  # the program that lives on the host: releases, backups, restores
local.include("deploys/backups.py")  # when the data are backed up and verified
local.include("deploys/offsite.py")  # copies off this host, and what it keeps for others
local.include("deploys/former_agent.py")  # the agent's former program goes, once nothing calls it any more
