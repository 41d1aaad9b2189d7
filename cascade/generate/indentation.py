"""The indentation of Python source as models, tokenizers and web pages leave it, and how to give it back."""

import textwrap
from collections.abc import Iterator


def body_indent(prompt: str) -> str:
    """The indentation of the body that a prompt begins."""
    lines = [line for line in prompt.split("\n") if line.strip()]
    last = lines[-1] if lines else ""
    indent = last[: len(last) - len(last.lstrip())]
    return indent + "    " if last.rstrip().endswith(":") else indent or "    "


def reindented(text: str, indent: str) -> Iterator[str]:
    """The text with other indentations: tabs, all of it stripped, a first line that is off.

    All of these keep the order of the lines' depths, so that one program at most comes out of a text.
    """
    for one in dict.fromkeys((text, "\n".join(map(_tabs_as_blanks, text.split("\n"))))):
        yield one
        lines = one.split("\n")
        head = next((i for i, line in enumerate(lines) if line.strip()), 0)
        lines = lines[head:]
        first, rest = lines[0].lstrip(), "\n".join(lines[1:])
        yield textwrap.indent(textwrap.dedent("\n".join(lines)), indent)
        yield f"{indent}{first}\n{rest}"
        yield f"{indent}{first}\n{textwrap.indent(textwrap.dedent(rest), indent)}"


def without_odd_blanks(text: str) -> str:
    """Blanks that Python does not know as blanks, and such as have no width at all."""
    for odd in "\u00a0\u202f\u2007\u3000":
        text = text.replace(odd, " ")
    for none in "\u200b\u200c\u200d\u2060\ufeff":
        text = text.replace(none, "")
    return text


def _tabs_as_blanks(line: str) -> str:
    body = line.lstrip(" \t")
    return line[: len(line) - len(body)].expandtabs(4) + body
