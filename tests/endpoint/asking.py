"""Asking the application without a socket; whatever it answers is compared with the OpenAPI document on the way.

An application may answer from scripts of a test's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import documented

from mistral_on_azure.endpoint.application import Application, routes_of
from mistral_on_azure.endpoint.gateway.quota import Limits
from mistral_on_azure.endpoint.gateway.serverless import SERVERLESS
from mistral_on_azure.endpoint.local.sessions import Sessions
from mistral_on_azure.endpoint.models.script_files import ScriptFiles
from mistral_on_azure.endpoint.models.script_model import Script
from mistral_on_azure.endpoint.transport.exchange import Request, fields

KEY = "key"
ROUTES = routes_of(SERVERLESS)
AZURE, MODELS, OPENAI = "/chat/completions", "/models/chat/completions", "/v1/chat/completions"
CHAT_ROUTES = (AZURE, MODELS, OPENAI)
PROMPT = "How many languages are in the world?"
QUESTION = [{"role": "user", "content": PROMPT}]
SMALL, SECOND, EXPERTS, LARGE = (
    "mistralai-Mistral-7B-Instruct-v01",
    "mistralai-Mistral-7B-Instruct-v02",
    "mistralai-Mixtral-8x7B-Instruct-v01",
    "mistralai-Mixtral-8x22B-Instruct-v0-1",
)


def new_application(**options: Any) -> Application:
    return Application(Sessions([KEY], Limits(requests=10**9, tokens=10**12)), **options)


APPLICATION = new_application()


class Clock:
    """Seconds, as a test says."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class Got:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        return self.json["code"]

    @property
    def message(self) -> str:
        """What an error says."""
        return self.json["message"]

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """The chunks of a stream."""
        events = self.body.decode().split("\n\n")
        assert events[-2:] == ["data: [DONE]", ""]
        return [json.loads(event.removeprefix("data: ")) for event in events[:-2]]

    @property
    def text(self) -> str:
        """The text of the first choice, whole or streamed."""
        if self.headers["content-type"] == "text/event-stream":
            choices = [choice for chunk in self.chunks for choice in chunk["choices"] if choice["index"] == 0]
            return "".join(choice["delta"].get("content", "") for choice in choices)
        return self.json["choices"][0]["message"]["content"]

    @property
    def usage(self) -> tuple[int, int, int]:
        """Prompt, completion and total tokens."""
        return tuple(self.json["usage"][f"{name}_tokens"] for name in ("prompt", "completion", "total"))


def send(
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    application: Application = APPLICATION,
) -> Got:
    """Send bytes; the path may have a query."""
    route, _, query = path.partition("?")
    asked = {"authorization": f"Bearer {KEY}", "content-type": "application/json", **(headers or {})}
    answer = application.answer(Request(method, route, query, asked, body))
    content = answer.body if answer.events is None else b"".join(answer.events)
    got = Got(answer.status, {**fields(answer.headers), "content-type": answer.content_type}, content)
    if application.routes is ROUTES and method in ROUTES.get(route, {}):
        documented.check(method, route, got.status, got.headers, content, whole=False)
    return got


def get(path: str, headers: dict[str, str] | None = None, *, application: Application = APPLICATION) -> Got:
    return send("GET", path, b"", headers, application=application)


def chat(
    messages: Any = QUESTION,
    path: str = OPENAI,
    headers: dict[str, str] | None = None,
    *,
    application: Application = APPLICATION,
    **parameters: Any,
) -> Got:
    """Send a chat completion; a text stands for one user message."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    body = json.dumps({"messages": messages, **parameters}).encode()
    return send("POST", path, body, headers, application=application)


WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def serve(folder: Path, *scripts: str, strict: bool = False, **parts: Any) -> Application:
    """An application of scripts in TOML, which are written to a folder."""
    files = []
    for text in scripts:
        files.append(folder / f"script{len(list(folder.iterdir()))}.toml")
        files[-1].write_text(text, encoding="utf-8")
    return new_application(model=Script(ScriptFiles(files, strict)), **parts)


def add(application: Application, *exchanges: Any, status: int = 200) -> Got:
    """Give the session exchanges of its own."""
    got = send("POST", "/local/script", json.dumps(exchanges).encode(), application=application)
    assert got.status == status, got.body
    return got


def agent(application: Application, prompt: str) -> str:
    """What an app does: it asks, calls the tool, and asks again with what it returned."""
    messages = [{"role": "user", "content": prompt}]
    first = chat(messages, tools=[WEATHER], model=LARGE, application=application).json["choices"][0]
    (call,) = first["message"]["tool_calls"]
    result = {"role": "tool", "tool_call_id": call["id"], "content": "-3 degrees"}
    messages += [{"role": "assistant", "content": "", "tool_calls": [call]}, result]
    return chat(messages, tools=[WEATHER], model=LARGE, application=application).text
