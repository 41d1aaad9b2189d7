"""The one reader: every form that one program is written in reads the same."""

import json
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from cascade.base import DataError
from cascade.generate import Family, Model, PromptStyle, RecordedGenerator, TextKind, survey
from cascade.generate.interface import SampleRequest
from cascade.generate.reader import read_program, read_test_lines
from cascade.generate.recordings.task_ids import TaskIds
from cascade.generate.thoughts import only_thoughts
from cascade.problems import Problem

PROMPT = 'import math\n\n\ndef f(x):\n    """Doubles."""\n'
PROBLEM = Problem("HumanEval/7", PROMPT, "f", "import math\n\n\n", "assert f(2) == 4\n")
STDIN = Problem("APPS/1", "def solution(stdin):\n", "solution", "", "", reads_stdin=True)

BODIES = st.lists(
    st.sampled_from(
        ["y = x", "z = [x,\n     x]", "if x:\n    y = 1", "# so", "for i in range(2):\n    x += 0"]
    ),
    max_size=3,
).map(lambda lines: textwrap.indent("\n".join([*lines, "return 2 * x"]), "    "))
PROSE = st.sampled_from(
    ["", "Sure! Here is the function:\n\n", "It is from what I know easy.\n", "1. Import it\n"]
)


def result(text: str, kind: TextKind = TextKind.auto) -> object:
    read = read_program(text, PROBLEM, kind)
    space: dict[str, object] = {}
    exec(PROBLEM.program(read.text, completion=read.completion), space)
    function = space["f"]
    assert callable(function)
    return function(2)


@settings(max_examples=60, deadline=None)
@given(body=BODIES, before=PROSE, fence=st.sampled_from(["```", "```python", "~~~", "```py", "````Python"]))
def test_fenced_prefixed_and_indented_forms_read_the_same(body: str, before: str, fence: str) -> None:
    program = f"def f(x):\n{body}\n"
    mark = fence[: len(fence) - len(fence.lstrip("`~"))]
    fenced = f"{before}{fence}\n{program}{mark}\n\nIt doubles.\n"
    forms = [
        program,
        fenced,
        fenced.replace(f"\n{mark}\n\nIt doubles.\n", ""),
        fenced.replace("\n", "\r\n"),
        f"{before}{fence}\n{textwrap.indent(program, '   ')}{mark}\n",
        f"\ufeff{program}",
        f"<think>\n```python\ndef f(x):\n    return 0\n```\n</think>\n{fenced}",
        f"A draft.\n```python\ndef f(x):\n    return 0\n```\n</think>\n{fenced}",
        f"{before}{program}\nThis doubles it.\n",
    ]
    texts = {read_program(form, PROBLEM, TextKind.reply).text.strip() for form in forms}
    assert texts == {program.strip()}
    for form in forms:
        assert result(form) == result(form, TextKind.completion) == 4
    [read] = texts
    assert read_program(read, PROBLEM, TextKind.reply).text == read
    assert read_program(fenced, PROBLEM, TextKind.program).text == fenced


@pytest.mark.parametrize(
    "text",
    [
        "    return 2 * x\n",
        "return 2 * x\n",  # stripped
        "   return 2 * x\n",  # a blank lost
        " y = x\n    return 2 * y\n",
        "y = x\n    return 2 * y\n",
        "\ty = x\n\treturn 2 * y\n",
        "    return 2 * x\n```\nIt doubles.\n",
        PROMPT + "    return 2 * x\n",  # the prompt repeated
        "```python\n" + PROMPT + "    return 2 * x\n```",
        "```python\n    return 2 * x\n```",  # only the body
    ],
)
def test_completions_by_any_indentation(text: str) -> None:
    assert result(text, TextKind.completion) == 4


@pytest.mark.parametrize(
    "text",
    [
        "```python\ndef f(x):\n    return 0\n```\nNo, rather:\n```python\ndef f(x):\n    return 2 * x\n```",
        "```python\ndef f(x):\n    return 2 * x\n```\nForm:\n```python\ndef f(x):\n    ...\n```",
        "```python\ndef g(x):\n    return 2 * x\n```\nand\n```python\ndef f(x):\n    return g(x)\n```",
        "```\npip install it\n```\n```python\ndef f(x):\n    return 2 * x\n\nn = int(input())\nf(n)\n```",
        "from __future__ import annotations\n\ndef f(x: Nothing):\n    return 2 * x\n",
        '# coding: utf-8\n"""Doubles."""\nfrom __future__ import division\ndef f(x):\n    return 2 * x\n',
        "```python\ndef f(x):\n    return 2 * x```",
        "Here: ```python\ndef f(x):\n    return 2 * x\n```",
        "class Solution:\n    def f(self, x):\n        return 2 * x\n\nf = Solution().f\n",
        "f = lambda x: 2 * x\n",
        "def f(x):\n    return TWO * x\n\nTWO = 2\nassert f(1) == 3\n",
    ],
)
def test_which_program_is_taken(text: str) -> None:
    assert result(text) == 4


