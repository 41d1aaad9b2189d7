"""How people start this program and what installs a missing part of it, for the lines that tell them to."""

import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

DISTRIBUTION = "code-cascade"  # `cascade` on PyPI is an unrelated project


def program() -> str:
    """The command that the user types: ``python run.py`` in a checkout, ``cascade`` where it is installed."""
    return "python run.py" if Path(sys.argv[0]).name == "run.py" else "cascade"


def requirement(package: str) -> str:
    """A package with the versions of it that cascade works with, as pip takes it: ``mlflow<3.18,>=3.1``."""
    try:
        needed = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # a checkout on the path that nobody installed
        return package
    return (
        next((line for line in needed if re.match(rf"{package}\b(?!-)", line)), package).split(";")[0].strip()
    )


def install_command(extra: str) -> str:
    """The command that installs what an optional part needs, by the names of the packages themselves.

    It works whether cascade came from a checkout, from a wheel or from an index.

    Args:
        extra: a key of ``[project.optional-dependencies]``, e.g. ``hub``.
    """
    try:
        needed = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # a checkout on the path that nobody installed
        return f"pip install -e '.[{extra}]'"
    wanted = [line.split(";")[0].strip() for line in needed if line.endswith(f'extra == "{extra}"')]
    return shlex.join(["pip", "install", *wanted])
