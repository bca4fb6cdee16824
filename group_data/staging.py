"""What staging hosts have instead of group_data/all.py: releases are tried out on them before customers get them."""

staging = True
deploys_every_push = True
# Each staging host says its own `web_from`, whose networks may open it, and `outgoing`, where its containers connect.

# --- A smaller server ------------------------------------------------------------------------------------------------
# MiB and CPUs for one tester at a time; the database and the backend of a host without customers need no more.
memory_mib = {"postgres": 512, "backend": 1024, "frontend": 128, "nginx": 256}
cpus = {"postgres": 1.0, "backend": 1.0, "frontend": 0.5, "nginx": 0.5}
keep_releases = 3
# Its data are copies: a few sets are enough.
backup_keep = {"days": 2, "weeks": 0, "months": 0}
