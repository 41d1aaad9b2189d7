"""The errors that a user can mend: each is one line that names the place and the remedy."""

from cascade.base.credentials import mask_credentials

# In the folder of a sweep's job in place of its results: the line that says why there are none.
FAILED = "failed.txt"


class CascadeError(Exception):
    """A mistake in the input or the machine's state that the user can mend.

    The message is one line: where (file and record, or configuration key), what is wrong, and
    what to do. `run.py` prints it without a traceback and exits with status 1. Passwords in it are masked.
    """

    def __init__(self, message: str) -> None:
        super().__init__(mask_credentials(message))


class ConfigError(CascadeError):
    """A configuration key that is unknown, of the wrong type or out of range."""


class DataError(CascadeError):
    """A data-set or recording file that is missing, broken or incomplete."""


class ExecutionError(CascadeError):
    """The sandbox could not do its work (never: a program in it failed)."""
