"""Which tests are plain: after a plain program (see `plain`) they leave nothing behind but names.

Such a test asserts on objects of its own, at the top or in functions that it defines and calls. What the
program defined is only called, or given to one of these functions to be called. Names that a test binds
at the top of the module are taken back by the runner.
"""

import ast

from cascade.execute.purity import BUILTIN_NAMES, Top, uses_are_plain


def is_plain_test(tree: ast.Module) -> bool:
    """Whether a test is plain; see the module."""
    top = Top()
    if not all(top.allows(statement) for statement in tree.body) or top.objects & BUILTIN_NAMES:
        return False
    only_called = set(top.objects)
    given: set[int] = set()
    for statement in tree.body:
        match statement:
            case ast.Assert() | ast.Assign() | ast.Expr(value=ast.Constant()):
                pass
            case ast.FunctionDef(args=ast.arguments(posonlyargs=[], vararg=None, kwonlyargs=[], kwarg=None)):
                only_called.update(one.arg for one in statement.args.args)
            case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=arguments, keywords=[])):
                if name not in top.objects or not all(isinstance(one, ast.Name) for one in arguments):
                    return False
                given.update(map(id, arguments))
            case _:
                return False
    called, bound, named = set(), set(BUILTIN_NAMES), []
    for node in ast.walk(tree):
        match node:
            case ast.NamedExpr() | ast.Nonlocal() | ast.Import() | ast.ImportFrom() | ast.ClassDef():
                return False
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                return False
            case ast.Call(func=ast.Name() as function):
                called.add(id(function))
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                bound.add(name)
            case ast.Name():
                named.append(node)
    data = bound - only_called
    if any(node.id not in data and id(node) not in called | given for node in named):
        return False
    return uses_are_plain(tree, top)
