"""What an endpoint of Azure does on the wire, asked of an engine: one question, one function, yes or no."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import requests

from engines import Served

_TIMEOUT = 60  # seconds
_API_VERSION = "?api-version=2024-05-01-preview"
_ASKING = [{"role": "user", "content": "Count from one to ten in Spanish."}]
_TOOL = {
    "type": "function",
    "function": {
        "name": "speakers",
        "description": "How many people speak a language",
        "parameters": {"type": "object", "properties": {"language": {"type": "string"}}, "required": ["language"]},
    },
}
Question = Callable[["Wire"], bool]
QUESTIONS: dict[str, Question] = {}


class Wire:
    """Requests to one engine."""

    def __init__(self, served: Served) -> None:
        self.served = served

    def get(self, path: str) -> requests.Response:
        return requests.get(self.served.url + path, headers=self._bearer(), timeout=_TIMEOUT)

    def post(
        self, path: str = "/v1/chat/completions", headers: dict[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """Send a chat completion; `more` goes into its body."""
        body = {"model": self.served.model, "messages": _ASKING, "max_tokens": 8, **more}
        sent = self._bearer() if headers is None else headers
        return requests.post(self.served.url + path, json=body, headers=sent, timeout=_TIMEOUT)

    def choice(self, **more: Any) -> dict[str, Any]:
        return self.post(**more).json()["choices"][0]

    def usage(self, **more: Any) -> dict[str, int]:
        return self.post(**more).json()["usage"]

    def events(self, **more: Any) -> list[dict[str, Any]]:
        lines = self.post(stream=True, **more).text.splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.served.key}"}


def ask_everything(served: Served) -> dict[str, bool]:
    """The answers by question; an engine that cannot even be asked says no."""
    return {title: _answer(question, Wire(served)) for title, question in QUESTIONS.items()}


def _answer(question: Question, wire: Wire) -> bool:
    try:
        return question(wire)
    except (requests.RequestException, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return False


def _asked(title: str) -> Callable[[Question], Question]:
    def keep(question: Question) -> Question:
        QUESTIONS[title] = question
        return question

    return keep


@_asked("answers at `/v1/chat/completions`")
def _v1(wire: Wire) -> bool:
    return "content" in wire.choice()["message"]


@_asked("answers at `/chat/completions`, where the Azure SDK and LiteLLM ask")
def _azure_route(wire: Wire) -> bool:
    return "content" in wire.choice(path=f"/chat/completions{_API_VERSION}")["message"]


@_asked("names its model at `/info`")
def _info(wire: Wire) -> bool:
    return bool(wire.get(f"/info{_API_VERSION}").json()["model_name"])


@_asked("lists its models at `/v1/models`")
def _models(wire: Wire) -> bool:
    return bool(wire.get("/v1/models").json()["data"][0]["id"])


@_asked("takes the key in the header `api-key` alone")
def _api_key(wire: Wire) -> bool:
    return wire.post(headers={"api-key": wire.served.key}).ok


@_asked("refuses a wrong key with 401")
def _wrong_key(wire: Wire) -> bool:
    return wire.post(headers={"Authorization": "Bearer wrong"}).status_code == 401


@_asked("takes the name of a deployment that it does not know")
def _any_model(wire: Wire) -> bool:
    return wire.post(model="mistralai-Mistral-7B-Instruct-v01").ok


@_asked("refuses an empty list of messages")
def _no_messages(wire: Wire) -> bool:
    return wire.post(messages=[]).status_code in (400, 422)


@_asked("refuses a temperature of -1")
def _cold(wire: Wire) -> bool:
    return wire.post(temperature=-1).status_code in (400, 422)


@_asked("states a usage that adds up")
def _sum(wire: Wire) -> bool:
    usage = wire.usage()
    return usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]


@_asked("counts more tokens for a longer prompt")
def _counts(wire: Wire) -> bool:
    longer = wire.usage(messages=[{"role": "user", "content": "Count. " * 50}])
    return longer["prompt_tokens"] > wire.usage()["prompt_tokens"]


@_asked("keeps to `max_tokens` and says `length`")
def _length(wire: Wire) -> bool:
    answer = wire.post(max_tokens=3).json()
    return answer["usage"]["completion_tokens"] <= 3 and answer["choices"][0]["finish_reason"] == "length"


@_asked("ends before a `stop` sequence")
def _stop(wire: Wire) -> bool:
    word = wire.choice(temperature=0, max_tokens=20)["message"]["content"].split()[2]
    return word not in wire.choice(temperature=0, max_tokens=20, stop=[word])["message"]["content"]


@_asked("gives the same answer to the same `seed`, and other answers to others")
def _seed(wire: Wire) -> bool:
    texts = [wire.choice(seed=seed, temperature=1.5)["message"]["content"] for seed in (5, 5, 6, 7)]
    return texts[0] == texts[1] and len(set(texts)) > 1


@_asked("streams more than one event")
def _stream(wire: Wire) -> bool:
    return len([event for event in wire.events() if event["choices"]]) > 2


@_asked("states usage in a stream when asked for it")
def _stream_usage(wire: Wire) -> bool:
    return any(event.get("usage") for event in wire.events(stream_options={"include_usage": True}))


@_asked("states usage in a stream that did not ask for it")
def _usage_unasked(wire: Wire) -> bool:
    return any(event.get("usage") for event in wire.events())


@_asked("gives JSON for `response_format: json_object`")
def _json(wire: Wire) -> bool:
    question = "One language as a JSON object with the keys language and speakers_millions."
    asked = {"messages": [{"role": "user", "content": question}], "max_tokens": 200, "temperature": 0}
    return isinstance(
        json.loads(wire.choice(response_format={"type": "json_object"}, **asked)["message"]["content"]), dict
    )


@_asked("gives log probabilities")
def _logprobs(wire: Wire) -> bool:
    return wire.choice(logprobs=True, top_logprobs=2)["logprobs"]["content"][0]["logprob"] <= 0


@_asked("obeys `extra-parameters: error`")
def _extra_parameters(wire: Wire) -> bool:
    headers = {"Authorization": f"Bearer {wire.served.key}", "extra-parameters": "error"}
    return wire.post(path=f"/chat/completions{_API_VERSION}", headers=headers, nobody_knows=1).status_code == 400


@_asked("calls a tool that it has to call (`required`)")
def _tool(wire: Wire) -> bool:
    return _called(wire, "required")


@_asked("calls a tool that it has to call (`any`, as MistralAI and LangChain say it)")
def _tool_any(wire: Wire) -> bool:
    return _called(wire, "any")


@_asked("tells the quota in headers")
def _quota(wire: Wire) -> bool:
    return any(name.lower().startswith("x-ratelimit-remaining") for name in wire.post().headers)


def _called(wire: Wire, choice: str) -> bool:
    asked = {"tools": [_TOOL], "tool_choice": choice, "max_tokens": 100, "temperature": 0}
    (call,) = wire.choice(messages=[{"role": "user", "content": "How many people speak Spanish?"}], **asked)["message"][
        "tool_calls"
    ]
    return call["function"]["name"] == "speakers" and isinstance(json.loads(call["function"]["arguments"]), dict)
