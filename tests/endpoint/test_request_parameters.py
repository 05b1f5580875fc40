"""The parameters of a chat completion: types and ranges, what becomes of others, and what each of them does."""

from __future__ import annotations

import math

import pytest
from asking import AZURE, CHAT_ROUTES, LARGE, MODELS, OPENAI, PROMPT, chat, send
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tool_requests import WEATHER

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.fault import FIELDS
from mistral_on_azure.endpoint.local.timing import FIELDS as PACES
from mistral_on_azure.endpoint.models.tokens import tokenize
from mistral_on_azure.endpoint.serving.request_parameters import EXTRA, PARAMETERS, check_response_format, validate

NAMES = "Suggest a name for a language school."
FUNCTION = {"type": "function", "function": {"name": "get_weather"}}
RIGHT = {
    "model": ["mistralai-Mistral-7B-Instruct-v02"],
    "temperature": [0, 0.0, 1, 2.5, 1e308],
    "top_p": [1, 1.0, 0.1, 5e-324],
    "max_tokens": [1, 5, 5.0, 8000],
    "stop": ["x", [], ["a", "b"]],
    "presence_penalty": [-2, 0, 2.0],
    "frequency_penalty": [-2.0, 0, 2],
    "seed": [0, -1, 2**63 - 1, 3.0],
    "stream": [True, False, "True", "true", "False", "false"],
    "response_format": [{"type": "text"}, {}],
    "tool_choice": ["none"],
    "logprobs": [True, False],
    "n": [1, 16, 2.0],
    "logit_bias": [{}, {"5": 1, "7": -100.0, "8": 100}],
    "safe_prompt": [True, False],
    "random_seed": [7, -7],
    "parallel_tool_calls": [True, False],
    "max_completion_tokens": [1, 8000],
    "user": ["me", ""],
}
NO_NUMBER: list = ["1", True, [], {}]
NO_BOOLEAN: list = ["true", 1, 0, [], {}]
WRONG = {
    "model": [1, True, [], {}],
    "temperature": [-0.1, -1, 10**400, *NO_NUMBER],
    "top_p": [0, 0.0, -1, 1.1, 2, *NO_NUMBER],
    "max_tokens": [0, -1, 1.5, 2**63, 10**4299, *NO_NUMBER],
    "stop": [1, True, {}, [1], ["a", None]],
    "presence_penalty": [-2.1, 2.1, *NO_NUMBER],
    "frequency_penalty": [-2.1, 2.1, *NO_NUMBER],
    "seed": [1.5, 2**63, -(2**63) - 1, *NO_NUMBER],
    "stream": ["yes", "TRUE", 1, 0, [], {}],
    "response_format": ["text", 1, [], {"type": "json_object"}, {"type": "json_schema"}, {"type": None}, {"type": 1}],
    "tools": ["x", 1, {}, True],
    "tool_choice": ["maybe", 1, [], {}, {"type": "x", "function": {"name": "f"}}, {"function": {"name": 1}}],
    "logprobs": NO_BOOLEAN,
    "top_logprobs": [-1, 21, 1.5, *NO_NUMBER],
    "n": [0, 17, 1.5, 10**30, *NO_NUMBER],
    "logit_bias": ["x", [], {"a": 1}, {"5": 101}, {"5": -101}, {"5": "1"}, {"5": True}, {"²": 1}, {"--5": 1}],
    "safe_prompt": NO_BOOLEAN,
    "random_seed": [1.5, *NO_NUMBER],
    "stream_options": ["x", 1, [], {"include_usage": 1}, {"include_usage": "yes"}],
    "parallel_tool_calls": NO_BOOLEAN,
    "max_completion_tokens": [0, 1.5, *NO_NUMBER],
    "user": [1, True, [], {}],
}
EXTRAS = [name for name, rule in PARAMETERS.items() if rule.extra]


def pairs(table: dict[str, list]) -> list:
    return [pytest.param(name, value, id=f"{name}={value!r:.20}") for name, values in table.items() for value in values]


def test_every_parameter_is_in_the_tables():
    needs_another = {"messages", "tools", "top_logprobs", "stream_options"}
    assert set(RIGHT) == set(PARAMETERS) - needs_another
    assert set(WRONG) == set(PARAMETERS) - {"messages"}


