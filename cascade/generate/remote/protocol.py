"""What servers of OpenAI's protocol really send: choices, thoughts and token counts in every spelling."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cascade.base import CascadeError
from cascade.generate.reading import LENGTH, how_it_ended

_EVENTS = re.compile(r"\s*(?::|(?:data|event|id|retry):)")  # how a stream of events begins
# Fields of a message that hold its thoughts.
THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
SHOWN = 120  # characters of an answer that an error shows


@dataclass(frozen=True)
class Choice:
    """One text of an answer, thoughts before it in ``<think>``, how it ended, and its tokens where told.

    `finish` is that of a `StoredSample`.
    """

    text: str
    finish: str | None
    token_ids: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Answer:
    """An answer: its texts, and the tokens that they are billed as; None where the server does not say."""

    choices: tuple[Choice, ...]
    tokens: int | None


def read_answer(content_type: str, body: str, base_url: str) -> Answer:
    """The texts of a completion or chat completion, sent whole or as a stream of events.

    Raises:
        CascadeError: what came is not of this protocol.
    """
    kind = content_type.split(";")[0].strip() or "none"
    body = body.removeprefix("\ufeff")
    streamed = kind == "text/event-stream" or _EVENTS.match(body) is not None
    try:
        answer = _joined(body) if streamed else json.loads(body)
    except ValueError:
        answer = None
    if (error := _error(answer)) is not None:
        said = error.get("message", error) if isinstance(error, Mapping) else error
        raise CascadeError(
            f"generator.base_url={base_url}: an error with status 200: {' '.join(str(said).split())[:300]}"
            "; the samples so far are kept"
        )
    choices = answer.get("choices") if isinstance(answer, Mapping) else None
    if not isinstance(answer, Mapping) or not isinstance(choices, list) or not choices:
        lacks = "an answer without choices" if isinstance(answer, Mapping) else "no answer of this protocol"
        raise CascadeError(
            f"generator.base_url={base_url}: what came with status 200 is {lacks} (content type {kind}: "
            f"{' '.join(body.split())[:SHOWN]!r}); does the address end in /v1, and is "
            f"generator.api right?"
        )
    found = [(one.get("index", i), _choice(one)) for i, one in enumerate(choices) if isinstance(one, Mapping)]
    if len(found) < len(choices) or any(one is None for _, one in found):
        raise CascadeError(
            f"generator.base_url={base_url}: a choice without a message or text "
            f"({' '.join(body.split())[:SHOWN]!r}); is generator.api the right one?"
        )
    ordered = sorted(found, key=lambda one: one[0] if isinstance(one[0], int) else 0)
    return Answer(tuple(one for _, one in ordered if one is not None), _tokens(answer.get("usage")))


def _error(answer: Any) -> Any:
    """What an answer says instead of its texts, or of one of them; None for no error."""
    if not isinstance(answer, Mapping):
        return None
    if answer.get("error") and not answer.get("choices"):
        return answer["error"]
    return next((one["error"] for one in _mappings(answer.get("choices")) if one.get("error")), None)


def _choice(choice: Mapping[str, Any]) -> Choice | None:
    finish = how_it_ended(choice.get("finish_reason"))
    message = choice.get("message", choice.get("delta"))
    if isinstance(message, str):
        message = {"content": message}
    if isinstance(message, Mapping):
        text, thoughts = _content(message.get("content"))
        for field in THOUGHTS:
            if not thoughts and message.get(field):
                thoughts = "".join(_content(message[field]))
        calls = message.get("tool_calls") or [{"function": message.get("function_call")}]
        text = text or _called(calls) or str(message.get("refusal") or "")
    elif "text" in choice:
        text, thoughts = str(choice["text"] or ""), ""
    else:
        return None
    if thoughts:
        closing = "" if finish == LENGTH and not text.strip() else f"\n</think>\n\n{text}"
        text = f"<think>\n{thoughts}{closing}"
    # vLLM tells the ids if it is asked to (return_token_ids).
    ids = choice.get("token_ids")
    return Choice(text, finish, tuple(ids) if isinstance(ids, list) else None)


def _content(content: Any) -> tuple[str, str]:
    """(text, thoughts) of a message's content: a text, nothing, or a list of parts."""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, Mapping):
        content = [content]
    text, thoughts = "", ""
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            text += part
        elif isinstance(part, Mapping):
            kind = str(part.get("type", "text"))
            if kind in ("thinking", "reasoning", "thought", "reasoning_content", "redacted_thinking"):
                inner = next((part[k] for k in ("thinking", "reasoning", "text", "content") if k in part), "")
                thoughts += "".join(_content(inner))
            else:
                inner = part.get("text", part.get("content", ""))
                text += "".join(_content(inner.get("value", "") if isinstance(inner, Mapping) else inner))
    return text, thoughts


def _called(calls: Any) -> str:
    """The arguments of a message's tool calls, as a model gives that answers by calling a tool."""
    functions = [one.get("function") for one in _mappings(calls)]
    return "\n".join(str(one.get("arguments") or "") for one in _mappings(functions))


def _tokens(usage: Any) -> int | None:
    """Tokens that were generated, if they are counted; 0 is no count."""
    if not isinstance(usage, Mapping):
        return None
    for field in ("completion_tokens", "output_tokens"):
        if (tokens := _count(usage.get(field))) > 0:
            return tokens
    total, prompt = _count(usage.get("total_tokens")), _count(usage.get("prompt_tokens"))
    return total - prompt if total > prompt > 0 else None


def _count(value: Any) -> int:
    """A count, also where it is sent as a text; 0 for none."""
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return int(value)


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; none where it is something else."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _joined(body: str) -> dict[str, Any]:
    """The events of a stream as one answer."""
    choices: dict[str, dict[str, Any]] = {}
    usage: Any = None
    for line in body.splitlines():
        if not line.startswith("data:") or line[5:].strip() in ("", "[DONE]"):
            continue
        event = json.loads(line[5:])
        if not isinstance(event, Mapping):
            continue
        if event.get("error"):
            return {"error": event["error"]}
        usage = event.get("usage") or usage
        for piece in _mappings(event.get("choices")):
            index = piece.get("index", 0)
            choice = choices.setdefault(str(index), {"index": index, "finish_reason": None})
            choice["finish_reason"] = piece.get("finish_reason") or choice["finish_reason"]
            delta = piece.get("delta") or piece.get("message")
            if isinstance(delta, str):
                delta = {"content": delta}
            if not isinstance(delta, Mapping):
                choice["text"] = choice.get("text", "") + str(piece.get("text") or "")
                continue
            message = choice.setdefault("message", {"content": "", "reasoning": "", "function_call": {}})
            text, thoughts = _content(delta.get("content"))
            message["content"] += text
            for field in THOUGHTS:
                thoughts = thoughts or "".join(_content(delta.get(field)))
            message["reasoning"] += thoughts
            call = message["function_call"]
            call["arguments"] = call.get("arguments", "") + _called(delta.get("tool_calls"))
    return {"choices": list(choices.values()), "usage": usage}
