"""EvalPlus's comparison as a reference test: outputs of the reference, tolerance, and special oracles."""

# Where an output other than the reference's is right too: an expression that says whether `out` is, with
# the expected output `exp`, the arguments `inp` and the tolerance `atol` at hand.
# Source: https://github.com/evalplus/evalplus, evalplus/eval/__init__.py and _special_oracle.py (Apache-2.0).
AS_SETS = "set(out) == set(exp)"
NOT_NONE = "out == exp if isinstance(out, bool) else exp == (out is not None)"
ROOT = "abs(sum(factor * math.pow(out, power) for power, factor in enumerate(inp[0]))) <= atol"
DIGIT_DISTANCE = (
    "out == exp or out == sum(abs(int(a) - int(b)) for a, b in zip("
    "*(str(number).zfill(max(len(str(inp[0])), len(str(inp[1])))) for number in inp)))"
)
SURFACE = (
    "out == exp or abs(out - round(inp[0] ** 2 + 2 * inp[0] * math.sqrt((inp[0] / 2) ** 2 + inp[1] ** 2)))"
    " <= atol"
)
ORACLES: dict[tuple[str, str], str] = {
    ("humaneval", "find_zero"): ROOT,
    ("mbpp", "are_equivalent"): "True",
    ("mbpp", "sum_div"): "out == exp or out == 0",
    ("mbpp", "surface_Area"): SURFACE,
    ("mbpp", "digit_distance_nums"): DIGIT_DISTANCE,
}
ORACLES |= {("mbpp", name): NOT_NONE for name in ("check_str", "text_match_three", "text_starta_endb")}
ORACLES |= {
    ("mbpp", name): AS_SETS
    for name in (
        "similar_elements",
        "find_char_long",
        "common_in_nested_lists",
        "extract_singly",
        "larg_nnum",
        "intersection_array",
        "find_dissimilar",
        "Diff",
    )
}
EQUAL = "out == exp"

# Run apart from the answer's own names; the sandbox calls `__prepare__` once for all answers.
TEST = """
def __prepare__():
    import copy
    import json

    inf, nan = float("inf"), float("nan")
    inputs = {inputs}
    expected = {expected}
    if expected is None:
        space = {{"__name__": "reference"}}
        exec({reference!r}, space)
        expected = [space[{name!r}](*copy.deepcopy(inp)) for inp in inputs]
        if {not_none}:
            expected = [exp is not None for exp in expected]
    return inputs, expected

def _reference_test(function, inputs, expected, atol):
    import copy
    import math

    def is_floats(value):
        if isinstance(value, (list, tuple)) and value:
            return all(isinstance(item, float) for item in value)
        return isinstance(value, float)

    def close(out, exp, atol):
        # numpy.allclose with rtol=1e-7 on lists and tuples of numbers.
        if isinstance(exp, (list, tuple)):
            return isinstance(out, (list, tuple)) and len(out) == len(exp) and all(
                close(a, b, atol) for a, b in zip(out, exp))
        numbers = (int, float, complex)
        if not isinstance(out, numbers) or not isinstance(exp, numbers):
            return False
        return out == exp or abs(out - exp) <= atol + 1e-7 * abs(exp) < math.inf

    def exact(out, exp, inp):
        return {oracle}

    for inp, exp in zip(inputs, expected):
        out = function(*copy.deepcopy(inp))
        if not exact(out, exp, inp):
            tolerance = 1e-6 if atol == 0 and is_floats(exp) else atol
            if not (tolerance and type(out) is type(exp) and close(out, exp, tolerance) and {tolerant}):
                raise AssertionError("{name} gave a wrong answer")

try:
    __prepared__
except NameError:
    __prepared__ = __prepare__()
_reference_test({name}, *__prepared__, {atol!r})
"""


def oracle_of(data_set: str, name: str) -> str:
    """The expression that says whether an output is right (see `ORACLES`); by default it must be equal."""
    return ORACLES.get((data_set, name), EQUAL)


def outputs_test(
    name: str, inputs: str, expected: str | None, reference: str, atol: float, oracle: str
) -> str:
    """The reference test of a function on many inputs.

    Args:
        name: the function's name.
        inputs: Python source of the list of argument lists.
        expected: Python source of the list of right outputs; None where they are the reference's.
        reference: a program that defines the same name; read where `expected` is None.
        atol: absolute tolerance; 0 allows 1e-6 where the expected output is a float or floats.
        oracle: see `oracle_of`.
    """
    return TEST.format(
        name=name,
        inputs=inputs,
        expected=expected or "None",
        reference=reference,
        atol=float(atol),
        oracle=oracle,
        not_none=oracle == NOT_NONE,
        tolerant=oracle not in (ROOT, NOT_NONE),
    )
