"""Replies as models, servers and pages leave them: what is read, what is mended, and what stays wrong."""

import json
import textwrap
from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from cascade.generate.reader import Program, TextKind, read_program, read_test_lines
from cascade.problems import Problem

HELPER = 'from typing import List\n\n\ndef helper(x):\n    """Helps."""\n    return x\n\n\n'
PROMPT = HELPER + 'def f(x: int) -> int:\n    """Doubles.\n\n    >>> f(2)\n    4\n    """\n'
PROBLEM = Problem("HumanEval/7", PROMPT, "f", HELPER, "assert f(2) == 4\n")
GOOD = "def f(x):\n    return 2 * x\n"
KINDS = (TextKind.auto, TextKind.reply, TextKind.completion)

# Read as they stand: no repair is needed, so none is counted.
PLAIN = {
    "tildes": f"~~~python\n{GOOD}~~~\nDone.",
    "py": f"```py\n{GOOD}```",
    "attributes": f"```{{.python .numberLines}}\n{GOOD}```",
    "title": f'```python title="f.py"\n{GOOD}```',
    "file": f"```python:src/f.py\n{GOOD}```",
    "fence in a docstring": '```python\ndef f(x):\n    """Doubles.\n\n    ```python\n    f(2)\n    ```\n'
    '    """\n'
    "    return 2 * x\n```\nDone.",
    "draft first": f"```python\ndef f(x):\n    return 0\n```\nNo:\n```python\n{GOOD}```",
    "use behind": f"```python\n{GOOD}```\nUse it:\n```python\nprint(f(2))\n```\nIt prints\n```\n4\n```",
    "tests behind": f"```python\n{GOOD}```\n```python\ndef test_f():\n    assert f(1) == 2\n```",
    "template behind": f"```python\n{GOOD}```\nForm:\n```python\ndef f(x):\n    # your code\n    pass\n```",
    "prompt first": f"You gave:\n```python\n{PROMPT}```\nAnswer:\n```python\n{GOOD}```",
    "prompt, then body": f"```python\n{PROMPT}```\n\n```python\n    return 2 * x\n```",
    "prompt again": PROMPT.replace("Doubles.", "Twice x.") + "    return 2 * x\n",
    "method": "```python\nclass Solution:\n    def f(self, x):\n        return self.g(x)\n\n"
    "    def g(self, x):\n        return 2 * x\n```",
    "no blank line": f"Here is the code:\n{GOOD}It works.",
    "numbered prose": f"1. First define it\n2. Then return\n\n{GOOD}",
    "in a list": "1. Do this:\n   ```python\n   def f(x):\n       return 2 * x\n   ```\n2. Done",
    "set apart": "Code::\n\n    def f(x):\n        return 2 * x\n\nDone.",
    "carriage returns": f"```python\n{GOOD}```\n".replace("\n", "\r\n"),
    "headings": f"# Answer\n\n## Code\n\n{GOOD}\n## Cost\n\nO(1)\n",
    "unfinished behind": f"```python\n{GOOD}\ndef g(x):\n    return (x +",
    "main": f"```python\n{GOOD}\nif __name__ == '__main__':\n    print(f(int(input())))\n```",
    "asks at once": f"```python\nn = int(input())\n\n{GOOD}print(f(n))\n```",
    "undefined behind": f"{GOOD}\nprint(f(undefined))\nassert f(2) == 5\n",
    "helper behind": "```python\ndef f(x):\n    return twice(x)\n```\nwith\n"
    "```python\ndef twice(x):\n    return 2 * x\n```",
    "constant behind": "```python\ndef f(x):\n    return TWO * x\n\nTWO = 2\n```",
    "another name": "```python\ndef double(x):\n    return 2 * x\n\nf = double\n```",
    "under a condition": "```python\nif True:\n    def f(x):\n        return 2 * x\n```",
    "prompt's helper": "```python\ndef f(x):\n    return 2 * helper(x)\n```",
    "prelude": "```python\ndef f(x: Tuple) -> List[int]:\n    return math.floor(2 * x)\n```",
    "harmony": "<|channel|>analysis<|message|>def f(x): return 0<|end|>"
    f"<|start|>assistant<|channel|>final<|message|>```python\n{GOOD}```",
    "future": f'"""Doc."""\nfrom __future__ import annotations\n{GOOD}',
    "future beside a helper": "```python\ndef twice(x):\n    return 2 * x\n```\n```python\n"
    "from __future__ import annotations\n\ndef f(x: No):\n    return twice(x)\n```",
    "end of message": f"{GOOD.rstrip()}<|eot_id|>\n<|start|>user",
    "end of text": f"{GOOD}<|endoftext|>import os\ndef f(x):\n    return 0\n",
    "next turn": f"```python\n{GOOD}```\n\n### Instruction:\nNow 0.\n\n"
    "```python\ndef f(x):\n    return 0\n```",
    "user": f"{GOOD}\n\nUser: Now 0.\nAssistant: def f(x):\n    return 0\n",
    "its turn first": f"### Instruction:\nDouble x.\n\n### Response:\n```python\n{GOOD}```",
    "command thoughts": "<|START_THINKING|>def f(x): return 0<|END_THINKING|><|START_RESPONSE|>"
    f"```python\n{GOOD}```<|END_RESPONSE|>",
    "gemma thoughts": f"<|channel>thought\ndef f(x): return 0\n<channel|>```python\n{GOOD}```",
    "harmony without tokens": f"analysisWe need def f(x): return 0assistantfinal```python\n{GOOD}```",
    "reasoning steps": f"Here are my reasoning steps:\ndef f(x): return 0\n[BEGIN FINAL RESPONSE]\n{GOOD}",
    "a tag in a string": "def f(x):\n    s = '<think>' + '</think>'\n    return 2 * x\n",
    "a tag in a comment": "```python\ndef f(x):\n    y = x  # <think>\n    return 2 * y\n```",
    "a tag spoken of": f"I use `<think>` no more.\n```python\n{GOOD}```",
    "words behind the language": f"```python showLineNumbers\n{GOOD}```",
    "name behind the language": f"```python f.py\n{GOOD}```",
    "commas": f"```python, linenums\n{GOOD}```",
    "skeleton behind": f"```python\n{GOOD}```\n```python\ndef f(x):\n    raise NotImplementedError\n```",
    "constant in a block": "```python\nTWO: int = 2\n```\n```python\ndef f(x):\n    return TWO * x\n```",
    "table in a block": "```python\nT = {}\nfor i in range(9):\n    T[i] = 2 * i\n```\n"
    "```python\ndef f(x):\n    return T[x]\n```",
    "table behind": "def f(x):\n    return T[x]\n\nT = {}\nfor i in range(9):\n    T[i] = 2 * i\n",
    "list filled behind": "def f(x):\n    return T[0] * x\n\nT = []\nT.append(2)\nT.append(f(2))\n",
    "helper, prose, function": "def twice(x):\n    return 2 * x\n\nThen:\n\ndef f(x):\n    return twice(x)\n",
    "function under another name": "import operator as o, functools\n\nf = functools.partial(o.mul, 2)\n",
    "test's import behind": f"```python\n{GOOD}```\n```python\nfrom solution import f\nassert f(2) == 5\n```",
    "loop of tests behind": f"{GOOD}\ncases = [(1, 3)]\n\n"
    "def run(case):\n    assert f(case[0]) == case[1]\n\nfor case in cases:\n    run(case)\n",
    "exit behind": "import sys\n\ndef f(x):\n    return 2 * x if sys.maxsize else 0\n\nsys.exit(f(1))\n",
}
# Programs only after a repair of this name.
MENDED = {
    "special tokens": (f"{GOOD.rstrip()}</s>\n", "special tokens"),
    "odd blanks": ("```python\ndef f(x):\n\u00a0\u00a0\u00a0\u00a0return 2\u200b * x\n```", "odd blanks"),
    "HTML": ("```python\ndef f(x):\n    return 2 * x if x &gt; 0 else 2 * x\n```", "HTML"),
    "tags": (f"<answer>{GOOD}</answer>", "tags"),
    "one line": ("`def f(x): return 2 * x`", "tags"),
    "label": ("Answer: def f(x):\n    return 2 * x\n", "tags"),
    "call": (
        '<tool_call>{"name": "run", "arguments": {"code": "def f(x):\\n    return 2 * x\\n"}}</tool_call>',
        "a call's arguments",
    ),
    "escaped": ('"def f(x):\\n    return 2 * x\\n"', "escaped lines"),
    "quotation": ("> def f(x):\n>     return 2 * x\n", "quotation marks at line starts"),
    "diff": ("```diff\n+def f(x):\n+    return 2 * x\n```", "quotation marks at line starts"),
    "session": (">>> def f(x):\n...     return 2 * x\n...\n>>> f(2)\n4\n", "interpreter prompts"),
    "notebook": (
        "In [1]: def f(x):\n   ...:     return 2 * x\n\nIn [2]: f(2)\nOut[2]: 4\n",
        "interpreter prompts",
    ),
    "line numbers": ("```\n 1| def f(x):\n 2|     return 2 * x\n```", "line numbers"),
    "bar behind a blank": ("  1 | def f(x):\n  2 |     return 2 * x\n", "line numbers"),
    "lines ended by a page": ("def f(x):<br>&nbsp;&nbsp;&nbsp;&nbsp;return 2 * x<br>", "HTML"),
    "coloured": (
        '<span class="k">def</span> f(x):\n    <span class="k">return</span> <span>2</span> * x\n',
        "HTML",
    ),
    "data": (f"<code><![CDATA[{GOOD}]]></code>", "tags"),
    "call of a call": (
        json.dumps({"name": "run", "arguments": json.dumps({"code": GOOD})}),
        "a call's arguments",
    ),
    "answer beside its reason": (
        json.dumps(
            {"explanation": "We def ine a function.\n" * 20, "code": GOOD, "tests": "assert f(1) == 3\n" * 9}
        ),
        "a call's arguments",
    ),
    "cells": (
        json.dumps({"cells": [{"cell_type": "code", "source": GOOD.splitlines(True), "outputs": []}]}),
        "a call's arguments",
    ),
    "string in prose": (f"The code is:\n{GOOD!r}\n", "escaped lines"),
    "tabs beside blanks": ("def f(x):\n\ty = x\n        return 2 * y\n", "tabs"),
    "full width": ("def f\uff08x\uff09\uff1a\n    return 2 * x\n", "full width signs"),
    "Markdown": ("def f(x):\n    my\\_y = x\n    return 2 \\* my\\_y\n", "Markdown's backslashes"),
    "half a character": (f"```python\n{GOOD}# \ud83d\n```", "broken characters"),
    "NUL": (f"{GOOD}\x00\x00", "odd blanks"),
    "line separators": ("def f(x):\u2028    return 2 * x\u2028", "odd blanks"),
    "quotes": (
        "def f(x):\n    s = \u201ca\u201d + \u2018b\u2019\n    return 2 * x\n",
        "typographic signs",
    ),
}
WRONG = ("I cannot help with that.", "", f"<think>\n{GOOD}", "```python\ndef f(x):\n    return 2 * (x\n```")


