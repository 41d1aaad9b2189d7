"""Which names Python source binds and which it needs from elsewhere."""

import ast
import importlib
from collections.abc import Iterable, Sequence
from typing import TypeGuard

_DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def names_bound(statements: Iterable[ast.stmt]) -> set[str]:
    """The names that statements define, import or assign for all that follows."""
    bound: set[str] = set()
    for node in statements:
        if isinstance(node, _DEFINED):
            bound.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            bound |= {one.id for target in targets for one in ast.walk(target) if _stored(one)}
        else:
            for inner in ("body", "orelse", "finalbody"):
                bound |= names_bound(getattr(node, inner, []))
            for handler in getattr(node, "handlers", []):
                bound |= names_bound(handler.body)
    return bound


def names_changed(node: ast.stmt) -> set[str]:
    """The names that a statement binds, and those whose items, attributes or contents it changes."""
    changed = names_bound([node])
    if isinstance(node, _DEFINED):
        return changed
    for one in ast.walk(node):
        if _stored(one):
            changed.add(one.id)
        called = isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
        inside = isinstance(one, ast.Subscript | ast.Attribute) and isinstance(one.ctx, ast.Store | ast.Del)
        if called or inside:
            root: ast.AST = one
            while isinstance(root, ast.Attribute | ast.Subscript | ast.Call):
                root = root.func if isinstance(root, ast.Call) else root.value
            if isinstance(root, ast.Name):
                changed.add(root.id)
    return changed


def _stored(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def names_read(node: ast.AST) -> set[str]:
    """The names that are read somewhere in it and are nowhere in it an argument or a target."""
    return _read(list(ast.walk(node)))


def names_needed(program: ast.Module) -> set[str]:
    """The names that a program reads and binds nowhere; builtins among them."""
    nodes = list(ast.walk(program))
    caught = {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}
    return _read(nodes) - names_bound(node for node in nodes if isinstance(node, ast.stmt)) - caught


def _read(nodes: Sequence[ast.AST]) -> set[str]:
    names = [one for one in nodes if isinstance(one, ast.Name)]
    local = {one.id for one in names if not isinstance(one.ctx, ast.Load)}
    local |= {one.arg for one in nodes if isinstance(one, ast.arg)}
    return {one.id for one in names if isinstance(one.ctx, ast.Load)} - local


def names_imported(program: ast.Module) -> set[str]:
    """The names that a program imports at its top level; of ``from module import *`` the public ones."""
    found: set[str] = set()
    for node in program.body:
        if isinstance(node, ast.ImportFrom) and node.module and [a.name for a in node.names] == ["*"]:
            module = importlib.import_module(node.module)
            found |= set(getattr(module, "__all__", [one for one in vars(module) if one[:1] != "_"]))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= names_bound([node])
    return found
