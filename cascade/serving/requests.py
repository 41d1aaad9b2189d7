"""Requests of OpenAI's protocol: what is understood, what is refused, and what is told as ignored."""

import json
from abc import ABC, abstractmethod
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cascade.serving.prompt_function import NEEDED

# What a plan settles by itself; a request that sets them is answered, and told that they were ignored.
_HEEDED = frozenset(
    (
        *("model", "messages", "prompt", "stream", "stream_options", "n", "seed"),
        *("user", "metadata", "store"),
        *("budget_usd_per_1k", "min_accuracy", "deadline_s", "limit_usd"),
    )
)
_REFUSED = {
    "tools": "tools are not called",
    "functions": "functions are not called",
    "audio": "there is no audio",
    "suffix": "nothing is inserted before a suffix",
}


class ApiError(Exception):
    """What a client is told instead of an answer: a status and one line."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param, self.headers = status, code, param, headers or {}

    def body(self) -> dict[str, Any]:
        """As OpenAI's clients read it."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        message = " ".join(str(self).split())
        return {"error": {"message": message, "type": kind, "param": self.param, "code": self.code}}


class _Body(BaseModel, ABC):
    model_config = ConfigDict(extra="allow")

    model: str
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    n: int | None = Field(default=None, ge=1, le=1)
    seed: int | None = Field(default=None, ge=0)
    budget_usd_per_1k: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    min_accuracy: float | None = Field(default=None, ge=0, le=1)
    deadline_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    limit_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @property
    @abstractmethod
    def text(self) -> str:
        """What the function is looked for in."""

    def ignored(self) -> list[str]:
        """The fields that are set and ignored."""
        extra = self.model_extra or {}
        return sorted(key for key, value in extra.items() if value is not None and key not in _HEEDED)


class _Message(BaseModel):
    model_config = ConfigDict(extra="allow")

    role: str
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")
        return self.content or ""


class ChatRequest(_Body):
    """The body of ``/v1/chat/completions``; the last user's message is what is answered."""

    messages: list[_Message] = Field(min_length=1)

    @property
    def text(self) -> str:
        """The last message that a user wrote."""
        users = [message for message in self.messages if message.role == "user"]
        if not users:
            raise ApiError(400, f"messages: no message of the role user; {NEEDED}", "no_function", "messages")
        return users[-1].text

    def ignored(self) -> list[str]:
        """Messages but the last user's are ignored too."""
        last = max((i for i, m in enumerate(self.messages) if m.role == "user"), default=-1)
        others = sorted({m.role for i, m in enumerate(self.messages) if i != last and m.text})
        return [*super().ignored(), *(f"messages[{role}]" for role in others)]


class CompletionRequest(_Body):
    """The body of ``/v1/completions``."""

    prompt: str | list[str]

    @property
    def text(self) -> str:
        """The prompt, of which there is one."""
        if isinstance(self.prompt, str):
            return self.prompt
        if len(self.prompt) != 1:
            raise ApiError(400, "prompt: one prompt a request; send several requests", "one_prompt", "prompt")
        return self.prompt[0]


def parse(body: bytes, *, chat: bool) -> ChatRequest | CompletionRequest:
    """A request's body.

    Raises:
        ApiError: 400 with one line: not JSON, a field that is missing, out of range or not to be had.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        said = str(error).split(":")[0] if isinstance(error, ValueError) else "nested too deeply"
        raise ApiError(400, f"the body is not JSON ({said})", "not_json") from None
    if not isinstance(fields, dict):
        raise ApiError(400, "the body must be a JSON object", "not_json")
    for name, why in _REFUSED.items():
        if fields.get(name):
            raise ApiError(400, f"{name}: {why} here; leave it out", "not_supported", name)
    for name in ("logprobs", "top_logprobs", "echo"):
        if fields.get(name):
            why = f"{name}: is not given for an answer of several models"
            raise ApiError(400, why, "not_supported", name)
    form = fields.get("response_format")
    if isinstance(form, dict) and form.get("type", "text") != "text":
        raise ApiError(400, "response_format: answers are text", "not_supported", "response_format")
    try:
        return (ChatRequest if chat else CompletionRequest).model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        # Alternatives of a type are no part of the field's name.
        where = ".".join(str(part) for part in first["loc"] if part not in ("str", "list[str]"))
        message = f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        if first["type"] != "missing":
            message += f", not {json.dumps(first.get('input'), default=str)[:60]}"
        raise ApiError(400, message, "invalid_value", where) from None
