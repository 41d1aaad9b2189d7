"""A request's parameters, and what to send instead where a model refuses some of them."""

import re
from collections.abc import Mapping
from typing import Any

RENAMED = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
OPTIONAL = ("temperature", "top_p", "seed", "stop", "n", "stream_options")
BY_VALUE = ("temperature", "top_p")
_ONE_OF = re.compile(r"\bboth\b|only one", re.IGNORECASE)
_UNSUPPORTED = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|extra (?:inputs|fields)|not permitted"
    r"|not allowed|deprecated|only the default|not available|invalid parameter|must be set to"
    r"|use '?max_completion_tokens|only supports?|cannot (?:both )?be|strictly positive|greater than 0"
    r"|must be positive|only one of|use only one|only \w+ ?= ?\w+ is",
    re.IGNORECASE,
)


class Parameters:
    """What a model takes: learnt from what it refuses."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._names: dict[str, str] = {}
        self._left_out: set[str] = set()
        # Of what a model takes in part: temperature 0 but no other, or the other way round.
        self._values: set[tuple[str, Any]] = set()
        self._streamed = False
        self.notes: list[str] = []

    def body(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a request; null leaves one out."""
        fields = {self._names.get(key, key): value for key, value in options.items()}
        if self._streamed:
            fields |= {"stream": True, "stream_options": {"include_usage": True}}
        return {
            key: value
            for key, value in fields.items()
            if key not in self._left_out and value is not None and not self._refused(key, value)
        }

    def _refused(self, key: str, value: Any) -> bool:
        return key in BY_VALUE and (key, value) in self._values

    def adapt(self, sent: Mapping[str, Any], parameter: str | None, said: str) -> bool:
        """Learn from a refusal; says whether the request is worth another try."""
        if _UNSUPPORTED.search(said) is None:
            return False
        if re.search(r"\bstream\b", said) and "stream" not in sent:
            self._streamed = True
            self._note("answers as a stream only: asked so")
            return True
        if {"temperature", "top_p"} <= sent.keys() and re.search(r"\btop_p\b", said) and _ONE_OF.search(said):
            # The temperature is what a study's draws are made by.
            self._left_out.add("top_p")
            self._note("does not take top_p beside temperature: top_p is left out")
            return True
        named = [key for key in sent if key == parameter]
        named += [key for key in (*RENAMED, *OPTIONAL) if key in sent and re.search(rf"\b{key}\b", said)]
        for key in named:
            if key in RENAMED:
                other = RENAMED[key]
                if self._names.get(other) == key:  # the other name was refused before
                    return False
                self._names[key] = other
                self._note(f"does not take {key}: {other} is sent instead")
                return True
            if key in BY_VALUE:
                self._values.add((key, sent[key]))
                whose = "greedy" if sent[key] == 0 else "sampled"
                what = f"; the {whose} samples are drawn at the server's own temperature"
                what = what if key == "temperature" else ""
                self._note(f"does not take {key} {sent[key]:g}: left out{what}")
                return True
            if key in OPTIONAL:
                self._left_out.add(key)
                self._note(f"does not take {key}: left out")
                return True
        return False

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
