"""The scoring route of managed compute (`/score`): its payload, its sampling parameters, and its response."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.models.sampling import cut, pick
from mistral_on_azure.endpoint.models.script_entries import Question
from mistral_on_azure.endpoint.models.script_layers import Answers
from mistral_on_azure.endpoint.serving import engine_messages
from mistral_on_azure.endpoint.serving.container_answers import failed, written
from mistral_on_azure.endpoint.transport.contents import read_as_python
from mistral_on_azure.endpoint.transport.exchange import Answer

_TOKENS = 16  # completion tokens where no parameter limits them
_LENGTHS = ("max_new_tokens", "max_gen_len", "max_tokens")
_PENALTIES = ("presence_penalty", "frequency_penalty")
_NUMBERS = ("temperature", "top_p", *_PENALTIES)
_LARGEST = sys.float_info.max  # an integer above it is no temperature


def score(body: bytes, deployment: Deployment, session: Session, known: Answers) -> Answer:
    """Answer a request to the scoring route.

    The response to an invalid or filtered payload is `{}`. Where the engine would refuse the request, the response has
    the output `"None"`.

    Raises:
        Refused: 500 for a body that is not JSON, or is nested too deeply.
    """
    read = _read(body, known.filtered)
    if read is None:
        return Answer(200, b"{}")
    turns, given = read
    parameters = _sampling(given)
    longest = engine_messages.LONGEST_TOKEN[deployment.tokenizer] * deployment.context
    fits = parameters is not None and sum(len(text) for _, text in turns) <= longest
    prompt_tokens = engine_messages.count(turns, deployment.tokenizer) if fits else 0
    if not fits or prompt_tokens > deployment.context:
        return Answer(200, written({"output": "None"}))
    prompt = next(text for role, text in reversed(turns) if role == "user")
    found = session.script.find(known, Question(prompt, None, turns[-1][1], deployment.name))
    texts = (found.texts() if found else ()) or (known.unknown_prompt or "",)
    text = texts[pick(texts, prompt, parameters, 0)]
    completion = cut(text, parameters["max_tokens"] or _TOKENS, parameters["stop"], deployment.tokenizer)
    tokens = len(completion.ids)
    return Answer(200, written({"output": completion.text}), tokens=tokens, prompt_tokens=prompt_tokens)


def _read(body: bytes, filtered: Sequence[str]) -> tuple[list[tuple[str, str]], dict[str, Any]] | None:
    """The turns (role, text) and the parameters; None for an invalid or filtered payload.

    An unpaired surrogate, which no tokenizer takes, makes a payload invalid.
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
    said = [(turn["role"], turn["content"]) for turn in turns]
    try:
        "".join(text for _, text in said).encode()
    except UnicodeEncodeError:
        return None
    return None if any(each in text for _, text in said for each in filtered) else (said, parameters)


def _sampling(parameters: dict[str, Any]) -> dict[str, Any] | None:
    """The parameters by their names in a chat completion; None where the engine would refuse them.

    Unlike in a chat completion, a number must not be written as a string.
    """
    limit = next((parameters[name] for name in _LENGTHS if name in parameters), None)
    temperature, top_p = parameters.get("temperature", 1.0), parameters.get("top_p", 1.0)
    numbers = [parameters[name] for name in _NUMBERS if name in parameters]
    stop = parameters.get("stop")
    stops = [stop] if isinstance(stop, str) else stop or []
    if (
        any(isinstance(each, bool) or not isinstance(each, int | float) for each in numbers)
        or not 0 <= temperature <= _LARGEST
        or not 0 < top_p <= 1
        or any(abs(parameters.get(name, 0)) > 2 for name in _PENALTIES)
        or "best_of" in parameters
        or parameters.get("use_beam_search")
        or (limit is not None and (not isinstance(limit, int) or limit < 1))
        or not isinstance(stops, list)
        or not all(isinstance(each, str) and each for each in stops)
    ):
        return None
    greedy = parameters.get("do_sample") is False
    return {"temperature": 0.0 if greedy else temperature, "top_p": top_p, "max_tokens": limit, "stop": stop}
