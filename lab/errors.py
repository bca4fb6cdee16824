"""What the lab says to the operator when it cannot continue."""

from aipbx_agent.contract import REFUSED
from fleet.errors import FailedError


class LabError(FailedError):
    """A failure that the operator can act on."""


class LabRefusedError(LabError):
    """The same, before anything was begun."""

    code = REFUSED
