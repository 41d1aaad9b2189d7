"""What servers really send, read right or refused in one line."""

import json

import pytest
from hypothesis import given, settings, strategies as st

from cascade.base import CascadeError
from cascade.generate.remote.parameters import Parameters
from cascade.generate.remote.protocol import read_answer

URL = "http://127.0.0.1:1/v1"


def chat(content: object, finish: str = "stop", usage: object = None, **message: object) -> str:
    choice = {"index": 0, "message": {"content": content} | message, "finish_reason": finish}
    return json.dumps({"choices": [choice], "usage": usage})


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (chat("a"), "a"),
        (chat([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), "ab"),
        (
            chat(
                [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
                    {"type": "text", "text": "a"},
                ]
            ),
            "<think>\nt\n</think>\n\na",
        ),
        (chat(None, reasoning_content="t"), "<think>\nt\n</think>\n\n"),
        (chat("", "length", reasoning="t"), "<think>\nt"),
        (chat(None), ""),
        (
            'data: {"choices":[{"delta":{"content":"a"}}]}\ndata: {"choices":[{"delta":{"content":"b"}}]}\n',
            "ab",
        ),
        (json.dumps({"choices": [{"text": None}]}), ""),
        ("\ufeff" + chat("a"), "a"),
        (chat(None, thinking="t"), "<think>\nt\n</think>\n\n"),
        (chat(None, refusal="I will not."), "I will not."),
        (
            chat(None, tool_calls=[{"function": {"name": "run", "arguments": '{"code": "x"}'}}]),
            '{"code": "x"}',
        ),
        (chat(None, function_call={"name": "run", "arguments": '{"code": "x"}'}), '{"code": "x"}'),
        (chat("", "length", reasoning_details=[{"type": "reasoning.text", "text": "t"}]), "<think>\nt"),
        (json.dumps({"choices": [{"delta": {"content": "a"}}]}), "a"),
        (json.dumps({"choices": [{"message": "a"}]}), "a"),
        ('data: "ping"\ndata: {"choices":null}\ndata: {"choices":[{"delta":{"content":"a"}}]}\n', "a"),
        (": ping\n\n" + 'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n', "a"),
    ],
)
def test_texts(body: str, text: str) -> None:
    assert read_answer("application/json", body, URL).choices[0].text == text


@pytest.mark.parametrize(
    ("said", "ended"),
    [
        *(
            ("stop", None),
            ("length", "length"),
            ("MAX_TOKENS", "length"),
            ("content_filter", "content_filter"),
        ),
        *(("SAFETY", "content_filter"), (None, None), (7, None), ("tool_calls", None)),
    ],
)
def test_how_a_text_ended(said: object, ended: str | None) -> None:
    body = json.dumps({"choices": [{"message": {"content": "a"}, "finish_reason": said}]})
    assert read_answer("application/json", body, URL).choices[0].finish == ended


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"completion_tokens": 5}, 5),
        ({"completion_tokens": 0}, None),
        (None, None),
        ({"prompt_tokens": 2, "total_tokens": 9}, 7),
        ({"completion_tokens": "5", "prompt_tokens": "2"}, 5),
        ({"completion_tokens": None, "prompt_tokens": 2, "total_tokens": 9}, 7),
        ({"completion_tokens": float("nan")}, None),
        ("20", None),
    ],
)
def test_usage(usage: object, tokens: int | None) -> None:
    assert read_answer("application/json", chat("a", usage=usage), URL).tokens == tokens


@pytest.mark.parametrize(
    "body",
    [
        "<!doctype html>",
        "",
        "[]",
        '{"detail": "x"}',
        '{"choices": []}',
        '{"choices": [{}]}',
        '{"error": {"message": "x"}}',
    ],
)
def test_what_is_not_the_protocol_names_the_address(body: str) -> None:
    with pytest.raises(CascadeError, match=f"generator.base_url={URL}"):
        read_answer("text/html", body, URL)


def test_choices_in_any_order() -> None:
    choices = [{"index": i, "message": {"content": str(i)}, "finish_reason": "stop"} for i in (2, 0, 1)]
    read = read_answer("application/json", json.dumps({"choices": choices}), URL)
    assert [one.text for one in read.choices] == ["0", "1", "2"]


def test_a_temperature_is_left_out_by_its_value() -> None:
    parameters = Parameters()
    greedy, drawn = {"temperature": 0.0}, {"temperature": 0.8, "top_p": 0.95}
    assert parameters.adapt(greedy, None, "`temperature` must be strictly positive")
    assert parameters.body(greedy) == {} and parameters.body(drawn) == drawn
    assert parameters.adapt(drawn, None, "`temperature` and `top_p` cannot both be specified; use only one")
    assert parameters.body(drawn) == {"temperature": 0.8}


def test_parameters_that_a_model_refuses() -> None:
    parameters = Parameters()
    options = {"model": "m", "max_tokens": 9, "temperature": 0.0, "seed": 1}
    assert parameters.adapt(
        options, "max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    )
    assert parameters.adapt(options, None, "Unsupported value: 'temperature' does not support 0.0")
    assert parameters.body(options) == {"model": "m", "max_completion_tokens": 9, "seed": 1}
    assert not parameters.adapt(options, None, "max_tokens is too large: 9; the maximum is 8")
    assert len(parameters.notes) == 2
    assert (
        parameters.adapt(options, None, "stream must be set to true")
        and parameters.body(options)["stream"] is True
    )


KEYS = st.sampled_from(
    [
        *("choices", "message", "delta", "content", "text", "usage", "completion_tokens", "error", "index"),
        *("type", "reasoning_details", "tool_calls", "function", "arguments", "finish_reason", "token_ids"),
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(ANYTHING, st.booleans(), st.booleans())
def test_whatever_comes_is_an_answer_or_one_line(value: object, streamed: bool, wrapped: bool) -> None:
    value = {"choices": [{"message": value, "finish_reason": value}], "usage": value} if wrapped else value
    body = f"data: {json.dumps(value)}\n\n" if streamed else json.dumps(value)
    try:
        answer = read_answer("application/json", body, URL)
    except CascadeError as error:
        assert URL in str(error) and "\n" not in str(error)
    else:
        assert all(isinstance(choice.text, str) for choice in answer.choices)


def test_one_text_of_several_that_failed_is_no_empty_answer() -> None:
    body = json.dumps({"choices": [{"message": {"content": ""}, "error": {"message": "upstream gone"}}]})
    with pytest.raises(CascadeError, match="an error with status 200: upstream gone"):
        read_answer("application/json", body, URL)
