"""Pairs of input and expected output, in the forms that models write them in."""

import json

import pytest
from hypothesis import given, settings, strategies as st

from cascade.generate.family import Family, Model
from cascade.generate.pair_values import Pair
from cascade.generate.pairs import HALF, line_of, read_pairs
from cascade.generate.prompts import PromptStyle, StdinPrompts
from cascade.generate.reader import TextKind, read_program
from cascade.generate.reading import read_test, self_test, test_is_complete as is_complete
from cascade.generate.sample import Draw, ModelSamples, SelfTest, Solution
from cascade.generate.survey import survey
from cascade.problems import Problem

PROBLEM = Problem("P/0", '"""\nAdd.\n"""\n', "solution", "", "", reads_stdin=True, pairs=True)
# The pairs that every text below holds, and no others.
PAIRS = [("3\n1 2 3\n", "6"), ("1\n5\n", "5")]
FORMS = {
    "labels": "Input:\n3\n1 2 3\nOutput:\n6\n\nInput:\n1\n5\nOutput:\n5\n",
    "labels on the line": r"Input: 3\n1 2 3" "\nOutput: 6\n" r"Input: 1\n5" "\nOutput: 5",
    "quoted": 'Input: "3\\n1 2 3", Output: "6"\nInput: "1\\n5", Output: "5"',
    "bold": "**Input:**\n3\n1 2 3\n\n**Output:**\n6\n\n**Input:**\n1\n5\n\n**Output:**\n5",
    "headings": (
        "### Sample Input 1\n3\n1 2 3\n### Sample Output 1\n6\n\n"
        "### Sample Input 2\n1\n5\n### Sample Output 2\n5\n"
    ),
    "APPS's rules": (
        "-----Input-----\n3\n1 2 3\n-----Output-----\n6\n\n-----Input-----\n1\n5\n-----Output-----\n5\n"
    ),
    "underlined": "Input\n-----\n3\n1 2 3\n\nOutput\n------\n6\n\nInput\n-----\n1\n5\n\nOutput\n------\n5\n",
    "fences": (
        "The tests:\n\n**Test case 1**\n\nInput:\n```\n3\n1 2 3\n```\nExpected Output:\n```\n6\n```\n"
        "**Test case 2**\n\nInput:\n```text\n1\n5\n```\nExpected Output:\n```text\n5\n```\nGood luck!"
    ),
    "fences with names": "```input\n3\n1 2 3\n```\n```output\n6\n```\n```input\n1\n5\n```\n```output\n5\n```",
    "fences alone": "```\n3\n1 2 3\n```\ngives\n```\n6\n```\nand\n```\n1\n5\n```\ngives\n```\n5\n```",
    "within one fence": "```\nInput:\n3\n1 2 3\n\nOutput:\n6\n\nInput:\n1\n5\n\nOutput:\n5\n```",
    "numbered": (
        "1. Input: `3\\n1 2 3`\n   Output: `6`\n   Explanation: a sum\n2. Input: `1\\n5`\n   Output: `5`\n"
        "   Explanation: one number"
    ),
    "cases without a label": "Test 1: 3\\n1 2 3\nExpected: 6\nTest 2: 1\\n5\nExpected: 5",
    "explained": (
        "Sample Input:\n3\n1 2 3\nSample Output:\n6\n\nExplanation: 1 + 2 + 3.\n\nSample Input:\n1\n5\n"
        "Sample Output:\n5\n\nNote: one."
    ),
    "stdin and stdout": "stdin:\n3\n1 2 3\nstdout:\n6\n---\nstdin:\n1\n5\nstdout:\n5\n---\n",
    "YAML": "- input: |\n    3\n    1 2 3\n  output: |\n    6\n- input: |\n    1\n    5\n  output: '5'\n",
    "JSON": json.dumps([{"input": a, "output": b} for a, b in PAIRS]),
    "JSON in a fence": "```json\n"
    + json.dumps([{"input": a, "expected_output": b} for a, b in PAIRS], indent=2)
    + "\n```\nIt's done.",
    "JSON Lines": "\n".join(json.dumps({"stdin": a, "stdout": b}) for a, b in PAIRS),
    "JSON by lines": json.dumps([{"input": a.split("\n")[:-1], "output": [b]} for a, b in PAIRS]),
    "JSON with numbers": json.dumps([{"input": a, "output": int(b)} for a, b in PAIRS]),
    "JSON with real line breaks": '[{"input": "3\n1 2 3", "output": "6"}, {"input": "1\n5", "output": "5"}]',
    "JSON inside": json.dumps({"tests": [{"input": a, "output": b} for a, b in PAIRS]}),
    "APPS's JSON": json.dumps({"inputs": [a for a, _ in PAIRS], "outputs": [b for _, b in PAIRS]}),
    "Python's dictionaries": repr([{"input": a, "output": b} for a, b in PAIRS]),
    "tuples": f"tests = {PAIRS!r}\nfor given, expected in tests:\n    assert run(given) == expected\n",
    "calls": 'check("3\\n1 2 3", "6")\ncheck("1\\n5", "5")\n',
    "assertions": 'assert solution("3\\n1 2 3") == "6"\nassert solution("1\\n5").strip() == "5"\n',
    "assertions in a fence": (
        "```python\nassert solution('3\\n1 2 3\\n') == '6'\nassert '5' == solution('1\\n5\\n')\n```"
    ),
    "joined lines": 'assert run("\\n".join(["3", "1 2 3"])) == "6"\nassert run("1\\n" + "5") == "5"\n',
    "unittest": (
        "class T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(run('3\\n1 2 3'), '6')\n"
        "        self.assertEqual(run('1\\n5'), '5')\n"
    ),
    "over several lines": (
        'assert solution(\n    "3\\n"\n    "1 2 3\\n"\n) == "6"\nassert solution("1\\n5") == "5"'
    ),
    "variables": 'input1 = """3\n1 2 3"""\noutput1 = """6"""\n\ninput2 = "1\\n5"\nexpected_output2 = "5"\n',
    "a session": ">>> solution('3\\n1 2 3')\n'6'\n>>> solution('1\\n5')\n'5'",
    "tags": (
        "<test><input>\n3\n1 2 3\n</input><output>\n6\n</output></test><input>1\n5</input><output>5</output>"
    ),
    "a table": "| Input | Output |\n|---|---|\n| `3<br>1 2 3` | `6` |\n| `1\\n5` | `5` |",
    "arrows": '1. "3\\n1 2 3" -> "6"\n2. "1\\n5" → "5"',
    "thoughts": (
        "<think>\nInput: 9\nOutput: 9\n</think>\nInput: 3\\n1 2 3\nOutput: 6\nInput: 1\\n5\nOutput: 5"
    ),
}


