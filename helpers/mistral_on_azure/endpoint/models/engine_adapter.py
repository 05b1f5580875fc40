"""Translates requests for an OpenAI-compatible engine, and its responses into those of the service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.models.completions import new_id, tail_of, usage_asked, usage_of
from mistral_on_azure.endpoint.models.messages import guarded, text_of
from mistral_on_azure.endpoint.models.sampling import call_id
from mistral_on_azure.endpoint.transport.contents import event


def forced(parameters: dict[str, Any]) -> dict[str, Any] | None:
    """The function that the completion must call; None if the completion may be text."""
    choice = parameters.get("tool_choice", "auto")
    if choice in ("auto", "none"):
        return None
    wanted = choice["function"]["name"] if isinstance(choice, dict) else None
    functions = [tool.get("function") for tool in parameters.get("tools") or () if isinstance(tool, dict)]
    named = [function for function in functions if isinstance(function, dict) and "name" in function]
    return next((function for function in named if wanted in (None, function["name"])), None)


# Parameters that `outgoing` translates or drops. All others, extra parameters among them, are sent unchanged.
_HELD_BACK = {"model", "messages", "stream", "stream_options", "n", "tool_choice", "safe_prompt", "user"}
_LONGEST = 512  # the default of max_tokens, as small models often do not stop by themselves


def outgoing(parameters: dict[str, Any], model: str, tools_by_schema: bool = False) -> dict[str, Any]:
    """The body of the request to the engine.

    Args:
        parameters: the validated parameters. `n` is ignored: each request asks for one choice.
        model: the name of the engine's model.
        tools_by_schema: request a forced tool call as JSON that fits the tool's schema.
    """
    body = {name: value for name, value in parameters.items() if name not in _HELD_BACK}
    messages = parameters["messages"]
    body |= {"model": model, "messages": _folded(guarded(messages) if parameters.get("safe_prompt") else messages)}
    body.setdefault("max_tokens", _LONGEST)
    if tools_by_schema:
        body.pop("tools", None)
        body.pop("parallel_tool_calls", None)
        if tool := forced(parameters):
            schema = {"name": tool["name"], "schema": tool.get("parameters") or {"type": "object"}}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif "tool_choice" in parameters:
        body["tool_choice"] = "required" if parameters["tool_choice"] == "any" else parameters["tool_choice"]
    if parameters.get("stream"):
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def incoming(
    answer: dict[str, Any], parameters: dict[str, Any], index: int = 0, tools_by_schema: bool = False
) -> dict[str, Any]:
    """Translate the engine's response with one choice.

    Args:
        answer: the engine's decoded response body.
        parameters: the validated parameters of the request.
        index: the index of the choice.
        tools_by_schema: whether a forced tool call was requested by its schema.

    Returns:
        A part for `whole`: the choice and its usage.
    """
    choice = answer["choices"][0]
    message = choice["message"]
    tool = forced(parameters) if tools_by_schema and choice.get("finish_reason") != "length" else None
    if tool:  # a call that max_tokens cut short stays text
        function = {"name": tool["name"], "arguments": message["content"]}
        message = {"tool_calls": [{"id": call_id(new_id()), "type": "function", "function": function}]}
        choice = {**choice, "finish_reason": "tool_calls"}
    calls = message.get("tool_calls") or None
    return {
        "choice": {
            "index": index,
            "message": {"role": "assistant", "content": message.get("content"), "tool_calls": calls},
            "finish_reason": choice.get("finish_reason") or "stop",
            "logprobs": _logprobs(choice.get("logprobs"), parameters),
        },
        "usage": _usage_of(answer.get("usage")),
    }


def whole(label: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The `chat.completion` object of one or more choices. Usage counts the prompt once."""
    completed = sum(part["usage"]["completion_tokens"] for part in parts)
    return {
        "id": new_id(),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": label,
        "choices": [part["choice"] for part in parts],
        "usage": usage_of(parts[0]["usage"]["prompt_tokens"], completed),
    }


