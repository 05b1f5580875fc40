"""The scoring route of managed compute (`/score`): parses its payload and its sampling parameters."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.models.messages import refuse_filtered
from mistral_on_azure.endpoint.serving.container_answers import failed
from mistral_on_azure.endpoint.transport.contents import read_as_python

_LENGTHS = ("max_new_tokens", "max_gen_len", "max_tokens")
_PENALTIES = ("presence_penalty", "frequency_penalty")
_NUMBERS = ("temperature", "top_p", *_PENALTIES)
_LARGEST = sys.float_info.max  # an integer above it is no temperature


def read_score(body: bytes, filtered: Sequence[str]) -> tuple[list[tuple[str, str]], dict[str, Any]] | None:
    """Parse a request to the scoring route.

    Args:
        body: the request body.
        filtered: texts that content safety refuses.

    Returns:
        The turns (role, text) and the parameters; None for an invalid or filtered payload, to which the response is
        `{}`. An unpaired surrogate, which no tokenizer takes, makes a payload invalid.

    Raises:
        Refused: 500 for a body that is not JSON, or is nested too deeply.
    """
    try:
        data = read_as_python(body)
    except (ValueError, RecursionError) as error:
        raise failed(str(error)) from None
    given = data.get("input_data") if isinstance(data, dict) else None
    if not isinstance(given, dict):
        return None
    turns, parameters = given.get("input_string"), given.get("parameters", {})
    if not isinstance(turns, list) or not turns or not isinstance(parameters, dict):
        return None
    for place, turn in enumerate(turns):
        expected = "user" if place % 2 == 0 else "assistant"
        if not isinstance(turn, dict) or turn.get("role") != expected or not isinstance(turn.get("content"), str):
            return None
    if any(isinstance(value, float) and not math.isfinite(value) for value in parameters.values()):
        return None
    try:
        for turn in turns:
            turn["content"].encode()
            refuse_filtered(turn["content"], filtered)
    except (ApiError, UnicodeEncodeError):
        return None
    return [(turn["role"], turn["content"]) for turn in turns], parameters


def score_parameters(parameters: dict[str, Any]) -> dict[str, Any] | None:
    """The sampling parameters by their names in a chat completion.

    Unlike in a chat completion, a number must not be written as a string.

    Returns:
        The parameters; None where the engine would refuse them, for which the response has the output `"None"`.
    """
    limit = next((parameters[name] for name in _LENGTHS if name in parameters), None)
    temperature, top_p = parameters.get("temperature", 1.0), parameters.get("top_p", 1.0)
    numbers = [parameters[name] for name in _NUMBERS if name in parameters]
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in numbers):
        return None
    if (
        not 0 <= temperature <= _LARGEST
        or not 0 < top_p <= 1
        or "best_of" in parameters
        or parameters.get("use_beam_search")
    ):
        return None
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        return None
    if any(abs(parameters.get(name, 0)) > 2 for name in _PENALTIES):
        return None
    stop = parameters.get("stop")
    stops = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(stops, list) or not all(isinstance(each, str) and each for each in stops):
        return None
    greedy = parameters.get("do_sample") is False
    return {"temperature": 0.0 if greedy else temperature, "top_p": top_p, "max_tokens": limit, "stop": stop}
