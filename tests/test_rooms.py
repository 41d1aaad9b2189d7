"""The rooms of the house: what each may import, and that nothing runs upwards (docs/architecture.md)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "cascade"
# From the ground up; a room may import from those that are named.
MAY_IMPORT = {
    "base": (),
    "core": ("base",),
    "search": ("base", "core"),
    "problems": ("base",),
    "generate": ("base", "core", "problems"),
    "execute": ("base", "core", "problems", "generate"),
    # A room of its own: answering a query is neither searching nor reporting, and needs them only as input.
    "serving": ("base", "core", "search", "problems", "generate", "execute"),
    "config": ("base", "core", "search", "problems", "generate", "execute", "serving"),
    "report": ("base", "core", "search", "problems", "generate"),
    "tracking": ("base", "search", "problems", "report"),
    "tasks": (
        *("base", "core", "search", "problems", "generate", "execute"),
        *("serving", "config", "report", "tracking"),
    ),
}
HEAVY = {"hydra", "omegaconf", "mlflow", "torch", "transformers", "pandas"}
PURE = [f"core.{path.stem}" for path in sorted((PACKAGE / "core").glob("[!_]*.py"))]
PURE += [
    f"search.{path.stem}"
    for path in sorted((PACKAGE / "search").glob("[!_]*.py"))
    if path.stem not in ("artifacts", "optuna_search")
]


def imports(path: Path) -> list[str]:
    """The modules of ours that a file imports, `cascade.room.module` or `cascade.room`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cascade."):
            found.append(node.module)
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith("cascade.")]
    return found


def room_of(module: str) -> str:
    return module.split(".")[1]


def test_the_rooms_are_these() -> None:
    assert {path.name for path in PACKAGE.iterdir() if path.suffix == ".py"} == {"__init__.py"}
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may_and_by_the_other_rooms_face(room: str) -> None:
    for path in sorted((PACKAGE / room).rglob("*.py")):
        for module in imports(path):
            other = room_of(module)
            if other == room:
                continue
            assert other in MAY_IMPORT[room], f"{path} imports {module}"
            assert module.count(".") == 1, f"{path} imports {module}: take it from cascade.{other}"


def test_nothing_runs_upwards() -> None:
    seen: list[str] = []
    for room, below in MAY_IMPORT.items():
        assert set(below) <= set(seen), room
        seen.append(room)


def test_no_module_is_part_of_a_circle() -> None:
    """As any grapher draws it: a package is a module too, its `__init__` is what it imports."""
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }
    after = {name: {m for m in imports(path) if m in files} for name, path in files.items()}
    while leaves := [name for name, others in after.items() if not others & after.keys()]:
        for name in leaves:
            del after[name]
    assert not after


def test_a_rooms_face_says_what_it_is_for_and_hands_on_what_there_is() -> None:
    code = "import importlib, sys\nfor name in sys.argv[1:]:\n    room = importlib.import_module(name)\n"
    code += "    [getattr(room, name) for name in getattr(room, '__all__', ())]\n"
    code += "    print(name, len(room.__doc__.split()))"
    rooms = [f"cascade.{room}" for room in MAY_IMPORT]
    said = subprocess.run([sys.executable, "-c", code, *rooms], capture_output=True, text=True, check=True)
    lengths = [line.split() for line in said.stdout.splitlines()]
    assert [name for name, _ in lengths] == rooms
    assert all(int(n) > 12 for _, n in lengths)


def test_the_core_imports_nothing_heavy() -> None:
    """One after the other in one process: the first that does is named."""
    code = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
    code += "    print(name, *sys.modules)"
    modules = [f"cascade.{module}" for module in PURE]
    done = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True, check=True)
    loaded = [line.split() for line in done.stdout.splitlines()]
    assert [name for name, *_ in loaded] == modules
    assert [name for name, *every in loaded if HEAVY & set(every)] == []
