"""Answers in OpenAI's own types, whole and as a stream of events."""

import json
import time
from collections.abc import Iterator
from typing import Any

from openai.types import Completion, CompletionChoice, CompletionUsage, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice, ChoiceDelta

from cascade.serving.answer import Answer
from cascade.serving.solutions import stage_record

# Characters of an event of a stream that replays an answer.
PIECE = 48
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": still working\n\n"


def event(content: Any) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(content)}\n\n".encode()


class Reply:
    """An answer on its way to a client."""

    def __init__(self, answer: Answer, plan: str, trace_id: str, ignored: list[str], *, chat: bool) -> None:
        """Put an answer into words.

        Args:
            answer: what the cascade gave.
            plan: the plan's name.
            trace_id: of the request.
            ignored: the request's fields that were ignored.
            chat: whether the client chats; else it has its prompt completed.
        """
        self._answer, self._plan, self._chat = answer, plan, chat
        self._id = f"{'chatcmpl' if chat else 'cmpl'}-{trace_id}"
        self._created = int(time.time())
        self.text = f"```python\n{answer.program.rstrip()}\n```" if chat else answer.text
        self.cascade = {
            "plan": plan,
            "stage": answer.stage,
            "model": answer.of.model,
            "score": answer.of.share,
            "probability": answer.of.probability,
            "accepted": answer.of.accepted,
            "stopped_by": answer.stopped_by,
            "completion": answer.completion,
            "tokens": answer.tokens,
            "usd": answer.usd,
            "seconds": round(answer.seconds, 4),
            "trace_id": trace_id,
            "ignored": ignored,
            "stages": [
                {
                    **stage_record(stage),
                    "generate_s": round(stage.generate_s, 4),
                    "execute_s": round(stage.execute_s, 4),
                }
                for stage in answer.stages
            ],
        }

    def headers(self) -> dict[str, str]:
        """What a client can read without reading the answer."""
        shown = ("plan", "stage", "score", "probability", "tokens", "usd", "trace_id")
        return {
            f"x-cascade-{name.replace('_', '-')}": _number(self.cascade[name])
            for name in shown
            if self.cascade[name] is not None
        }

    def usage(self) -> CompletionUsage:
        """Generated tokens of all stages; prompts cost nothing here (paper section 3.4)."""
        tokens = self._answer.tokens
        by_stage = [stage.tokens for stage in self._answer.stages]
        extra: dict[str, Any] = {"completion_tokens_by_stage": by_stage, "cost_usd": self._answer.usd}
        return CompletionUsage(completion_tokens=tokens, prompt_tokens=0, total_tokens=tokens, **extra)

    def body(self) -> dict[str, Any]:
        """The whole answer."""
        extra: dict[str, Any] = {"cascade": self.cascade}
        if self._chat:
            message = ChatCompletionMessage(role="assistant", content=self.text)
            return ChatCompletion(
                id=self._id,
                choices=[Choice(finish_reason="stop", index=0, message=message)],
                created=self._created,
                model=self._plan,
                object="chat.completion",
                usage=self.usage(),
                **extra,
            ).model_dump(mode="json")
        return Completion(
            id=self._id,
            choices=[CompletionChoice(finish_reason="stop", index=0, text=self.text)],
            created=self._created,
            model=self._plan,
            object="text_completion",
            usage=self.usage(),
            **extra,
        ).model_dump(mode="json")

    def events(self, *, include_usage: bool) -> Iterator[bytes]:
        """The answer replayed piece by piece; the last piece has the `cascade` object."""
        pieces = [self.text[at : at + PIECE] for at in range(0, len(self.text), PIECE)]
        for i, piece in enumerate(pieces):
            yield event(self._piece(piece, first=i == 0))
        yield event(self._piece("", first=not pieces, last=True))
        if include_usage:
            yield event(self._piece(None) | {"usage": self.usage().model_dump(mode="json")})
        yield DONE

    def _piece(self, text: str | None, *, first: bool = False, last: bool = False) -> dict[str, Any]:
        """One event; without choices where there is no text."""
        extra: dict[str, Any] = {"cascade": self.cascade} if last else {}
        if self._chat:
            delta = ChoiceDelta(content=text, role="assistant" if first else None)
            choice = ChunkChoice(delta=delta, index=0, finish_reason="stop" if last else None)
            return ChatCompletionChunk(
                id=self._id,
                choices=[] if text is None else [choice],
                created=self._created,
                model=self._plan,
                object="chat.completion.chunk",
                **extra,
            ).model_dump(mode="json", exclude_unset=True)
        chunk = {"text": text, "index": 0, "logprobs": None, "finish_reason": "stop" if last else None}
        return {
            "id": self._id,
            "object": "text_completion",
            "created": self._created,
            "model": self._plan,
            "choices": [] if text is None else [chunk],
            **extra,
        }


def model_card(name: str, created: int, **extra: Any) -> dict[str, Any]:
    """An entry of ``/v1/models``."""
    card = Model(id=name, created=created, object="model", owned_by="cascade", **extra)
    return card.model_dump(mode="json")


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
