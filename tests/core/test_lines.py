"""Which lines of a generated test count."""

import pytest

from cascade.core.lines import LineKind, split_lines

A, B, O = LineKind.ASSERT, LineKind.BROKEN, LineKind.OTHER  # noqa: E741


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("", [O]),
        ("assert f(1) == 2", [A]),
        ("assert f(1) == 2\nassert f(2) == 3", [A, A]),
        ("# a comment\n\nassert f(1) == 2", [O, O, A]),
        ("  assert f(1) == 2", [O]),  # does not begin with assert
        ("assertEqual(f(1), 2)", [B]),  # begins with the letters, is no assert statement
        ("assert f(1) ==\nassert f(2) == 3", [B, A]),
        ("assert f([1,\n  2]) == 3\nassert f(2) == 3", [A, A]),  # a statement over two lines is one line
        ("assert f(1) == '''a\nb'''", [A]),
        ("assert f((1, 2\nassert f(2) == 3", [B, A]),  # never closed: only its own line is lost
        ("assert f(1) == 1; x = 2", [B]),
        ("assert '\0' == 1", [B]),
        ("assert '\ud800' == f(1)", [B]),  # a lone surrogate cannot be encoded
        ("assert " + "(" * 5000, [B]),
        ("assert f(1) == 2 \\\n  + 1", [A]),
    ],
)
def test_kinds(text: str, kinds: list[LineKind]) -> None:
    assert [line.kind for line in split_lines(text, 10)] == kinds


def test_limit_counts_looked_at_lines() -> None:
    text = "x = 1\nassert f(x) == 1\nassert f(2) == 2"
    assert [line.text for line in split_lines(text, 2)] == ["x = 1", "assert f(x) == 1"]


def test_a_statement_keeps_its_line_breaks() -> None:
    [line] = split_lines("assert f([1,\n  2]) == 3", 1)
    assert line.text == "assert f([1,\n  2]) == 3"
