"""Which part of a text is the answer: behind thoughts, before the message's end and the next turn."""

import re
from collections.abc import Iterator
from functools import lru_cache

BOM = "\ufeff"
# What opens and what closes a model's thoughts, by the ways in which servers and templates write them.
THOUGHTS = (
    (
        "<(?:think|thinking|thoughts?|reasoning|reflection|scratchpad)>",
        "</(?:think|thinking|thoughts?|reasoning|reflection|scratchpad)>",
    ),
    (r"<seed:think>", r"</seed:think>"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    (r"\[THINK\]", r"\[/THINK\]"),
    ("◁think▷", "◁/think▷"),
    (r"<\|channel\|>analysis<\|message\|>", r"<\|channel\|>final<\|message\|>"),
    (r"<\|channel>thought", r"<channel\|>"),
    # The same channels where a server left the special tokens out.
    (r"\A(?-i:analysis(?=[A-Z\"']))", r"(?-i:assistantfinal)"),
    (r"\AHere are my reasoning steps:", r"\[BEGIN FINAL RESPONSE\]"),
)
# Special tokens, written out, that end a message or a file.
_ENDS = (
    r"<\|(?:im_end|endoftext|end_of_text|eot_id|eot|eom_id|end|return|endofmessage|END_RESPONSE"
    r"|END_OF_TURN_TOKEN|im_start|user|file_sep|file_separator|repo_name|fim_\w+)\|>"
    r"|<(?:end_of_turn|start_of_turn|file_sep|fim_\w+)>|<turn\|>|<｜end▁of▁sentence｜>"
)
# A tag between quotes or backticks is spoken of; a fence's backticks may touch one.
_BARE, _ALONE = r"(?<!(?<!''|\"\"|``)['\"`])", r"(?!['\"`](?!''|\"\"|``))"
_OPENING, _CLOSING, _END = (
    re.compile(f"{_BARE}(?:{pattern}){_ALONE}", re.IGNORECASE)
    for pattern in ("|".join(o for o, _ in THOUGHTS), "|".join(c for _, c in THOUGHTS), _ENDS)
)
# What stands in front of an opening tag on its line where the tag is part of code or of a sentence about it.
_IN_CODE = re.compile(r"#|[\"`]|(?<!\w)'")
_TURN = re.compile(
    r"^[ \t]*(?:#{2,}[ \t]*(?:Instruction|Input|User|Human)\b"
    r"|(?:\*\*)?(?:User|Human|USER|HUMAN|Instruction)(?:\*\*)?:|\[INST\])",
    re.MULTILINE,
)


@lru_cache(maxsize=64)  # one text is looked at many times in a row
def answer_span(text: str) -> tuple[int, int]:
    """Where the answer stands beside a model's thoughts: (start, end); empty where it ends inside them."""
    start = 0
    for closing in _CLOSING.finditer(text):
        start = closing.end()
    opening = next(_openings(text, start), len(text))
    ends = (match.start() for match in _END.finditer(text, start, opening))
    return start, next((end for end in ends if text[start:end].strip()), opening)


def _openings(text: str, start: int) -> Iterator[int]:
    for match in _OPENING.finditer(text, start):
        line = text.rfind("\n", 0, match.start()) + 1
        if _IN_CODE.search(text, line, match.start()) is None:
            yield match.start()


def only_thoughts(text: str) -> bool:
    """Whether a text has thoughts and no answer."""
    start, end = answer_span(text)
    return (start, end) != (0, len(text)) and not text[start:end].strip()


def clean(text: str) -> str:
    """Without thoughts, byte order marks and carriage returns."""
    start, end = answer_span(text)
    return text[start:end].replace(BOM, "").replace("\r\n", "\n").replace("\r", "\n")


def first_turn(text: str) -> str:
    """The text before the first line in which a model that ran on asks itself the next question."""
    match = _TURN.search(text)
    return text if match is None else text[: match.start()]
