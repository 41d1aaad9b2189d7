"""Which programs are plain: they keep nothing from one test line to the next, and cannot reach the runner.

The proof is a list of what a program may use: everything it defines is a function, a class or a
constant; it changes only objects that a call made; it imports only modules without state, and names
nothing that leads to frames, builtins or files. What is not on the list is not plain, which costs a
process for each line and never a verdict.
"""

import ast
import builtins


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Modules whose functions keep no state, or only caches that cannot be seen.
PURE_MODULES = _words(
    "__future__ abc array bisect cmath collections collections.abc copy dataclasses decimal enum "
    "fractions functools heapq itertools math numbers operator queue re string statistics textwrap "
    "typing unicodedata datetime calendar hashlib base64 binascii json ast"
)
# Of those, what keeps state, can be asked for time, or calls by name.
DENIED_FROM_MODULES = _words(
    "lru_cache cache singledispatch singledispatchmethod getcontext setcontext localcontext "
    "DefaultContext BasicContext ExtendedContext attrgetter methodcaller setitem setattr now today "
    "utcnow register get_type_hints no_type_check setfirstweekday register_dialect total_ordering "
    "purge template make_dataclass Queue SimpleQueue LifoQueue literal_eval contextmanager "
    "update_wrapper"
)
DENIED_NAMES = _words(
    "__import__ __builtins__ __loader__ __spec__ __build_class__ breakpoint compile delattr dir eval "
    "exec exit globals help id locals memoryview open quit setattr vars getattr copyright credits "
    "license"
)
SAFE_DUNDERS = _words(
    "__init__ __name__ __main__ __eq__ __lt__ __gt__ __le__ __ge__ __ne__ __hash__ __repr__ __str__ "
    "__len__ __getitem__ __setitem__ __contains__ __iter__ __next__ __add__ __sub__ __mul__ __call__ "
    "__bool__ __neg__ __post_init__ __radd__ __abs__ __mod__ __truediv__ __floordiv__ __pow__ "
    "__and__ __or__ __xor__"
)
DENIED_ATTRIBUTES = _words(
    "gi_frame gi_code gi_yieldfrom cr_frame cr_code ag_frame ag_code f_back f_builtins f_code "
    "f_globals f_locals f_lineno f_trace tb_frame tb_next tb_lasti mro with_traceback add_note "
    "cache_clear cache_info cache_parameters register sys os builtins __builtins__"
)
SAFE_DECORATORS = _words("staticmethod classmethod property dataclass total_ordering abstractmethod")
# Calls that may stand at the top of a program: they make constants.
CONSTANT_CALLS = _words(
    "frozenset tuple int float str bool complex bytes range namedtuple TypeVar NewType compile ord "
    "chr len min max sum pow abs round divmod sqrt factorial"
)
NAMEDTUPLE = frozenset(("_replace", "_asdict", "_fields", "_make"))
BUILTIN_NAMES = frozenset(dir(builtins))

_READING_METHODS = _words("get keys values items index count copy join split strip lower upper find")
_READING_CALLS = _words(
    "len sorted sum min max any all enumerate zip list tuple set dict frozenset reversed map filter range"
)


def is_plain(tree: ast.Module) -> bool:
    """Whether a program is plain; see the module."""
    top = Top()
    if not all(top.allows(statement) for statement in tree.body):
        return False
    entered = [statement for statement in tree.body if not _is_main_block(statement)]
    tree = ast.Module(entered, [])
    return uses_are_plain(tree, top) and _owns_are_plain(tree, top)


class Top:
    """What the top of a program binds."""

    def __init__(self) -> None:
        self.objects: set[str] = set()  # functions and classes
        self.tables: set[str] = set()  # containers of constants, that may only be read

    def allows(self, node: ast.stmt) -> bool:
        """Whether a statement at the top of the program only defines."""
        match node:
            # What these do is looked at with everything else: a call leaves nothing behind.
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr() | ast.Assert():
                return True
            case ast.FunctionDef():
                self.objects.add(node.name)
                return True
            case ast.ClassDef():
                self.objects.add(node.name)
                return _is_plain_class(node)
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ):
                if value is None or _is_constant(value):
                    return True
                if _is_table(value):
                    self.tables.add(name)
                    return True
                return False
        return _is_main_block(node)


def _is_main_block(node: ast.stmt) -> bool:
    """`if __name__ == "__main__":`, which is never entered: the program's module is called otherwise."""
    match node:
        case ast.If(
            test=ast.Compare(
                left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]
            ),
            orelse=[],
        ):
            return True
    return False


def _is_constant(node: ast.expr) -> bool:
    """Whether an expression makes something that cannot change."""
    match node:
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=operand):
            return _is_constant(operand)
        case ast.BinOp(left=left, right=right):
            return _is_constant(left) and _is_constant(right)
        case ast.Tuple(elts=elements):
            return all(_is_constant(e) for e in elements)
        case ast.Name(id=name):
            return name in BUILTIN_NAMES
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return (name, attribute) in {("math", "inf"), ("math", "pi"), ("math", "e"), ("math", "nan")}
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments, keywords=[]):
            return name in CONSTANT_CALLS and all(_is_constant(a) or _is_table(a) for a in arguments)
        case ast.Subscript():  # an annotation's alias, List[int]
            return _is_type(node)
    return False


def _is_type(node: ast.expr) -> bool:
    match node:
        case ast.Name() | ast.Constant():
            return True
        case ast.Subscript(value=ast.Name(id=name), slice=inner):
            return (name[:1].isupper() or name in BUILTIN_NAMES) and _is_type(inner)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return all(_is_type(e) for e in elements)
    return False


