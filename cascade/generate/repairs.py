"""What a text went through on its way to us, and how it is undone where it keeps a program from being one.

Nothing here looks at what a program does: a repair takes back what a page, a shell or a tokenizer put there.
"""

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cascade.generate.indentation import tabs_as_blanks, without_odd_blanks

_SPECIAL = re.compile(r"<[|｜][\w▁ -]+[|｜]>|</?s>|\[/?INST\]|<eos>|<EOT>|<end_of_turn>")
_TAGS = re.compile(
    r"</?(?:code|pre|answer|solution|program|python|response|output|final|p|div)\b[^<>]*>|<!\[CDATA\[|\]\]>",
    re.IGNORECASE,
)
_STYLE = re.compile(r"</?(?:span|b|i|em|strong|font|a)\b[^<>]*>", re.IGNORECASE)
_MARKS = re.compile(r"\[/?(?:PYTHON|CODE|ANSWER|SOLUTION)\]")
_INLINE = re.compile(r"`{1,3}(?:python3?[ \t]+)?((?:async )?def [^`\n]+)`{1,3}")
_LABEL = re.compile(r"^[A-Z][\w ]{0,40}:[ \t]+(?=(?:async def|def|class|import|from|@)\b)", re.MULTILINE)
_PROMPT = re.compile(r"(?:>>>|\.\.\.|In \[\d+\]:|\.\.\.:)(?: |$)")
# Full width punctuation, as East Asian keyboards write it.
_WIDE = {0xFEE0 + n: n for n in range(0x21, 0x7F) if not chr(n).isalnum()} | {0x3001: ",", 0x3002: "."}
_SIGNS = str.maketrans("\u2018\u2019\u2032\u201c\u201d\u2033\u2212\u2013\u2014", "'''\"\"\"---")
_NUMBERED = re.compile(r"^\s*(\d+)(?:[ \t]?[.:|)│]|(?=\s|$))[ \t]?")
_LITERAL = re.compile(r"(['\"])(?:(?!\1)[^\\\n]|\\.)*\\n(?:(?!\1)[^\\\n]|\\.)*\1")


def _special_tokens(text: str) -> str:
    """Tokens that end or begin a message, written out: the first text between them is the message."""
    parts = _SPECIAL.split(text)
    return next((part for part in parts if part.strip()), "") if len(parts) > 1 else text


def _broken_characters(text: str) -> str:
    """Halves of characters, as where a text was cut inside one: pairs are put together, others marked."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _html(text: str) -> str:
    """A page's signs and line ends."""
    text = _STYLE.sub("", re.sub(r"<br\s*/?>\n?", "\n", text, flags=re.IGNORECASE))
    return without_odd_blanks(html.unescape(text))


def _markdown(text: str) -> str:
    """Signs that mean something in Markdown, with the backslash that some models put in front."""
    return re.sub(r"\\([_*\[\]()#<>`])", r"\1", text)


def _tags(text: str) -> str:
    """What marks a program within a line: tags, backticks, ``Answer:``."""
    text = _INLINE.sub(r"\n\1\n", _MARKS.sub("\n", _TAGS.sub("\n", text)))
    return _LABEL.sub("", text)


def _prompts(text: str) -> str:
    """An interpreter's session: what was typed in."""
    lines = [line.lstrip() for line in text.split("\n")]
    typed = [line[match.end() :] for line in lines if (match := _PROMPT.match(line))]
    begins = any(re.match(r"(?:async def|def|class|import|from|@)\b", line) for line in typed)
    return "\n".join(typed) + "\n" if begins else text


def _quoted(text: str) -> str:
    """A quotation's marks, or those of a diff that only adds."""
    for mark in (">", "+"):
        lines = _inside(text)
        if lines and sum(line.startswith(mark) for line in lines) > len(lines) / 2:
            kept = (line.removeprefix(mark) for line in text.split("\n"))
            return "\n".join(line.removeprefix(" ") if mark == ">" else line for line in kept)
    return text


def _line_numbers(text: str) -> str:
    """Lines that count themselves from 1 on."""
    kept, found = [], 0
    for line in text.split("\n"):
        match = _NUMBERED.match(line)
        if match is not None and int(match[1]) == found + 1:
            line, found = line[match.end() :], found + 1
        kept.append(line)
    return "\n".join(kept) if found > 1 and found > len(_inside(text)) / 2 else text


def _inside(text: str) -> list[str]:
    """The lines that are neither blank nor a fence."""
    return [line for line in text.split("\n") if line.strip() and not line.lstrip(" >").startswith("```")]


def _call(text: str) -> str:
    """A tool's call, a JSON answer or a notebook: its texts, as blocks where there are several."""
    for start in (match.start() for match in re.finditer(r"[\[{]", text)):
        try:
            value, _ = json.JSONDecoder(strict=False).raw_decode(text, start)
        except ValueError:
            continue
        if isinstance(value, dict | list):
            texts = [one for one in _texts(value) if "\n" in one or "def " in one or "lambda" in one]
            if len(texts) == 1:
                return texts[0]
            if texts:
                return "\n\n".join(one if "```" in one else f"```\n{one}\n```" for one in texts)
    return text


def _texts(value: Any) -> Iterator[str]:
    """The texts inside a value; lines that a notebook keeps as a list are one."""
    if isinstance(value, str):
        inner = None
        # Arguments of a call are often JSON in a text.
        if value.strip()[:1] in ("{", "["):
            try:
                inner = json.loads(value, strict=False)
            except ValueError:
                inner = None
        if isinstance(inner, dict | list):
            yield from _texts(inner)
        else:
            yield value
    elif isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        lines = len(value) > 1 and all(one.endswith("\n") for one in value[:-1])
        yield from _texts("".join(value)) if lines else (text for one in value for text in _texts(one))
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _escaped_lines(text: str) -> str:
    """A text, or a string in it, with its line ends written out."""
    if text.count("\\n") < 2 or (text.count("\n") > 2 and _LITERAL.search(text) is None):
        return text
    body = text.strip()
    strings = [match[0] for match in _LITERAL.finditer(body) if "def " in match[0] or match[0] == body]
    body = max(strings, key=len)[1:-1] if strings else body
    for escape, plain in (("\\n", "\n"), ("\\t", "\t"), ('\\"', '"'), ("\\'", "'"), ("\\\\", "\\")):
        body = body.replace(escape, plain)
    return body


#: By what they are called where they are counted; each goes on from what the one before it left.
REPAIRS: Mapping[str, Callable[[str], str]] = {
    "special tokens": _special_tokens,
    "broken characters": _broken_characters,
    "odd blanks": without_odd_blanks,
    "tabs": lambda text: tabs_as_blanks(text, 8),
    "HTML": _html,
    "tags": _tags,
    "a call's arguments": _call,
    "escaped lines": _escaped_lines,
    "quotation marks at line starts": _quoted,
    "interpreter prompts": _prompts,
    "line numbers": _line_numbers,
    "typographic signs": lambda text: text.translate(_SIGNS),
    "full width signs": lambda text: text.translate(_WIDE),
    "Markdown's backslashes": _markdown,
}