def test_what_is_broken_stays_broken() -> None:
    for text in ("    return ]\n\nprint(1)\n", "    y = x\n    return 2 *"):
        assert read_program(text, PROBLEM, TextKind.completion).text == text


def test_thoughts_without_an_answer_are_no_answer() -> None:
    assert read_program("<think>\ndef f(x):\n    return 2 * x\n", PROBLEM, TextKind.reply).text == ""
    assert only_thoughts("<think>hm") and only_thoughts("<think>hm</think>\n")
    assert not only_thoughts("def f(x): ...")


@pytest.mark.parametrize(
    ("program", "given", "printed"),
    [
        ("x = int(input())\nprint(x + 1)\n", "1\n", "2\n"),
        ("```python\nimport sys\nsys.stdout.write(str(int(sys.stdin.buffer.read()) + 2))\n```", "1\n", "3"),
        ("def main():\n    print(input())\n\nif __name__ == '__main__':\n    main()\n", "a\nb", "a\n"),
        ("n = int(open(0).read())\nprint(n)\nexit()\n", "5", "5\n"),
        ("def solution():\n    print(input())\nsolution()\n", "q\n", "q\n"),
        ("def solution(stdin):\n    return stdin * 2\n\nprint(solution(input()))\n", "ab", "abab"),
    ],
)
def test_programs_that_read_their_input(program: str, given: str, printed: str) -> None:
    import os

    kept = os.dup(0)
    try:
        space: dict[str, object] = {}
        exec(STDIN.program(read_program(program, STDIN, TextKind.auto).text, completion=False), space)
        solution = space["solution"]
        assert callable(solution)
        assert solution(given) == printed
    finally:
        os.dup2(kept, 0)
        os.close(kept)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("assert f(1) == 2\nassert f(2) == 4", "assert f(1) == 2\nassert f(2) == 4"),
        (
            "One:\n```python\nassert f(1) == 2\n```\nTwo:\n```\nassert f(2) == 4\n```",
            "assert f(1) == 2\nassert f(2) == 4",
        ),
        ("<think>\nassert f(1) == 9\n</think>\nassert f(1) == 2\n", "assert f(1) == 2"),
        (
            "```python\ndef test_f():\n    assert f(1) == 2\n    assert f(2) == 4\n```",
            "assert f(1) == 2\nassert f(2) == 4",
        ),
        ("Here are they:\n\nassert f(1) == 2\r\nassert f(2) == 4", "assert f(1) == 2\nassert f(2) == 4"),
    ],
)
def test_test_lines(text: str, lines: str) -> None:
    read = read_test_lines(text, 2)
    assert read.text.strip() == lines
    assert [text[:end].rstrip().splitlines()[-1].strip() for end in read.ends][
        : lines.count("\n") + 1
    ] == lines.split("\n")


@pytest.mark.parametrize(
    "spelling", ["HumanEval/7", "HumanEval_7", "humaneval-7", "7", "HumanEval/07", "openai_humaneval/7"]
)
def test_ids_in_every_spelling(spelling: str) -> None:
    ids = TaskIds([f"HumanEval/{i}" for i in range(20)])
    assert ids.find(spelling) == (None if spelling.startswith("openai") else "HumanEval/7")
    assert ids.find("Mbpp/7") is None


def recording(path: Path, records: list[dict[str, object]]) -> tuple[RecordedGenerator, SampleRequest]:
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    family = Family("one", (Model("m", "none", "none"),), PromptStyle(completion=False), 50)
    problems = [Problem(f"HumanEval/{i}", PROMPT, "f", "", "") for i in range(3)]
    return RecordedGenerator(str(path)), SampleRequest(family, problems, 1, 0, "cpu", path.parent / "store")


def solutions(texts: list[str], **fields: object) -> list[dict[str, object]]:
    return [
        {"task_id": i, "kind": "solution", "draw": "greedy", "text": text, "tokens": 5} | fields
        for i, text in enumerate(texts)
    ]


