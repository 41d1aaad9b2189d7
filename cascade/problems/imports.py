"""The imports that evaluations of chat replies put in front of them, for replies that leave them out."""

import importlib
from collections.abc import Iterable, Sequence
from functools import cache

from cascade.base import DataError

#: What the evaluation of most open models' published figures puts in front of a reply: IMPORT_HELPER of
#: bigcode-evaluation-harness (HumanEvalPack), also in Qwen2.5-Coder's and DeepSeek-Coder's evaluation.
STANDARD_IMPORTS = (
    "import math",
    "import re",
    "import sys",
    "import copy",
    "import datetime",
    "import itertools",
    "import collections",
    "import heapq",
    "import statistics",
    "import functools",
    "import hashlib",
    "import numpy",
    "import numpy as np",
    "import string",
    "from typing import *",
    "from collections import *",
)


def imports_for(names: Iterable[str], lines: Sequence[str]) -> tuple[str, ...]:
    """The import statements among `lines` that bind these names, one a name, in alphabetical order.

    A line ``from module import *`` stands for one statement a name.

    Raises:
        DataError: a line is no import of one module or name.
    """
    bound = _bound(tuple(lines))
    return tuple(dict.fromkeys(bound[name] for name in sorted(names) if name in bound))


@cache
def _bound(lines: tuple[str, ...]) -> dict[str, str]:
    """Which statement binds which name."""
    found: dict[str, str] = {}
    for line in lines:
        words = line.split()
        if len(words) == 4 and words[0] == "from" and words[2:] == ["import", "*"]:
            module = importlib.import_module(words[1])
            public = getattr(module, "__all__", [one for one in vars(module) if one[:1] != "_"])
            found |= {name: f"from {words[1]} import {name}" for name in public}
        elif len(words) in (2, 4) and words[0] == "import" and words[2:3] in ([], ["as"]):
            found[words[-1].partition(".")[0]] = line
        elif len(words) in (4, 6) and words[0] == "from" and words[2] == "import":
            found[words[-1]] = line
        else:
            raise DataError(
                f"dataset.imports: {line!r} is no import of one module or name; write e.g. 'import math'"
            )
    return found