def lines(pairs: list[tuple[str, str]]) -> list[str]:
    return [f"assert same_output(solution({given!r}), {expected!r})" for given, expected in pairs]


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_forms_that_models_write(text: str) -> None:
    found = read_pairs(text, 10)
    assert list(found.lines) == lines(PAIRS)
    # l counts pairs, and the text up to a pair's end holds it whole.
    assert read_pairs(text, 1).lines == found.lines[:1]
    assert sorted(found.ends) == list(found.ends) and found.ends[-1] <= len(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # An output cut at the limit of tokens, an input without an output, an output alone.
        ("Input: 1 2\nOutput: 3\nInput: 4", [*lines([("1 2\n", "3")]), f"{HALF} no output for '4'"]),
        ("Input: 4\nInput: 1 2\nOutput: 3", [f"{HALF} no output for '4'", *lines([("1 2\n", "3")])]),
        ("Output: 4\nInput: 1 2\nOutput: 3", [f"{HALF} no input for '4'", *lines([("1 2\n", "3")])]),
        (
            '[{"input": "1", "output": "2"}, {"input": "3',
            [*lines([("1\n", "2")]), f"{HALF} no output for ''"],
        ),
        (
            'assert solution("1") == "2"\nassert solution(x) == y\n',
            [*lines([("1\n", "2")]), f"{HALF} no output for None"],
        ),
        ("Input: (empty)\nOutput: 0", lines([("", "0")])),
        (
            "Input: 1\nOutput:\nCase #1: 2\nCase #2: 3\n\nInput: 2\nOutput: 5",
            lines([("1\n", "Case #1: 2\nCase #2: 3"), ("2\n", "5")]),
        ),
        # An input that is JSON itself is no list of pairs.
        ('Input:\n["a", "b"]\nOutput:\nab\n', lines([('["a", "b"]\n', "ab")])),
        ('Input:\n{"a": 1}\nOutput:\n1\n', lines([('{"a": 1}\n', "1")])),
        ("I cannot write tests for that.", []),
        ("", []),
    ],
)
def test_what_is_no_pair_is_counted(text: str, expected: list[str]) -> None:
    assert list(read_pairs(text, 10).lines) == expected


