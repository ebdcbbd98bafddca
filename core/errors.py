"""The two errors a user can meet. Scripts turn each into one sentence and an exit code."""


class UsageError(ValueError):
    """An argument is wrong: the message names it, what it got, what is allowed (exit code 2)."""


class WorkError(RuntimeError):
    """The arguments are right, but the work could not be done, e.g. no network (exit code 1)."""
