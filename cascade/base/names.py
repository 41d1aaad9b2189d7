"""Names that people give, as names of files and as keys of a store: any text becomes one that is allowed."""

import re

from cascade.base.store import digest

MAX_FILE_NAME = 100  # bytes; file systems take 255, endings and temporary names among them


def file_name(name: str, otherwise: str) -> str:
    """A name as that of one file: no path, nothing hidden, not too long.

    Args:
        name: what a person called it.
        otherwise: the file's name where nothing of it is left.
    """
    kept = re.sub(r"[^\w.-]+", "-", name).encode()[:MAX_FILE_NAME].decode(errors="ignore")
    return kept.strip(".-") or otherwise


def shortened(name: str, limit: int) -> str:
    """A name of at most so many characters; a longer one ends with a digest and so stays one of its own."""
    return name if len(name) <= limit else f"{name[: limit - 10]}… {digest(name)[:8]}"
