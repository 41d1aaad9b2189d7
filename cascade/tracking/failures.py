"""What MLflow, its database or its artifact store may say once a study runs, in one line."""

import errno
from collections.abc import Iterator

import requests
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from cascade.base import mask_credentials

LOST_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
MAX_CHARS = 300  # of a reason: a database's own message may hold all parameters of an insert


def tracking_failure(error: BaseException) -> str | None:
    """The reason in one line where the tracking store failed; None for any other exception."""
    for cause in _chain(error):
        if isinstance(cause, MlflowException | SQLAlchemyError | requests.RequestException):
            return one_line(cause)
        if isinstance(cause, OSError) and cause.errno in LOST_DISK:
            return f"{cause.filename or 'the disk'}: {cause.strerror}"
    return None


def one_line(error: BaseException) -> str:
    """The first line of an error, of bounded length and without passwords."""
    text = mask_credentials((str(error).strip().splitlines() or [type(error).__name__])[0])
    # A chain of causes says the first of them at its end.
    half = MAX_CHARS // 2
    return text if len(text) <= MAX_CHARS else f"{text[:half]} … {text[-half:]}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__
