"""Which programs and tests are pure: they reach nothing but their own objects and what is listed here.

The list says what may be named: builtins, modules and of each which names, attributes. What is not on it
makes a text impure, which costs a process for each test and never a verdict. Whether a pure program's own
objects are still as they were is looked at while it runs (see `fingerprint`).
"""

import ast
import builtins
import functools
import math
import string
import types
import typing
from collections.abc import Iterator, Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What of each module keeps no state that can be seen.
MODULES: dict[str, frozenset[str]] = {
    "__future__": _words("annotations"),
    "math": frozenset(name for name in dir(math) if not name.startswith("_")),
    "cmath": _words("sqrt exp log phase polar rect pi e inf nan isclose"),
    "typing": _words(
        "Any Callable ClassVar Final Generic Literal Optional Protocol Tuple Type Union AbstractSet "
        "Container Hashable Iterable Iterator Mapping MutableMapping MutableSequence MutableSet Sequence "
        "Sized Collection Reversible ChainMap Counter Deque Dict DefaultDict List OrderedDict Set FrozenSet "
        "Generator SupportsAbs SupportsFloat SupportsIndex SupportsInt NoReturn Text NewType cast "
        "ItemsView KeysView ValuesView Pattern Match"
    ),
    "collections": _words("Counter defaultdict deque OrderedDict namedtuple"),
    "collections.abc": _words(
        "Iterable Iterator Sequence Mapping Callable Hashable Sized Container Collection"
    ),
    "itertools": _words(
        "accumulate chain combinations combinations_with_replacement compress count cycle dropwhile "
        "filterfalse groupby islice pairwise permutations product repeat starmap takewhile tee zip_longest"
    ),
    "functools": _words("reduce cmp_to_key partial"),
    "operator": _words(
        "add sub mul truediv floordiv mod neg pos abs and_ or_ xor not_ eq ne lt le gt ge itemgetter concat "
        "contains countOf indexOf pow"
    ),
    "re": _words(
        "compile match fullmatch search findall finditer sub subn split escape I IGNORECASE M MULTILINE S "
        "DOTALL X VERBOSE A ASCII"
    ),
    "string": _words(
        "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits punctuation printable "
        "whitespace capwords"
    ),
    "heapq": _words("heappush heappop heapify heappushpop heapreplace nlargest nsmallest merge"),
    "bisect": _words("bisect bisect_left bisect_right insort insort_left insort_right"),
    "copy": _words("copy deepcopy"),
    "fractions": _words("Fraction"),
    "decimal": _words("Decimal ROUND_HALF_UP ROUND_HALF_EVEN ROUND_DOWN ROUND_UP ROUND_FLOOR ROUND_CEILING"),
    "statistics": _words("mean median mode stdev pstdev variance pvariance median_low median_high"),
    "hashlib": _words("md5 sha1 sha256 sha512"),
    "datetime": _words("date datetime time timedelta"),
    "unicodedata": _words("category normalize name"),
    "binascii": _words("hexlify unhexlify"),
    "base64": _words("b64encode b64decode"),
}
SAFE_BUILTINS = _words(
    "abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate "
    "filter float format frozenset hasattr hash hex int isinstance issubclass iter len list map max min "
    "next object oct ord pow print property range repr reversed round set slice sorted staticmethod str sum "
    "super tuple type zip True False None Ellipsis NotImplemented"
) | {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
# What a program finds without binding it, but may not name; one that binds it somewhere could mean this
# elsewhere.
_HIDDEN = (frozenset(dir(builtins)) - SAFE_BUILTINS) | (frozenset(typing.__all__) - MODULES["typing"])
SAFE_DUNDERS = _words(
    "__init__ __name__ __main__ __eq__ __lt__ __gt__ __le__ __ge__ __ne__ __hash__ __repr__ __str__ __len__ "
    "__getitem__ __setitem__ __contains__ __iter__ __next__ __add__ __sub__ __mul__ __call__ __bool__ "
    "__neg__ __radd__ __abs__ __mod__ __truediv__ __floordiv__ __pow__ __and__ __or__ __xor__"
)
# Methods of what the list gives, but for those that ask the clock.
_TYPES: tuple[type, ...] = (
    *(int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range, slice),
)
_LIBRARY = _words(
    "most_common elements subtract total appendleft popleft extendleft rotate maxlen move_to_end numerator "
    "denominator limit_denominator quantize to_integral_value sqrt ln log10 exp group groups groupdict start "
    "end span match search findall finditer sub subn split fullmatch pattern hexdigest digest year month day "
    "hour minute second microsecond weekday isoweekday isoformat strftime strptime timedelta days seconds "
    "total_seconds date time combine toordinal fromordinal fromisoformat args value "
    "from_iterable setter getter"
)
SAFE_ATTRIBUTES = (
    frozenset(name for kind in _TYPES for name in dir(kind) if not name.startswith("_"))
    - {"format", "format_map"}  # they read attributes by name
    | _LIBRARY
    | frozenset(name for names in MODULES.values() for name in names)
)
# What leads from an object to frames, code or classes; a program's own attribute of that name is no better.
_INNER = frozenset(
    name
    for kind in (
        *(types.FrameType, types.CodeType, types.GeneratorType, types.CoroutineType, types.TracebackType),
        *(types.AsyncGeneratorType, types.FunctionType, types.ModuleType, type, BaseException, ImportError),
    )
    for name in dir(kind)
) - {"args"}
# And what leads on from an exception or a library's class, or keeps what no state shows.
_INNER |= _words("obj register copy_with format_map _evaluate _getitem _abc_impl")
# What can be set on names of typing with arguments, which typing keeps for all that write the same.
_INNER |= _words("_name _inst _nparams _defaults _paramspec_tvars _typevar_types")
_UNSHARED = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
# What `_is_listed` looks at; all else is harmless.
_LOOKED_AT = frozenset(
    (
        *(ast.Name, ast.Attribute, ast.MatchClass, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef),
        *(ast.arg, *_UNSHARED),
    )
)
_ALWAYS_NAMED = SAFE_BUILTINS | SAFE_DUNDERS | MODULES["typing"]
_MATH = types.MappingProxyType({"math": "math"})


@functools.lru_cache(maxsize=4)
def nodes_of(tree: ast.AST) -> tuple[ast.AST, ...]:
    """All nodes of a text, walked once for all that is asked of it."""
    return tuple(ast.walk(tree))


def names_used(tree: ast.Module) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All names and attributes in a text, and the names that it looks up."""
    used: dict[str, None] = {}
    looked_up: dict[str, None] = {}
    for node in nodes_of(tree):
        match node:
            case ast.Name(id=name, ctx=context):
                used[name] = None
                if isinstance(context, ast.Load):
                    looked_up[name] = None
            case ast.Attribute(attr=name) | ast.alias(name=name) | ast.arg(arg=name):
                used[name] = None
    return tuple(used), tuple(looked_up)


@functools.lru_cache(maxsize=4)
def bound_names(tree: ast.Module) -> tuple[str, ...]:
    """Every name that a text binds, as often as it does."""
    found: list[str] = []
    for node in nodes_of(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.append(name)
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                found.append(name)
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                found.append(name)
            case ast.MatchMapping(rest=str(name)):
                found.append(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                found += [alias.asname or alias.name.partition(".")[0] for alias in aliases]
    return tuple(found)


def modules_named(tree: ast.Module) -> dict[str, str]:
    """The modules that a pure prelude imports, by the names that it gives them."""
    nodes = nodes_of(tree)
    return {a.asname or a.name: a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}


def is_pure(
    tree: ast.Module, bound_by_test: frozenset[str] | None = None, known: Mapping[str, str] = _MATH
) -> bool:
    """Whether a text is pure; see the module.

    Args:
        tree: the text.
        bound_by_test: of a test, the names that are the program's or a prelude's; None for a program.
        known: modules by the names that the prelude gives them (see `modules_named`).
    """
    nodes = nodes_of(tree)
    if bound_by_test is not None and any(map(_sets_attribute, nodes)):
        return False  # of something that other tests see
    if any(map(_may_run_later, nodes)):
        return False
    if any(map(_sets_attribute, nodes)) and any(map(_imports_inside, nodes)):
        return False  # what is hung on a library that no name of the program leads to
    bound = frozenset(bound_names(tree))
    if (hidden := bound & _HIDDEN) and any(not hidden.isdisjoint(names) for names in _global_names(tree)):
        return False
    bound |= (bound_by_test or frozenset()) - _HIDDEN
    set_names = {n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
    set_names |= {
        name
        for cls in nodes
        if isinstance(cls, ast.ClassDef)
        for name in bound_names(ast.Module(cls.body, []))
    }
    attributes = SAFE_ATTRIBUTES | {name for name in set_names if name not in _INNER and not _is_dunder(name)}
    modules = dict(known)
    for node in nodes:
        for alias in node.names if isinstance(node, ast.Import) else ():
            if modules.setdefault(alias.asname or alias.name, alias.name) != alias.name:
                return False  # which one it is depends on what ran
    held = {
        id(node.value)
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    # What it gives could be itself, which makes classes whose methods may have any name.
    compared = {id(call.func) for node in nodes for call in _only_looked_at(node)}
    if any(isinstance(n, ast.Name) and n.id == "type" and id(n) not in compared for n in nodes):
        return False
    return all(
        type(node) not in _LOOKED_AT or _is_listed(node, bound, attributes, modules, held) for node in nodes
    )


def _may_run_later(node: ast.AST) -> bool:
    """Whether a generator that nobody asks any more runs on when it is collected, in another test."""
    return isinstance(node, ast.Try | ast.TryStar | ast.With) and any(
        isinstance(one, ast.Yield | ast.YieldFrom) for one in ast.walk(node)
    )


def _global_names(tree: ast.Module) -> Iterator[tuple[str, ...]]:
    """The names that each piece of code may look for outside itself, attributes among them."""
    todo: list[types.CodeType] = []
    try:
        todo.append(compile(tree, "<text>", "exec"))
    except (SyntaxError, ValueError):
        yield tuple(_HIDDEN)
    while todo:
        code = todo.pop()
        yield code.co_names
        todo += [one for one in code.co_consts if isinstance(one, types.CodeType)]


def _only_looked_at(node: ast.AST) -> list[ast.Call]:
    """Calls with one argument of which only what they are equal to, or are called, is asked."""
    match node:
        case ast.Compare(left=left, comparators=others):
            found = [one for side in (left, *others) for one in getattr(side, "elts", (side,))]
        case ast.Attribute(value=value, attr="__name__", ctx=ast.Load()):
            found = [value]
        case _:
            return []
    return [one for one in found if isinstance(one, ast.Call) and _has_one_argument(one)]


def _has_one_argument(call: ast.Call) -> bool:
    return len(call.args) == 1 and not isinstance(call.args[0], ast.Starred) and not call.keywords


def _sets_attribute(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)


def _imports_inside(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and any(
        isinstance(one, ast.Import | ast.ImportFrom) for one in ast.walk(node)
    )


def _is_dunder(name: str) -> bool:
    return name.startswith("__")


def _is_listed(
    node: ast.AST, bound: frozenset[str], attributes: frozenset[str], modules: dict[str, str], held: set[int]
) -> bool:
    match node:
        case ast.Name(id=name):
            if name in modules:
                return id(node) in held  # a module is no value
            return (name in bound and not _is_dunder(name)) or name in _ALWAYS_NAMED
        case ast.Attribute(value=ast.Name(id=name), attr=attribute, ctx=context) if name in modules:
            return isinstance(context, ast.Load) and attribute in MODULES[modules[name]]
        case ast.Attribute(attr="format_map"):
            return False
        case ast.Attribute(value=text, attr="format"):
            return _formats_nothing_inside(text)
        case ast.Attribute(attr=attribute):
            return attribute in attributes or attribute in SAFE_DUNDERS
        case ast.MatchClass(kwd_attrs=names):
            return all(name in attributes for name in names)
        case ast.Import(names=names):
            return all(
                alias.name in MODULES and ("." not in alias.name or alias.asname is not None)
                for alias in names
            )
        case ast.ImportFrom(module=module, names=names, level=0):
            listed = MODULES.get(module or "", frozenset())
            return all(alias.name in listed or (alias.name, module) in _STARS for alias in names)
        case ast.ImportFrom():
            return False
        case ast.FunctionDef(name=name):
            return not _is_dunder(name) or name in SAFE_DUNDERS
        case ast.ClassDef(name=name, keywords=keywords, bases=bases):
            return not keywords and not _is_dunder(name) and all(isinstance(base, ast.Name) for base in bases)
        case ast.arg(arg=name):
            return not _is_dunder(name)
    return not isinstance(node, _UNSHARED)


_STARS = {("*", "typing"), ("*", "math")}


def _formats_nothing_inside(text: ast.expr) -> bool:
    """Whether a text that is formatted is known, and its fields ask for no attribute or item."""
    if not isinstance(text, ast.Constant) or not isinstance(text.value, str):
        return False
    try:
        fields = [*string.Formatter().parse(text.value)]
    except ValueError:
        return True  # it raises wherever it runs
    # A field's format may have fields in it.
    return not any(set(".[") & {*(name or "")} or "{" in (spec or "") for _, name, spec, _ in fields)


def is_provable(tree: ast.Module) -> bool:
    """Whether the proofs of `nontermination` may reason about a pure program: names mean one thing.

    No name of a builtin is bound, none but the definition's own binds a function, nothing is global,
    functions have no decorators and defaults, and the top only defines.
    """
    bound, nodes = bound_names(tree), nodes_of(tree)
    functions = [n.name for n in nodes if isinstance(n, ast.FunctionDef)]
    if set(bound) & set(dir(builtins)) or any(bound.count(name) > 1 for name in functions):
        return False
    top = (
        ast.Import,
        ast.ImportFrom,
        ast.FunctionDef,
        ast.ClassDef,
        ast.Assign,
        ast.AnnAssign,
        ast.Expr,
        ast.If,
    )
    if not all(isinstance(statement, (*top, ast.Assert, ast.Pass)) for statement in tree.body):
        return False
    for node in nodes:
        match node:
            case ast.Global() | ast.Nonlocal():
                return False
            case ast.FunctionDef(decorator_list=decorators) if decorators:
                return False
    return True
