"""Make a server an aiPBX host, or keep it one: the same command for a fresh and for a converged host.

    pyinfra inventory.py deploys/bootstrap.py

Each line is a file beside this one, and can be run alone in the same way.
"""

from pyinfra import local

local.include("deploys/adoption.py")  # reports what was installed by hand, and leaves it alone
local.include("deploys/apt.py")  # apt settings, Docker repository, pinned versions
local.include("deploys/base.py")  # packages, time, journal, kernel settings, swap, directories, banner
local.include("deploys/users.py")  # the deploy account, its keys, its sudo rule
local.include("deploys/ci.py")  # CI's account: a few verbs of the agent, no shell
local.include("deploys/ssh.py")  # keys only, strong cryptography, root shut
local.include("deploys/firewall.py")  # UFW, also for published container ports
local.include("deploys/fail2ban.py")  # bans addresses that guess keys
local.include("deploys/updates.py")  # nightly security updates
local.include("deploys/hardening.py")  # disables what is not needed
local.include("deploys/docker.py")  # Docker Engine, pinned, with Compose and buildx
local.include("deploys/app.py")  # the application's stack and Dockerfiles
local.include("deploys/proxy.py")  # nginx: its configuration, tested by nginx first
local.include("deploys/agent.py")  # the program on the host: releases, backups, restores
local.include("deploys/tls.py")  # the certificate: how it is obtained, renewed, checked and served
local.include("deploys/backups.py")  # timers for backups and verification
local.include("deploys/offsite.py")  # off-site copies, and peers' copies stored here
local.include("deploys/monitoring.py")  # metrics, alerts, and a look at the other hosts
local.include("deploys/former_agent.py")  # removes the agent's former program
