"""Arrays and numbers of numpy as plain data: a type of numbers or text, a shape, bytes.

Nothing here imports numpy before an array is met: most programs have none.
"""

import re
import sys
from math import prod
from typing import Any

# No type that holds objects: making one out of bytes would be making pointers.
_TYPES = re.compile(r"[<>|][biufcU][0-9]{1,4}")


def pack_array(value: Any) -> list[Any] | None:
    """An array or a number of numpy as an atom; None for what is neither, or holds objects."""
    numpy = sys.modules.get("numpy")
    if numpy is None or (type(value) is not numpy.ndarray and type(value) not in numpy.sctypeDict.values()):
        return None
    array = numpy.asarray(value)
    if not _TYPES.fullmatch(array.dtype.str):
        return None
    shape = None if isinstance(value, numpy.generic) else [*array.shape]
    return ["array", array.dtype.str, shape, array.tobytes().decode("latin-1")]


def made_array(atom: list[Any]) -> Any:
    """What an atom stands for.

    Raises:
        ValueError: nothing.
    """
    match atom:
        case ["array", str(kind), shape, str(data)] if _TYPES.fullmatch(kind):
            numpy = __import__("numpy")
            array = numpy.frombuffer(data.encode("latin-1"), kind).copy()
            if shape is None and array.shape == (1,):
                return array[0]
            natural = type(shape) is list and all(type(n) is int and n >= 0 for n in shape)
            if natural and prod(shape) == array.size:
                return array.reshape(shape)
    raise ValueError
