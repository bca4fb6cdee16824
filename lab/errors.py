"""What the lab says to the operator when it cannot go on."""


class LabError(Exception):
    """A failure that the operator can act on."""

    def __init__(self, what: str, why: str, todo: str) -> None:
        """Say what failed.

        Args:
            what: One line: what did not work.
            why: One line: the cause.
            todo: One line: what to do about it.
        """
        super().__init__(what)
        self.what = what
        self.why = why
        self.todo = todo

    def __str__(self) -> str:
        """Return the three lines as they are shown to the operator."""
        return f"{self.what}\n  why:   {self.why}\n  to do: {self.todo}"
