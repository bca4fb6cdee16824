"""The program that lives on a host: releases, migrations, backups, restores, and what they report.

deploys/agent.py installs it in /usr/local/lib/aipbx/agent; timers and `inv` call it as `aipbx-agent`. Standard library
only, and Python 3.10 (Ubuntu 22.04): a host gets no packages from PyPI. Every run is one process on the host, so that
an operator's lost connection stops nothing half-way.
"""
