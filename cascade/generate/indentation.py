"""The indentation of Python source as models, tokenizers and web pages leave it, and how to give it back."""

import re
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

    All of these keep the order of the lines' depths, so that one program at most comes out of a text. A tab
    is four blanks, or eight where it stands beside blanks that way.
    """
    for spelling in dict.fromkeys((text, tabs_as_blanks(text, 4), tabs_as_blanks(text, 8))):
        yield spelling
        lines = spelling.split("\n")
        head = next((i for i, line in enumerate(lines) if line.strip()), 0)
        lines = lines[head:]
        first, rest = lines[0].lstrip(), "\n".join(lines[1:])
        yield textwrap.indent(textwrap.dedent("\n".join(lines)), indent)
        yield f"{indent}{first}\n{rest}"
        yield f"{indent}{first}\n{textwrap.indent(textwrap.dedent(rest), indent)}"


def without_odd_blanks(text: str) -> str:
    """With plain blanks and line ends for those that Python does not know, and none without a width."""
    text = re.sub("[\u2028\u2029\u0085\x0b]\n?", "\n", text)
    for odd in "\u00a0\u202f\u2007\u3000":
        text = text.replace(odd, " ")
    for none in "\x00\u200b\u200c\u200d\u2060\ufeff":
        text = text.replace(none, "")
    return text


def tabs_as_blanks(text: str, size: int) -> str:
    """The text with blanks for the tabs in its indentation."""
    lines = text.split("\n")
    bodies = [line.lstrip(" \t") for line in lines]
    return "\n".join(
        line[: len(line) - len(body)].expandtabs(size) + body
        for line, body in zip(lines, bodies, strict=True)
    )
