"""Which programs do the same to every test that can be shared, so that they need to run only once."""

import hashlib
import marshal
import types
from typing import Any

# Nobody writes programs this long by hand; parsing them is not worth the memory.
MAX_CHARS = 100_000


def canonical(code: types.CodeType) -> str:
    """A text that two pure programs share only if they do the same, seen by themselves or by a pure test.

    Left out are comments, layout and line numbers, which neither can see (see `purity`): equal instructions
    on equal constants do the same. Docstrings are kept. Other programs are equal only to their own text.

    Args:
        code: what the program compiles to.
    """
    return hashlib.sha256(marshal.dumps(_without_lines(code), 2)).hexdigest()


def _without_lines(code: types.CodeType) -> tuple[Any, ...]:
    return (
        *(code.co_code, code.co_exceptiontable, code.co_names, code.co_varnames, code.co_cellvars),
        *(
            code.co_freevars,
            code.co_name,
            code.co_qualname,
            code.co_flags,
            code.co_stacksize,
            code.co_argcount,
        ),
        *(code.co_posonlyargcount, code.co_kwonlyargcount),
        *(_without_lines(c) if isinstance(c, types.CodeType) else (c,) for c in code.co_consts),
    )
