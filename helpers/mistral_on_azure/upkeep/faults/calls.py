"""What is measured: the faults, as requests that cause them at the local endpoint, and the calls of the clients.

Each fault lasts for every try of a call, so that the call shows how often its client tries.

Each call is as in its client's notebook and with its own defaults: no retries added, no timeout given. The function of
a client requests one chat completion and adds the text to `pieces` as it arrives: after a failure, that is what a user
has received. The client is imported in its function, so that a process which measures one client loads only that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import Any

from mistral_on_azure.catalog.clients import clients

RETRY_AFTER = 2  # seconds; longer than any client's own first wait, so that a client that obeys the header shows it
TIMEOUT = 2  # seconds, of the client; ChatMistralAI accepts whole numbers only
_NEVER = 30.0  # seconds: long after the timeout
_TRIES = 50  # more than any client makes
_WAITS = {"retry_after", "retry_after_date", "retry_after_ms", "x_ms_retry_after_ms"}
_PACE = 200.0  # tokens per second, so that a stream has begun before it breaks


@dataclass(frozen=True, slots=True)
class Case:
    """One fault.

    Attributes:
        name: its name in the JSON and on the page.
        fault: the body of `POST /local/faults`.
        stream: whether the client streams.
        timeout: the client's timeout in seconds; None leaves its default.
    """

    name: str
    fault: dict[str, Any]
    stream: bool = False
    timeout: int | None = None

    @property
    def retry_after(self) -> int | None:
        """The seconds that the answer's headers tell the client to wait; None without such a header."""
        return RETRY_AFTER if _WAITS.intersection(self.fault) else None


@dataclass(frozen=True, slots=True)
class Group:
    """Faults that belong together on the page."""

    title: str
    about: str
    cases: tuple[Case, ...]


def _status(status: int, retry_after: bool = False, stream: bool = False) -> Case:
    fault = {"status": status, "count": _TRIES, **({"retry_after": RETRY_AFTER} if retry_after else {})}
    return Case(f"{status}{' with Retry-After' if retry_after else ''}{' (streamed)' if stream else ''}", fault, stream)


def _refused(name: str, status: int = 429, **fault: Any) -> Case:
    return Case(f"{status} {name}", {"status": status, **fault, "count": _TRIES})


def _slow(name: str, stream: bool = False, **fault: float) -> Case:
    return Case(name, {**fault, "count": _TRIES}, stream, TIMEOUT)


def _broken(name: str, stream: bool = False, **fault: str) -> Case:
    paced = {"tokens_per_second": _PACE} if stream else {}
    return Case(f"{name} (streamed)" if stream else name, {**fault, **paced, "count": _TRIES}, stream)


GROUPS = (
    Group(
        "Refused",
        "Except for 408, the status says that the request is at fault, so it would be refused again. 410 is the status "
        "of a retired model, for which older pages of Azure name 404: `cookbook doctor` says what to use instead.",
        tuple(_status(status) for status in (400, 401, 403, 404, 408, 410, 424)),
    ),
    Group(
        "Refused by managed compute",
        "Its gateway answers 424 around every status of the container but 200, with the container's status in the "
        "header `ms-azureml-model-error-statuscode`; 408 when the container is too slow; and 429 when too many "
        "requests wait. These two have no body, and no header says when to try again.",
        (
            *(_refused(f"around {status}", 424, model_status=status) for status in (400, 429, 503)),
            _refused("with an empty body", 408, reason="request_timeout", answer="empty"),
            _refused("with an empty body", reason="too_many_pending_request", answer="empty"),
        ),
    ),
    Group(
        "Over quota, or failing",
        f"The status says that a later request may succeed. `Retry-After` says when: in {RETRY_AFTER} seconds, as a "
        "number or as an HTTP date, rounded up to a second; `retry-after-ms` and `x-ms-retry-after-ms` say it in "
        "milliseconds.",
        (
            _status(429),
            _status(429, retry_after=True),
            _refused("with Retry-After as a date", retry_after_date=RETRY_AFTER),
            _refused("with retry-after-ms", retry_after_ms=RETRY_AFTER * 1000),
            _refused("with x-ms-retry-after-ms", x_ms_retry_after_ms=RETRY_AFTER * 1000),
            _status(500),
            _status(502),
            _status(503),
            _status(503, retry_after=True),
            _status(504),
        ),
    ),
    Group(
        "Refused before a stream",
        "The same statuses for a call that streams: the answer is an error in JSON, and no stream begins.",
        (_status(401, stream=True), _status(429, retry_after=True, stream=True), _status(503, stream=True)),
    ),
    Group(
        "Slow",
        f"The client's timeout is set to {TIMEOUT} seconds, and the endpoint takes longer: for the whole answer, for "
        "the first token of a stream, or between two tokens after the stream began well.",
        (
            _slow("slow answer", first_token=_NEVER),
            _slow("slow first token (streamed)", stream=True, first_token=_NEVER),
            _slow("slow second token (streamed)", stream=True, tokens_per_second=1 / _NEVER),
        ),
    ),
    Group(
        "Connection reset",
        "Before the answer, within it (half of its bytes came), or after its last byte. After a stream's last event "
        "the chunk that ends the HTTP body is still to come, so a reset there hits the stream, too.",
        tuple(
            _broken(f"reset {when}", stream=stream, reset=when)
            for stream in (False, True)
            for when in ("before", "within", "after")
        ),
    ),
    Group(
        "Damaged answer",
        "The status is 200 and the connection stays open, but the answer is damaged: its JSON breaks off (in a stream: "
        "that of an event in the middle, which is the last one), `[DONE]` is missing, the list of choices is empty (in "
        "a stream: that of an event before the first token), or an error arrives as an event in the middle.",
        (
            _broken("truncated JSON", answer="truncated"),
            _broken("truncated JSON", stream=True, answer="truncated"),
            _broken("no [DONE]", stream=True, answer="no-done"),
            _broken("no choices", answer="no-choices"),
            _broken("no choices", stream=True, answer="no-choices"),
            _broken("error event", stream=True, answer="error-event"),
        ),
    ),
)
CASES = {case.name: case for group in GROUPS for case in group.cases}

