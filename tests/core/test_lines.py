"""Which lines of a generated test count."""

import pytest

from cascade.core.lines import MAX_LINES_PER_STATEMENT, MAX_STATEMENT_CHARS, LineKind, split_lines

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


@pytest.mark.parametrize(("n_rows", "kind"), [(MAX_LINES_PER_STATEMENT, A), (MAX_LINES_PER_STATEMENT + 1, B)])
def test_a_statement_has_so_many_physical_lines_at_most(n_rows: int, kind: LineKind) -> None:
    text = "assert f(" + "1 +\n" * (n_rows - 1) + "1) == 2"
    assert text.count("\n") == n_rows - 1
    assert split_lines(text, 100)[0].kind is kind


@pytest.mark.parametrize(("n_chars", "kind"), [(MAX_STATEMENT_CHARS, A), (MAX_STATEMENT_CHARS + 1, B)])
def test_a_statement_has_so_many_characters_at_most(n_chars: int, kind: LineKind) -> None:
    text = "assert f() == ''"
    text = text[:-1] + "x" * (n_chars - len(text)) + "'"
    assert len(text) == n_chars and [line.kind for line in split_lines(text, 1)] == [kind]
