"""Replies as models, servers and pages leave them: what is read, what is mended, and what stays wrong."""

import textwrap

import pytest
from hypothesis import given, settings, strategies as st

from cascade.generate.reader import Program, TextKind, read_program
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
}
# Programs only after a repair of this name.
MENDED = {
    "special tokens": (f"{GOOD.rstrip()}<|eot_id|>\n<|start|>user", "special tokens"),
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
    with pytest.raises((SyntaxError, AssertionError, KeyError)):
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
