"""What a text went through on its way to us, and how it is undone where it keeps a program from being one.

Nothing here looks at what a program does: a repair takes back what a page, a shell or a tokenizer put there.
"""

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cascade.generate.indentation import without_odd_blanks

_SPECIAL = re.compile(r"<[|｜][\w▁ -]+[|｜]>|</?s>|\[/?INST\]|<eos>|<EOT>|<end_of_turn>")
_TAGS = re.compile(r"</?(?:code|pre|answer|solution|program|python|response|output|final)\b[^<>]*>", re.I)
_MARKS = re.compile(r"\[/?(?:PYTHON|CODE|ANSWER|SOLUTION)\]")
_INLINE = re.compile(r"`{1,3}(?:python3?[ \t]+)?((?:async )?def [^`\n]+)`{1,3}")
_LABEL = re.compile(r"^[A-Z][\w ]{0,40}:[ \t]+(?=(?:async def|def|class|import|from|@)\b)", re.MULTILINE)
_PROMPT = re.compile(r"(?:>>>|\.\.\.|In \[\d+\]:|\.\.\.:)(?: |$)")
_SIGNS = str.maketrans("\u2018\u2019\u2032\u201c\u201d\u2033\u2212\u2013\u2014", "'''\"\"\"---")
_NUMBERED = re.compile(r"^\s*(\d+)(?:[.:|)]|(?=\s))[ \t]?")


def _special_tokens(text: str) -> str:
    """Tokens that end or begin a message, written out: the first text between them is the message."""
    parts = _SPECIAL.split(text)
    return next((part for part in parts if part.strip()), "") if len(parts) > 1 else text


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
    """A tool's call or a JSON answer: the longest text in it."""
    for start in (match.start() for match in re.finditer(r"[\[{]", text)):
        try:
            value, _ = json.JSONDecoder(strict=False).raw_decode(text, start)
        except ValueError:
            continue
        if isinstance(value, dict | list):
            texts = [one for one in _texts(value) if "\n" in one or "def " in one]
            if texts:
                return max(texts, key=len)
    return text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        # Arguments of a call are often JSON in a text.
        if value[:1] in "{[" and value:
            try:
                yield from _texts(json.loads(value, strict=False))
            except ValueError:
                return
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _escaped_lines(text: str) -> str:
    """A text with its line ends written out."""
    if text.count("\\n") < 2 or text.count("\n") > 2:
        return text
    body = text.strip()
    if body[:1] == body[-1:] and body[:1] in "'\"" and len(body) > 1:
        body = body[1:-1]
    for escape, plain in (("\\n", "\n"), ("\\t", "\t"), ('\\"', '"'), ("\\'", "'")):
        body = body.replace(escape, plain)
    return body


#: By what they are called where they are counted; each goes on from what the one before it left.
REPAIRS: Mapping[str, Callable[[str], str]] = {
    "special tokens": _special_tokens,
    "odd blanks": without_odd_blanks,
    "HTML": html.unescape,
    "tags": _tags,
    "a call's arguments": _call,
    "escaped lines": _escaped_lines,
    "quotation marks at line starts": _quoted,
    "interpreter prompts": _prompts,
    "line numbers": _line_numbers,
    "typographic signs": lambda text: text.translate(_SIGNS),
}