def test_nothing_is_silently_zero(tmp_path: Path) -> None:
    good = "def f(x):\n    return 2 * x\n"
    generator, request = recording(tmp_path / "r.jsonl", solutions([good, "", "I cannot, sorry."], tokens=50))
    [one] = survey(request.family, request.problems, generator.samples(request).samples)
    assert (one.solutions, one.empty, one.not_python, one.undefined, one.cut) == (3, 1, 1, 0, 3)
    assert "1 empty, 3 cut at family.max_new_tokens=50, 1 not Python" in one.line(50)
    assert any("are cut at" in warning for warning in one.warnings(50))
    one.check(50)


@pytest.mark.parametrize(
    ("texts", "fields", "message"),
    [
        (["", " ", "<think>hm"], {}, "no usable solution: 3 of 3 are empty"),
        (["No.", "No!", "It is hard."], {}, "3 of 3 are not Python"),
        (["x = 1\n"] * 3, {}, "3 of 3 do not define the function"),
        (["def f(x):\n    return x\n"] * 3, {"tokens": 0}, "3 of 3 cost 0 tokens"),
    ],
)
def test_all_of_a_kind_is_an_error(
    tmp_path: Path, texts: list[str], fields: dict[str, object], message: str
) -> None:
    generator, request = recording(tmp_path / "r.jsonl", solutions(texts, **fields))
    [one] = survey(request.family, request.problems, generator.samples(request).samples)
    with pytest.raises(DataError, match=message):
        one.check(50)


def test_a_sample_twice(tmp_path: Path) -> None:
    lines = [{"task_id": f"HumanEval/{i}", "solution": f"def f(x):\n    return {i}\n"} for i in (0, 1, 2, 0)]
    generator, request = recording(tmp_path / "samples.jsonl", lines)
    with pytest.raises(DataError, match=r"samples\.jsonl, line 4: repeats the sample in line 1"):
        generator.samples(request)
    recording(tmp_path / "samples.jsonl", [*lines[:3], lines[0] | {"solution": "def f(x):\n    return 9\n"}])
    with pytest.raises(DataError, match=r"line 4: a second sample of HumanEval/0 \(the first is in line 1\)"):
        generator.samples(request)
    recording(tmp_path / "samples.jsonl", lines[:3] * 2)
    with pytest.raises(DataError, match=r"all samples of each problem are alike \(2 of each\)"):
        generator.samples(request)
    recording(tmp_path / "samples.jsonl", lines[:3])
    recording(tmp_path / "samples.jsonl_results.jsonl", [line | {"passed": True} for line in lines[:3]])
    with pytest.raises(
        DataError, match=r"samples\.jsonl and samples\.jsonl_results\.jsonl hold the same samples"
    ):
        RecordedGenerator(str(tmp_path)).samples(request)


def test_tests_without_an_assertion_are_counted(tmp_path: Path) -> None:
    good = solutions(["def f(x):\n    return 2 * x\n"] * 3)
    tests = [
        {**one, "kind": "test", "text": text, "tokens_at_line": [5]}
        for one, text in zip(
            good, ["assert f(1) == 2", "self.assertEqual(f(1), 2)", "print(f(1))"], strict=True
        )
    ]
    generator, request = recording(tmp_path / "r.jsonl", [*good, *tests])
    [one] = survey(request.family, request.problems, generator.samples(request).samples)
    assert (one.tests, one.idle_tests) == (3, 2)
    assert one.line(50).endswith("; 3 tests: 2 without an assert line")
    assert any("2 of 3 tests have no line that begins with assert" in told for told in one.warnings(50))
    one.check(50)
    generator, request = recording(tmp_path / "r.jsonl", [*good, *(t | {"text": "pass"} for t in tests)])
    [one] = survey(request.family, request.problems, generator.samples(request).samples)
    with pytest.raises(DataError, match="no usable test: 3 of 3 tests"):
        one.check(50)


def test_what_parses_and_does_not_compile_is_not_python(tmp_path: Path) -> None:
    texts = [
        "import os\nfrom __future__ import annotations\ndef f(x): ...\n",
        "def f(x): ...\n",
        "def f(x): ...\n",
    ]
    generator, request = recording(tmp_path / "r.jsonl", solutions(texts))
    [one] = survey(request.family, request.problems, generator.samples(request).samples)
    assert (one.not_python, one.undefined) == (1, 0)
