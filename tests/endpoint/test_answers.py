"""Answers: which one is picked, where it is cut, and that all of it repeats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistral_on_azure.endpoint.models.completions import logprobs
from mistral_on_azure.endpoint.models.sampling import cut
from mistral_on_azure.endpoint.models.tokens import count, tokenize
from scripted import complete, script, unknown_prompt

PROMPT = "How many languages are in the world?"
NAMES, CHANT = "Suggest a name for a language school.", "Write a chant for a team of translators."
FIRST = script()[None, PROMPT][0]


@given(st.integers(1, 100))
def test_max_tokens_cuts_to_the_token(limit):
    completion = cut(FIRST, limit, None)
    assert len(completion.ids) == len(completion.pieces) == min(limit, 72)
    assert completion.text == "".join(completion.pieces) == "".join(tokenize(FIRST).pieces[:limit])
    assert completion.finish_reason == ("length" if limit <= 72 else "stop")


@pytest.mark.parametrize(
    ("stop", "text", "tokens"),
    [(["7,000"], "As of now, it's estimated that there are about ", None), (",", "As of now", 4), (["As"], "", 1)],
)
def test_stop_cuts_before_the_word_and_counts_what_was_generated(stop, text, tokens):
    completion = cut(FIRST, None, stop)
    assert completion.text == "".join(completion.pieces) == text and completion.finish_reason == "stop"
    assert tokens is None or len(completion.ids) == tokens


def test_a_stop_word_that_does_not_occur_changes_nothing():
    assert cut(FIRST, None, ["<|endoftext|>", ""]).text == FIRST


def test_whichever_limit_comes_first_decides():
    assert cut(FIRST, 3, [","]).finish_reason == "length"
    assert cut(FIRST, 60, [","]).finish_reason == "stop"
    assert cut(FIRST, 4, [","]).finish_reason == "stop"


def test_an_unknown_prompt_gets_an_honest_answer():
    answer = complete(None, "What is the capital of Atlantis?", {}).text
    assert answer == unknown_prompt()
    assert "local endpoint" in answer and "AZURE_INFERENCE_ENDPOINT" in answer


def test_without_temperature_the_likeliest_answer_wins():
    assert complete(None, PROMPT, {}).text == FIRST
    assert complete(None, PROMPT, {"presence_penalty": 0.1, "frequency_penalty": 0.8, "temperature": 0}).text == FIRST


def picks(prompt: str, **parameters) -> set[str]:
    return {complete(None, prompt, {**parameters, "seed": seed}).text for seed in range(60)}


def test_each_sampling_parameter_does_something():
    assert len(picks(NAMES, temperature=0.2)) < len(picks(NAMES, temperature=1.5))
    assert len(picks(NAMES, temperature=1.5, top_p=0.1)) == 1
    assert complete(None, CHANT, {"frequency_penalty": 0.8}).text != complete(None, CHANT, {}).text
    assert complete(None, CHANT, {"presence_penalty": 2.0}).text != complete(None, CHANT, {}).text


def test_the_same_request_gets_the_same_answer():
    parameters = {"temperature": 1.0, "seed": 7}
    assert complete(None, NAMES, parameters) == complete(None, NAMES, parameters)


@pytest.mark.parametrize("top", [0, 1, 2, 5, 20])
def test_logprobs_are_well_formed(top):
    import math

    completion = cut(FIRST, None, None)
    first, again = logprobs(completion, top), logprobs(completion, top)
    assert first == again and len(first["content"]) == count(FIRST)
    for entry, piece in zip(first["content"], completion.pieces, strict=True):
        listed = entry["top_logprobs"]
        assert entry["token"] == piece and entry["logprob"] <= 0 and bytes(entry["bytes"]).decode() == piece
        assert len(listed) == top
        assert sum(math.exp(item["logprob"]) for item in listed) <= 1
        assert not listed or any(item["token"] == piece and item["logprob"] == entry["logprob"] for item in listed)
        assert listed == sorted(listed, key=lambda item: -item["logprob"])
