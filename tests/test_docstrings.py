"""What rooms hand on, and what a notebook sees, says what it is."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import is_dataclass

import pytest

import cascade
from tests.conftest import ROOT

ROOMS = sorted(path.parent.name for path in (ROOT / "cascade").glob("*/__init__.py"))


def public_names(room: str) -> list[str]:
    """The names of a room's face."""
    face = ROOT / "cascade" / room / "__init__.pyi"
    if not face.exists():
        return list(getattr(importlib.import_module(f"cascade.{room}"), "__all__", ()))
    tree = ast.parse(face.read_text(encoding="utf-8"))
    return [
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def methods_of(kind: type) -> Iterator[tuple[str, object]]:
    """A class's own public methods and properties."""
    for name, member in vars(kind).items():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if not name.startswith("_") and inspect.isfunction(function):
            yield f"{kind.__name__}.{name}", function


def silent(name: str, value: object) -> list[str]:
    """What of a name has no docstring; a dataclass's generated one says nothing."""
    if inspect.isfunction(value):
        return [] if value.__doc__ else [name]
    if not inspect.isclass(value):
        return []
    said = vars(value).get("__doc__")
    generated = is_dataclass(value) and said is not None and said.startswith(f"{value.__name__}(")
    lost = [name] if not said or generated else []
    return lost + [method for method, function in methods_of(value) if not getattr(function, "__doc__", None)]


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_has_a_docstring(room: str) -> None:
    face = importlib.import_module(f"cascade.{room}")
    assert face.__doc__, "a room says in one paragraph what it is for"
    assert [lost for name in public_names(room) for lost in silent(name, getattr(face, name))] == []


def test_every_name_for_notebooks_has_a_docstring() -> None:
    assert cascade.__doc__
    names = cascade.PUBLIC
    assert names
    assert [lost for name in names for lost in silent(name, getattr(cascade, name))] == []


def test_arguments_are_explained() -> None:
    """Functions of three and more arguments that a room hands on explain them, or say where that stands."""
    lost = []
    for room in ("core", "search"):
        face = importlib.import_module(f"cascade.{room}")
        for name in public_names(room):
            value = getattr(face, name)
            if inspect.isfunction(value) and len(inspect.signature(value).parameters) > 2:
                said = value.__doc__ or ""
                if "Args:" not in said and "see `" not in said and "The same" not in said:
                    lost.append(f"{room}.{name}")
    assert lost == []