def _is_table(node: ast.expr) -> bool:
    match node:
        case ast.List(elts=elements) | ast.Set(elts=elements):
            return all(_is_constant(e) for e in elements)
        case ast.Dict(keys=keys, values=values):
            return all(k is not None and _is_constant(k) for k in keys) and all(
                _is_constant(v) for v in values
            )
    return False


def _is_plain_class(node: ast.ClassDef) -> bool:
    if node.keywords or any(not isinstance(base, ast.Name) for base in node.bases):
        return False
    for inner in node.body:
        match inner:
            case ast.FunctionDef() | ast.Pass():
                continue
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(value=value) | ast.AnnAssign(value=value) if value is None or _is_constant(value):
                continue
        return False
    return True


def uses_are_plain(tree: ast.Module, top: Top) -> bool:
    """Whether no node anywhere reaches for what would outlive a call."""
    safe_reads: set[int] = set()
    if top.tables:
        safe_reads = _table_reads(tree, top.tables, top.objects)
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name):
                if (
                    name in DENIED_NAMES
                    or name in DENIED_FROM_MODULES
                    or (name.startswith("__") and name not in SAFE_DUNDERS)
                ):
                    return False
                if name in top.tables and id(node) not in safe_reads:
                    return False
            case ast.Attribute(attr=name, ctx=context):
                if name in DENIED_ATTRIBUTES or name in DENIED_FROM_MODULES:
                    return False
                if name.startswith("__") and name not in SAFE_DUNDERS:
                    return False
                if (
                    name.startswith("_")
                    and name not in SAFE_DUNDERS | NAMEDTUPLE
                    and not _is_self(node.value)
                ):
                    return False
                if not isinstance(context, ast.Load) and not _is_self(node.value):
                    return False
            case ast.Import(names=names):
                if any(alias.name not in PURE_MODULES for alias in names):
                    return False
            case ast.ImportFrom(module=module, names=names, level=level):
                if level or module not in PURE_MODULES:
                    return False
                if any(alias.name in DENIED_FROM_MODULES for alias in names):
                    return False
            case ast.FunctionDef():
                if not _is_plain_function(node):
                    return False
            case ast.Lambda(args=arguments):
                if not _are_plain_defaults(arguments):
                    return False
            case ast.ClassDef(decorator_list=decorators):
                if not all(_is_safe_decorator(d) for d in decorators):
                    return False
            case ast.Call(func=ast.Name(id="type"), args=arguments) if len(arguments) != 1:
                return False
            case ast.Global() | ast.AsyncFunctionDef() | ast.AsyncFor() | ast.AsyncWith() | ast.Await():
                return False
    return True


def _is_plain_function(node: ast.FunctionDef) -> bool:
    return _are_plain_defaults(node.args) and all(_is_safe_decorator(d) for d in node.decorator_list)


def _are_plain_defaults(arguments: ast.arguments) -> bool:
    # A name is what the enclosing call or a loop gives it (`lambda x, i=i: …`), or a constant.
    return all(
        default is None or _is_constant(default) or isinstance(default, ast.Name)
        for default in (*arguments.defaults, *arguments.kw_defaults)
    )


def _is_safe_decorator(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(), attr=name):
            return name in SAFE_DECORATORS or name in ("setter", "getter")
        case ast.Call(func=ast.Name(id="dataclass")):
            return True
    return False


def _is_self(node: ast.expr) -> bool:
    """Whether a node is `self`, perhaps behind attributes of its own: `self.left.value`."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "self"


def _owns_are_plain(tree: ast.Module, top: Top) -> bool:
    """Whether attributes are set by methods only, and methods called on instances only.

    Then `self` is an object that a call made, and neither a function nor a class.
    """
    methods = {
        id(inner)
        for cls in ast.walk(tree)
        if isinstance(cls, ast.ClassDef)
        for method in cls.body
        for inner in ast.walk(method)
    }
    sets = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and not isinstance(n.ctx, ast.Load)]
    if not sets:
        return True
    return all(id(node) in methods for node in sets) and not any(
        isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id in top.objects
        for n in ast.walk(tree)
    )


def _table_reads(tree: ast.Module, tables: set[str], objects: set[str]) -> set[int]:
    """The names of tables that stand where they are only read, by identity; and where they are bound."""
    reads: set[int] = set()

    def read(node: ast.AST | None) -> None:
        if isinstance(node, ast.Name) and node.id in tables:
            reads.add(id(node))

    bound: dict[str, int] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) if name in tables:
                bound[name] = bound.get(name, 0) + 1
                reads.add(id(node))
            case ast.arg(arg=name) if name in tables:
                bound[name] = 2
            case ast.Subscript(value=value, ctx=ast.Load()):
                read(value)
            case ast.Compare(ops=operators, comparators=values):
                for operator, value in zip(operators, values, strict=True):
                    if isinstance(operator, ast.In | ast.NotIn):
                        read(value)
            case ast.For(iter=value) | ast.comprehension(iter=value):
                read(value)
            case ast.Call(func=ast.Name(id=name), args=arguments) if name in _READING_CALLS - objects:
                for value in arguments:
                    read(value)
            case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in _READING_METHODS:
                read(value)
    # A name that is bound twice may be a local list somewhere: then nothing is known about it.
    return reads if all(count == 1 for count in bound.values()) else set()