REQUEST: dict[str, Any] = {
    "model": "mistralai-Mistral-7B-Instruct-v01",
    "messages": [{"role": "user", "content": "How many languages are in the world?"}],
    "temperature": 0.0,
    "max_tokens": 24,
}


@dataclass(slots=True)
class Call:
    """One request for a chat completion, and its answer so far.

    Attributes:
        timeout: seconds; None leaves the client's default.
        request: the body of the request, without `stream`.
        pieces: the text of each chunk so far.
        finish: the finish reason, if the client has one.
        usage: the number of tokens, as the client has it.
    """

    url: str
    key: str = field(repr=False)
    stream: bool = False
    timeout: int | None = None
    request: dict[str, Any] = field(default_factory=lambda: REQUEST, repr=False)
    pieces: list[str] = field(default_factory=list)
    finish: str | None = None
    usage: Any = None

    def limit(self, name: str, unit: int = 1) -> dict[str, int]:
        """The keyword argument `name` with the timeout times `unit`; none without a timeout."""
        return {} if self.timeout is None else {name: self.timeout * unit}

    def take(self, text: str | None, finish: str | None, usage: Any = None) -> None:
        """Add the text of a chunk; keep its finish reason and its usage."""
        self.pieces.append(text or "")
        self.finish, self.usage = finish or self.finish, usage or self.usage

    def take_answer(self, answer: Any) -> None:
        """Add a whole answer of OpenAI's shape."""
        self.take(answer.choices[0].message.content, answer.choices[0].finish_reason, answer.usage)

    def take_stream(self, chunks: Iterator[Any]) -> None:
        """Read a stream of OpenAI's shape to its end."""
        for chunk in chunks:
            if chunk.choices:
                choice = chunk.choices[0]
                self.take(choice.delta.content, choice.finish_reason, getattr(chunk, "usage", None))


def webrequests(call: Call) -> None:
    import requests

    url = f"{call.url}/chat/completions?api-version=2024-05-01-preview"
    client = requests.Session()
    client.headers["Authorization"] = f"Bearer {call.key}"
    if not call.stream:
        response = client.post(url, json=call.request, **call.limit("timeout"))
        response.raise_for_status()
        answer = response.json()
        choice = answer["choices"][0]
        call.take(choice["message"]["content"], choice["finish_reason"], answer["usage"])
        return
    with client.post(url, json={**call.request, "stream": True}, stream=True, **call.limit("timeout")) as stream:
        stream.raise_for_status()
        for line in stream.iter_lines():
            if line.startswith(b"data: ") and line != b"data: [DONE]":
                chunk = json.loads(line.removeprefix(b"data: "))
                if chunk["choices"]:
                    choice = chunk["choices"][0]
                    call.take(choice["delta"].get("content"), choice["finish_reason"], chunk.get("usage"))


def azure_sdk(call: Call) -> None:
    from azure.ai.inference import ChatCompletionsClient
    from azure.ai.inference.models import SystemMessage, UserMessage
    from azure.core.credentials import AzureKeyCredential

    client = ChatCompletionsClient(
        call.url, AzureKeyCredential(call.key), **call.limit("connection_timeout"), **call.limit("read_timeout")
    )
    roles = {"system": SystemMessage, "user": UserMessage}
    messages = [roles[message["role"]](message["content"]) for message in call.request["messages"]]
    request = {**call.request, "messages": messages}
    if call.stream:
        call.take_stream(client.complete(**request, stream=True))
    else:
        call.take_answer(client.complete(**request))


def openai_sdk(call: Call) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=f"{call.url}/v1", api_key=call.key, **call.limit("timeout"))
    if call.stream:
        call.take_stream(client.chat.completions.create(**call.request, stream=True))
    else:
        call.take_answer(client.chat.completions.create(**call.request))


def langchain(call: Call) -> None:
    from langchain.chat_models import init_chat_model

    settings = {**call.request, "base_url": f"{call.url}/v1", "api_key": call.key, **call.limit("timeout")}
    messages = settings.pop("messages")
    client = init_chat_model(model_provider="mistralai", **settings)
    for piece in client.stream(messages) if call.stream else [client.invoke(messages)]:
        call.take(piece.text, piece.response_metadata.get("finish_reason"), piece.usage_metadata)


def mistralai(call: Call) -> None:
    from mistralai.client import Mistral

    client = Mistral(server_url=call.url, api_key=call.key, **call.limit("timeout_ms", 1000))
    if call.stream:
        with client.chat.stream(**call.request) as events:
            call.take_stream(event.data for event in events)
    else:
        call.take_answer(client.chat.complete(**call.request))


def litellm(call: Call) -> None:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # before the import: no download
    import litellm as library

    library.suppress_debug_info = True
    library.in_memory_llm_clients_cache.flush_cache()  # or cases would share connections
    address = {"model": f"azure_ai/{call.request['model']}", "api_base": call.url, "api_key": call.key}
    request = {**call.request, **address, **call.limit("timeout")}
    if call.stream:
        call.take_stream(library.completion(**request, stream=True))
    else:
        call.take_answer(library.completion(**request))


# The functions that the table of clients names in `call`, by client. Most of them are in this module.
CALLS: dict[str, Callable[[Call], None]] = {
    client.key: resolve_name(client.call) for client in clients().values() if client.call
}
PACKAGES = {client: clients()[client].package for client in CALLS}
