"""What runs on a host to keep its data: backup, copy elsewhere, verification, restore.

Shipped by deploys/backups.py to /usr/local/lib/aipbx/data, called as `aipbx-data` by timers and by `inv`. Standard
library only, and Python 3.10 (Ubuntu 22.04): a host gets no packages from PyPI. Every run is one process on the host,
so that an operator's lost connection stops nothing half-way.
"""