@pytest.mark.parametrize(("name", "value"), pairs(RIGHT))
def test_what_is_in_range_is_answered(name, value):
    for path in CHAT_ROUTES:
        assert chat(path=path, headers={"extra-parameters": "pass-through"}, **{name: value}).status == 200


@pytest.mark.parametrize(("name", "value"), pairs(WRONG))
def test_what_is_out_of_range_is_422_and_says_which_and_what(name, value):
    for path in CHAT_ROUTES:
        got = chat(path=path, headers={"extra-parameters": "pass-through"}, **{name: value})
        assert (got.status, got.code, got.json["param"]) == (422, "parameter_not_supported", name)
        assert got.json["detail"]["loc"] == ["body", name]
        inner = value["type"] if name == "response_format" and isinstance(value, dict) else value
        assert got.json["detail"]["input"] == inner


@pytest.mark.parametrize("name", PARAMETERS)
def test_null_is_not_given(name):
    if name == "messages":
        assert chat(None).status == 422
        return
    for path in CHAT_ROUTES:
        assert chat(path=path, headers={"extra-parameters": "pass-through"}, **{name: None}).status == 200


def test_json_mode_is_refused_as_azure_documents_it():
    got = chat(response_format={"type": "json_object"})
    assert got.status == 422
    assert {name: got.json[name] for name in ("status", "code", "detail", "message")} == {
        "status": 422,
        "code": "parameter_not_supported",
        "detail": {"loc": ["body", "response_format"], "input": "json_object"},
        "message": "One of the parameters contain invalid values.",
    }


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 25)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([2**63, -(2**63), 10**400, 1e308, 5.0])
    | st.sampled_from(["auto", "any", "required", "none", "text", "function", "5"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "function", "name", "include_usage", "5", "²"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(st.sampled_from([name for name in PARAMETERS if name not in ("messages", "tools")]), VALUES)
def test_the_schema_of_a_parameter_and_its_check_agree(name, value):
    body = {name: value}
    if name == "stream_options":
        body["stream"] = True
    if name == "top_logprobs":
        body["logprobs"] = True
    if name == "tool_choice":
        body["tools"] = [WEATHER]
    try:
        check_response_format(validate(body, "pass-through"), False)
        fits = True
    except ApiError:
        fits = False
    too_large = isinstance(value, int) and abs(value) > 1e308  # which a schema does not forbid
    assert fits == (value is None or (Draft202012Validator(PARAMETERS[name].schema).is_valid(value) and not too_large))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.sampled_from(sorted({*FIELDS, *PACES})), VALUES)
def test_the_schema_of_a_field_and_its_check_agree(name, value):
    field = FIELDS.get(name) or PACES[name]
    if field.schema and not (isinstance(value, float) and value.is_integer()):
        assert field.fits(value) == Draft202012Validator(field.schema).is_valid(value)


@pytest.mark.parametrize("name", [*EXTRAS, "top_k", "my own"])
def test_extra_parameters(name):
    """Azure's routes refuse them unless a header says otherwise; the other one expects what OpenAI does."""
    extra = {name: RIGHT.get(name, [1])[0], **({"stream": True} if name == "stream_options" else {})}
    if name == "stream_options":
        extra[name] = {"include_usage": True}
    if name == "top_logprobs":
        extra["logprobs"] = True
    for path in CHAT_ROUTES:
        for header in (None, *EXTRA):
            got = chat(path=path, headers={"extra-parameters": header} if header else {}, **extra)
            if (header or ("pass-through" if path == OPENAI else "error")) != "error":
                assert got.status == 200
                continue
            assert (got.status, got.code) == (400, "extra_parameter")
            assert got.message.startswith("Extra parameters [") and f"'{name}'" in got.message
            assert "Set extra-parameters to 'pass-through'" in got.message


def test_what_is_dropped_has_no_effect_and_is_not_checked():
    header = {"extra-parameters": "drop"}
    assert len(chat(headers=header, n=3).json["choices"]) == 1
    assert chat(headers=header, n="many", safe_prompt=3).status == 200
    assert chat(headers=header, temperature="hot").status == 422


@pytest.mark.parametrize("value", ["allow", "passthrough", "", "Error"])
def test_an_extra_parameters_header_that_does_not_exist(value):
    for path in CHAT_ROUTES:
        got = chat(path=path, headers={"extra-parameters": value})
        assert (got.status, got.json["param"]) == (400, "extra-parameters")
        assert "['error', 'drop', 'pass-through']" in got.message


@pytest.mark.parametrize(
    ("parameters", "param"),
    [
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream_options": {}, "stream": False}, "stream_options"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"top_logprobs": 2, "logprobs": False}, "top_logprobs"),
    ],
)
def test_a_part_of_what_was_not_asked_for(parameters, param):
    got = chat(**parameters)
    assert (got.status, got.json["param"]) == (422, param)


def test_other_names_of_the_same():
    assert chat(max_completion_tokens=3).usage == chat(max_tokens=3).usage == chat(max_tokens=3.0).usage
    assert chat(max_tokens=9, max_completion_tokens=3).usage[1] == 3
    assert chat(max_tokens=3, max_completion_tokens=9).usage[1] == 9
    one, other = ({name: 11, "temperature": 1.5} for name in ("seed", "random_seed"))
    assert chat(NAMES, **one).text == chat(NAMES, **other).text


def test_n_choices():
    parameters = {"n": 5, "temperature": 1.5, "seed": 1}
    got = chat(NAMES, **parameters)
    texts = [choice["message"]["content"] for choice in got.json["choices"]]
    assert [choice["index"] for choice in got.json["choices"]] == [0, 1, 2, 3, 4]
    assert len(set(texts)) > 1
    assert got.usage[1] == sum(len(tokenize(text).ids) for text in texts)
    assert got.usage[0] == chat(NAMES).usage[0]
    streamed = ["" for _ in texts]
    for chunk in chat(NAMES, stream=True, **parameters).chunks:
        for choice in chunk["choices"]:
            streamed[choice["index"]] += choice["delta"].get("content", "")
    assert streamed == texts


def test_the_same_seed_gives_the_same_answer_and_others_give_others():
    texts = {seed: chat(NAMES, temperature=1.5, seed=seed).text for seed in range(20)}
    assert len(set(texts.values())) > 2
    for path in (AZURE, MODELS):
        assert all(chat(NAMES, path, temperature=1.5, seed=seed).text == text for seed, text in texts.items())


def test_logit_bias_bans_and_favours():
    likeliest = chat(NAMES).text
    token = tokenize(likeliest).ids[0]
    assert chat(NAMES, logit_bias={str(token): -100}).text != likeliest
    assert chat(NAMES, logit_bias={str(token): 100}).text == likeliest


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("top", [None, 0, 1, 5, 20])
def test_logprobs(stream, top):
    asked = {"logprobs": True, **({} if top is None else {"top_logprobs": top})}
    got = chat(PROMPT, stream=stream, max_tokens=12, **asked)
    if stream:
        listed = [
            choice["logprobs"]["content"] for chunk in got.chunks for choice in chunk["choices"] if choice["logprobs"]
        ]
        entries = [entry for entries in listed for entry in entries]
    else:
        entries = got.json["choices"][0]["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == got.text
    for entry in entries:
        assert len(entry["top_logprobs"]) == (top or 0)
        assert sum(math.exp(other["logprob"]) for other in entry["top_logprobs"]) <= 1
        assert not top or entry["token"] in [other["token"] for other in entry["top_logprobs"]]


def test_without_asking_there_are_no_logprobs():
    assert chat().json["choices"][0]["logprobs"] is None
    assert chat(logprobs=False).json["choices"][0]["logprobs"] is None


def test_tool_parameters_are_for_the_deployment_that_calls_tools():
    asked = {"tools": [WEATHER], "tool_choice": FUNCTION}
    assert chat("Weather in Paris?", model=LARGE, **asked).json["choices"][0]["finish_reason"] == "tool_calls"
    refused = chat("Weather in Paris?", **asked)
    assert (refused.status, refused.code, refused.json["param"]) == (422, "parameter_not_supported", "tools")


def test_a_body_that_is_no_object_of_parameters():
    for body in (b"", b"{", b"[]", b"null", b'"x"', b"{}x", b'{"messages": NaN}', b"\xff", b"[" * 50_000):
        got = send("POST", OPENAI, body)
        assert (got.status, got.code) == (400, "invalid_json")
