"""What the program tells people to type."""

import sys
from importlib import metadata

import pytest

from cascade.base import install_command, program
from cascade.base.program import DISTRIBUTION


@pytest.mark.parametrize(
    ("started_as", "says"),
    [
        ("run.py", "python run.py"),
        ("/a/run.py", "python run.py"),
        ("/usr/bin/cascade", "cascade"),
    ],
)
def test_the_command_is_the_one_that_was_typed(
    monkeypatch: pytest.MonkeyPatch, started_as: str, says: str
) -> None:
    monkeypatch.setattr(sys, "argv", [started_as, "seed=1"])
    assert program() == says


def test_an_extra_is_installed_by_its_packages_or_from_the_checkout() -> None:
    command = install_command("hub")
    try:
        metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        assert command == "pip install -e '.[hub]'"
    else:
        assert command == "pip install 'datasets>=3.0'"