def result(read: Program) -> object:
    space: dict[str, object] = {}
    exec("import math\nfrom typing import *\n", space)
    exec(PROBLEM.program(read.text, completion=read.completion), space)
    function = space["f"]
    assert callable(function)
    return function(2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", PLAIN)
def test_plain_forms(form: str, kind: TextKind) -> None:
    read = read_program(PLAIN[form], PROBLEM, kind)
    assert result(read) == 4
    assert read.mends == ()
    assert read_program(PLAIN[form], PROBLEM, kind, mend=False) == read


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", MENDED)
def test_mended_forms_are_counted_and_can_be_refused(form: str, kind: TextKind) -> None:
    text, repair = MENDED[form]
    read = read_program(text, PROBLEM, kind)
    assert result(read) == 4
    assert repair in read.mends
    strict = read_program(text, PROBLEM, kind, mend=False)
    assert strict.mends == ()
    with pytest.raises((SyntaxError, AssertionError, KeyError, UnicodeEncodeError)):
        assert result(strict) == 4


@pytest.mark.parametrize("text", WRONG)
def test_nothing_is_invented(text: str) -> None:
    for kind in KINDS:
        read = read_program(text, PROBLEM, kind)
        assert read.mends == ()
        with pytest.raises((SyntaxError, KeyError, AssertionError)):
            assert result(read) == 4


def test_verbatim_kinds() -> None:
    text = " return 2 * x\nprint(1)\n```"
    assert read_program(text, PROBLEM, TextKind.program) == Program(text)
    assert read_program(text, PROBLEM, TextKind.continuation) == Program(text, completion=True)


LINES = st.lists(
    st.sampled_from(
        ["y = x", "if x:\n    y = 1", "for i in range(2):\n    x += 0", "# so", "z = '''\na\n'''"]
    ),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(
    lines=LINES, shift=st.sampled_from(["whole", "first", "tabs", "none", "one off"]), fenced=st.booleans()
)
def test_a_body_reads_the_same_by_any_indentation(lines: list[str], shift: str, fenced: bool) -> None:
    body = textwrap.indent("\n".join([*lines, "return 2 * x"]), "    ") + "\n"
    text = {
        "none": body,
        "whole": textwrap.dedent(body),
        "first": body.lstrip(),
        "tabs": body.replace("    ", "\t"),
        "one off": textwrap.indent(textwrap.dedent(body), "   "),
    }[shift]
    text = f"```python\n{text}```" if fenced else text
    read = read_program(text, PROBLEM, TextKind.completion)
    assert result(read) == 4
    assert result(read_program(text, PROBLEM, TextKind.auto)) == 4
    if shift == "none":
        assert read.mends == ()


# Behind the prompt as it stands, stripped as EvalPlus strips it, and ended in the body's first blanks.
PROMPTS = {"whole": PROMPT, "stripped": PROMPT.rstrip(), "in its blanks": PROMPT + "    "}
BODY = "    y = x\n    return 2 * y\n"
BEHIND = {
    "nothing": "",
    "a fence and prose": "```\nIt doubles, doesn't it?\n",
    "the function again": "\n\ndef f(x):\n    return 0\n",
    "half a function": "\n\ndef g(x):\n    return (x +",
    "half a decorator": "\n\n@property",
    "use": "\n\nn = int(input())\nprint(f(n))\n",
    "tests": "\n\nMETADATA = {'a': 1}\n\n\ndef check(candidate):\n    assert candidate(1) == 9\n",
    "another file": "<|file_sep|>other.py\ndef f(x):\n    return 0\n",
    "output": "\n\nOutput:\n4\n",
    "quotes": '\n"""\nThat is it.\n',
}


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("kind", [TextKind.completion, TextKind.auto])
@pytest.mark.parametrize("body", [BODY, BODY.lstrip(), BODY[1:], BODY.replace("    ", "\t")])
def test_a_completion_of_any_prompt_and_what_stands_behind_it(
    body: str, kind: TextKind, prompt: str, behind: str
) -> None:
    problem = replace(PROBLEM, prompt=PROMPTS[prompt])
    read = read_program(body + behind, problem, kind)
    space: dict[str, object] = {}
    exec(problem.program(read.text, completion=read.completion), space)
    function = space["f"]
    assert callable(function)
    assert function(2) == 4


def test_a_return_behind_the_function_is_no_body() -> None:
    """A body of which only the first line would stand in the function is not taken for all of it."""
    text = "y = x\nreturn 2 * y\n"
    problem = replace(PROBLEM, prompt=PROMPT + "    ")
    assert read_program(text, problem, TextKind.completion, mend=False).text == text


TWO = ("assert f(1) == 2", "assert f(2) == 4")


@pytest.mark.parametrize(
    "form",
    [
        "- {}\n- {}",
        "* `{}`\n* `{}`",
        "1. {}\n2. {}",
        "1) `{}`\n2) `{}`",
        ">>> {}\n>>> {}",
        "> {}\n> {}",
        "1 {}\n2 {}",
        "| test |\n| --- |\n| `{}` |\n| `{}` |",
        "```python\ndef f(x):\n    assert x > 0\n    return 2 * x\n```\n```python\n{}\n{}\n```",
        "```python\ndef test_a():\n    {}\n\ndef test_b():\n    {}\n```",
        "<think>\nassert f(1) == 9\n</think>\n{}\n{}",
    ],
)
def test_assertions_in_any_form(form: str) -> None:
    text = form.format(*TWO)
    read = read_test_lines(text, 4)
    lines = read.text.split("\n")
    assert [line for line in lines if line.startswith("assert")] == list(TWO)
    ends = [text[:end].split("\n")[-1] for end in read.ends]
    assert [line for line in ends if "== 2" in line or "== 4" in line] == [
        line for line in text.splitlines() if "== 2" in line or "== 4" in line
    ]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("assert f(1)\u00a0== 2", "assert f(1) == 2"),
        ("assert f(1) &gt; 1", "assert f(1) > 1"),
        ("assert f(\u201ca\u201d) == 2", 'assert f("a") == 2'),
        ("assert f(1) == 2</s>", "assert f(1) == 2"),
        ("assert f('\u00a0&gt;') == 2", "assert f('\u00a0&gt;') == 2"),
        ("assert f(1) == (2", "assert f(1) == (2"),
    ],
)
def test_an_assertion_is_mended_where_signs_break_it(line: str, meant: str) -> None:
    assert read_test_lines(line, 1).text == meant