TEXTS = st.text(st.characters(codec="ascii", exclude_characters="\r\x00"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_json_reads_back_whatever_it_holds(pairs: list[tuple[str, str]]) -> None:
    text = json.dumps([{"input": given, "output": expected} for given, expected in pairs])
    assert list(read_pairs(text, 9).lines) == [line_of(Pair(*pair, 0)) for pair in pairs]


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("Input:Output 12\n`[{(\"'->|#*assert=<>\\"), max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    found = read_pairs(text, 5)
    assert len(found.lines) == len(found.ends) <= 5
    assert all(0 <= end <= len(text) for end in found.ends)
    assert all("\n" not in line for line in found.lines)


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_generation_stops_behind_the_last_pair_that_is_looked_at(text: str) -> None:
    longer = text + "\n\nInput: 7\nOutput: 8\nInput: 7\nOutput: 8\n"
    stops = [n for n in range(len(longer) + 1) if is_complete(longer[:n], 1, pairs=True)]
    for n in stops[:1]:
        assert list(read_pairs(longer[:n], 1).lines) == lines(PAIRS)[:1]


def test_tokens_are_counted_up_to_each_pair() -> None:
    text = "Input: 1 2\nOutput: 3\n\nInput: 4\nOutput: 4\n\nThat is all."
    stored = read_test(lambda ids: "".join(map(chr, ids)), [ord(c) for c in text], "", 4, pairs=True)
    test = self_test(stored, 4, pairs=True)
    assert test.text.splitlines() == lines([("1 2\n", "3"), ("4\n", "4")])
    # One character a token: a third pair was not found, so all was written for it.
    assert [test.tokens_up_to(at) for at in (1, 2, 4)] == [20, 40, len(text)]
    begun = read_test(
        lambda ids: "".join(map(chr, ids)), [ord(c) for c in " 1 2\nOutput: 3"], "Input:", 1, pairs=True
    )
    assert self_test(begun, 1, pairs=True).tokens_up_to(1) == 14


@pytest.mark.parametrize(
    "text",
    [
        "print(sum(map(int, input().split())))\n",
        "Sure:\n```python\nprint(sum(map(int, input().split())))\n```\n",
        "def solution(stdin):\n    return str(sum(map(int, stdin.split())))\n",
    ],
)
@pytest.mark.parametrize("kind", [TextKind.auto, TextKind.completion, TextKind.reply])
def test_programs_are_read_as_programs(text: str, kind: TextKind) -> None:
    read = read_program(text, PROBLEM, kind)
    space: dict[str, object] = {"__name__": "answer"}
    exec(PROBLEM.program(read.text, completion=read.completion), space)
    for line in lines([("1 2\n", "3"), ("4\n", " 4 \n\n")]):
        exec(line, space)
    with pytest.raises(AssertionError):
        exec(lines([("1 2\n", "4")])[0], space)


def test_the_survey_counts_what_is_no_pair() -> None:
    family = Family("f", (Model("m", "m", "m"),))
    tests = [
        SelfTest("\n".join(read_pairs(text, 9).lines), 1) for text in ("Input: 1\nOutput: 2\nInput: 3", "?")
    ]
    draw = Draw((Solution("print(input())", 1),) * 2, tuple(tests))
    [counts] = survey(family, [PROBLEM], {"m": {"P/0": ModelSamples(None, (draw,))}})
    assert (counts.tests, counts.idle_tests, counts.half_pairs) == (2, 1, 1)
    assert "1 without a pair of input and output, 1 pairs that lack their output or input" in counts.line(9)
    assert "1 of 2 tests have no pair of input and output that can be read" in counts.warnings(9)[-1]
    assert "family.prompts.stdin.test" in counts.warnings(9)[-1]


def test_templates() -> None:
    style = PromptStyle("S {prompt}", "T {prompt}", test_begins="assert", stop=("\ndef ",))
    assert style.ask_solution(PROBLEM) == PROBLEM.prompt
    assert style.ask_test(PROBLEM).endswith("Input:") and style.begin_test(PROBLEM) == "Input:"
    assert "\ndef " not in style.stops(PROBLEM)  # a program may go on with a function
    asked = PromptStyle(completion=False, stop=("\n### ",)).ask_test(PROBLEM)
    assert "Input:\n```" in asked and PROBLEM.prompt in asked
    given = PromptStyle(stdin=StdinPrompts("A {prompt}", "B {prompt}", "<", ("#",)))
    assert (given.ask_test(PROBLEM), given.begin_test(PROBLEM)) == (f"B {PROBLEM.prompt}", "<")
    function = Problem("P/1", "def f():\n", "f", "", "")
    assert style.ask_test(function) == "T def f():\n" and style.stops(function) == ("\ndef ",)
