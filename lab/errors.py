"""What the lab says to the operator when it cannot continue."""

from fleet.errors import FailedError


class LabError(FailedError):
    """A failure that the operator can act on."""
