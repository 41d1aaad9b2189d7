"""The Hugging Face hub: whether it can be reached is asked once, and said once."""

import logging
import os
from functools import cache
from urllib.error import HTTPError
from urllib.request import Request, urlopen

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0


@cache
def reach_hub() -> None:
    """Before anything is read from the hub: where it cannot be reached, use what was downloaded earlier.

    Its client repeats every request for half a minute otherwise, with a warning each time.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return
    try:
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=TIMEOUT_S).close()
    except HTTPError:
        return  # it answers; what it says to a real request is told there
    except OSError as error:
        log.warning(
            "%s cannot be reached (%s): only models and data sets that were downloaded earlier can be used",
            constants.ENDPOINT,
            getattr(error, "reason", error),
        )
        constants.HF_HUB_OFFLINE = True
        os.environ["HF_HUB_OFFLINE"] = "1"  # for libraries and processes that are still to start