class StreamAdapter:
    """Translates the chunks of an engine's stream: one id, the role in the first chunk, usage as in `completions`.

    Args:
        label: the name of the engine's model.
        parameters: the validated parameters of the request.
    """

    def __init__(self, label: str, parameters: dict[str, Any]) -> None:
        self.parameters = parameters
        self.head = {"id": new_id(), "object": "chat.completion.chunk", "created": int(time.time()), "model": label}
        self.finish_reason: str | None = None
        self.called = False
        self.usage = usage_of(0, 0)

    def begin(self) -> bytes:
        return self._event({"role": "assistant", "content": ""})

    def chunks(self, chunk: dict[str, Any]) -> Iterator[bytes]:
        """The events for one chunk of the engine; none for a chunk with only a finish reason or usage."""
        self.usage = _usage_of(chunk["usage"]) if chunk.get("usage") else self.usage
        for choice in chunk.get("choices", ()):
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            delta = {name: choice["delta"][name] for name in ("content", "tool_calls") if choice["delta"].get(name)}
            self.called = self.called or "tool_calls" in delta
            if delta:
                yield self._event(delta, _logprobs(choice.get("logprobs"), self.parameters))

    def whole(self, part: dict[str, Any]) -> Iterator[bytes]:
        """The events of a complete choice from `incoming`: its text or tool calls, and the end."""
        choice, self.usage = part["choice"], part["usage"]
        message, self.finish_reason = choice["message"], choice["finish_reason"]
        calls = [{"index": place, **call} for place, call in enumerate(message["tool_calls"] or ())]
        self.called = bool(calls)
        yield self._event({"tool_calls": calls} if calls else {"content": message["content"]})
        yield from self.end()

    def end(self) -> Iterator[bytes]:
        """The chunk with the finish reason, and usage. The caller sends `[DONE]` after it."""
        asked, usage = usage_asked(self.parameters), {"usage": self.usage}
        delta, more = {} if self.called else {"content": ""}, usage if asked is None else {}
        yield self._event(delta, finish_reason=self.finish_reason or "stop", **more)
        if asked:
            yield event({**self.head, "choices": [], **usage})

    def _event(
        self, delta: dict[str, Any], logprobs: Any = None, finish_reason: str | None = None, **more: Any
    ) -> bytes:
        return event({**self.head, **tail_of(0, delta, logprobs, finish_reason), **more})


def _usage_of(usage: dict[str, Any] | None) -> dict[str, int]:
    """The three counts of an engine's usage, without further members."""
    return usage_of(*((usage or {}).get(name) or 0 for name in ("prompt_tokens", "completion_tokens")))


def _folded(messages: list[Any]) -> list[Any]:
    """The messages with the system message at the beginning of the first user message, as in Mistral's chat format.

    Messages of another structure are returned unchanged, for the engine to check.
    """
    try:
        system = "\n\n".join(text_of(message["content"]) for message in messages if message["role"] == "system")
        rest = [message for message in messages if message["role"] != "system"]
        if not system:
            return rest or messages
        if rest[0]["role"] != "user":
            return messages
        return [{**rest[0], "content": f"{system}\n\n{text_of(rest[0]['content'])}"}, *rest[1:]]
    except (ApiError, LookupError, TypeError, AttributeError):
        return messages


def _logprobs(logprobs: dict[str, Any] | None, parameters: dict[str, Any]) -> dict[str, Any] | None:
    """The engine's log probabilities, with the requested number of alternatives."""
    if not parameters.get("logprobs") or not logprobs or not logprobs.get("content"):
        return None
    top = parameters.get("top_logprobs") or 0

    def of(token: dict[str, Any]) -> dict[str, Any]:
        return {name: token.get(name) for name in ("token", "logprob", "bytes")}

    def entry(token: dict[str, Any]) -> dict[str, Any]:
        return {**of(token), "top_logprobs": [of(each) for each in (token.get("top_logprobs") or [])[:top]]}

    return {"content": [entry(each) for each in logprobs["content"]]}
