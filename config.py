"""pyinfra reads this file before anything else, in the folder where it is called."""

import pyinfra.api.inventory
from pyinfra import config
from pyinfra.api.connectors import get_execution_connectors

from fleet.checkout import load_environment
from fleet.converge.connect.command_line import checked, converges
from fleet.converge.connect.connection import FleetConnector

config.REQUIRE_PYINFRA_VERSION = "~=3.10"
# Uploads go through here as the login account; root's own TMPDIR may be closed to it.
config.TEMP_DIR = "/tmp"  # noqa: S108  on the host, where pyinfra removes them within one operation
load_environment()
FleetConnector.converging = converges(checked())
# pyinfra finds connectors by the entry points of installed distributions; this project is a checkout.
pyinfra.api.inventory.get_execution_connectors = lambda: {**get_execution_connectors(), "ssh": FleetConnector}
