"""The container that managed compute runs in front of the engine: its routes, its order of checks, its three errors.

What is written here was measured on Microsoft's own server (`upkeep/truth/`). Routes and methods come first, then the
body, then what the container's adapter for a model refuses or moves, then the engine; the engine's errors come back
inside of the container's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from mistral_on_azure.endpoint.serving.container_answers import METHODS, NAMES, Refused, failed, from_engine, refusal
from mistral_on_azure.endpoint.serving.container_body import KNOWN, ChatBody, Invalid, Role, validate
from mistral_on_azure.endpoint.serving.engine_request import EngineError, Passed, accept

EXTRA = ("error", "drop", "pass-through")
_NO_TEXT_GENERATION = "task_type chat-completion not available with text generation API."


@dataclass(frozen=True, slots=True)
class Adapter:
    """How the container treats one model.

    Attributes:
        name: the model's name as `/info` tells it.
        provider: what the model's files say of its provider. Where they say `mistral`, a system message is moved into
            the user's and JSON mode is refused; where they say nothing, both reach the engine as they are.
    """

    name: str
    provider: str

    @property
    def info(self) -> bytes:
        """The body of `/info`."""
        told = {"model_type": "chat-completion", "model_provider_name": self.provider, "model_name": self.name}
        return json.dumps(told, indent=4).encode()


@dataclass(frozen=True, slots=True)
class ContainerChat:
    """A chat completion that the container has accepted.

    Attributes:
        messages: as they are sent to the engine.
        known: the parameters that the container knows, as far as they were sent.
        passed: the parameters that reach the engine by pass-through.
        system: the text of a system message that was moved into the user's, None where none was.
        prompt: the text of the last user message, as it was sent.
    """

    messages: list[dict[str, Any]]
    known: dict[str, Any]
    passed: Passed
    system: str | None
    prompt: str

    @property
    def turns(self) -> list[tuple[str, str]]:
        """Role and text of each message, for the chat template."""
        return [(each["role"], text_of(each.get("content"))) for each in self.messages]

    @property
    def max_tokens(self) -> int | None:
        """The most tokens to generate; None is what the context has left."""
        wanted = self.passed.max_completion_tokens
        return wanted if wanted is not None else self.known.get("max_tokens")

    @property
    def wants_json(self) -> bool:
        """Whether the engine has to write a JSON object."""
        return (self.known.get("response_format") or {}).get("type") == "json_object"


def check_route(method: str, path: str) -> None:
    """Refuse an unknown path, a method that a path does not have, and a slash too many.

    Raises:
        Refused: 404, 405, or 307 to the path without the slash.
    """
    known = METHODS.get(path)
    if known == method:
        return
    if known is None and path.rstrip("/") in METHODS and path != "/":
        raise Refused(HTTPStatus.TEMPORARY_REDIRECT, headers=(("location", path.rstrip("/")),))
    if known is None:
        raise Refused(404, {"detail": "Not Found"})
    raise Refused(405, {"detail": "Method Not Allowed"}, (("allow", known),))


def read_chat(body: bytes, content_type: str, extra: str | None, adapter: Adapter, *, azure: bool) -> ContainerChat:
    """Read a chat completion in the container's order of checks.

    Args:
        extra: the `extra-parameters` header.
        azure: whether it came to `/chat/completions`, which refuses extra parameters, and not to
            `/v1/chat/completions`, which drops them without a word.

    Raises:
        Refused: for whatever the container, the engine or the chat template refuses.
    """
    data = _decode(body, content_type)
    if not azure and not isinstance(data, dict):
        raise failed(f"'{type(data).__name__}' object has no attribute 'items'")
    known_data = data if azure or not isinstance(data, dict) else {k: data[k] for k in data if k in KNOWN}
    try:
        chat = validate(known_data)
    except Invalid as invalid:
        error = {"code": NAMES[422], "status": 422, "message": str(invalid), "details": invalid.details}
        raise Refused(422, {"error": error}) from None
    extras = {name: value for name, value in data.items() if name not in KNOWN}
    if azure:
        _check_extras(list(extras), extra)
    _check_adapter(chat, adapter)
    if "json" in content_type and content_type.partition(";")[0].strip() != "application/json" and content_type:
        message = "Unsupported Media Type: Only 'application/json' is allowed"
        raise from_engine(EngineError(f'1 validation error:\n  {message} ["{message}"]', "Bad Request"))
    messages = _move_system(chat) if adapter.provider else _messages(chat)
    known = chat.model_dump(exclude_unset=True, exclude={"messages", "model"})
    request = {"model": "MODEL", **{k: v for k, v in known.items() if v is not None}, "messages": messages}
    request |= extras if extra == "pass-through" else {}
    try:
        passed = accept(request)
        _check_history(messages)
    except EngineError as error:
        raise from_engine(error) from None
    first = chat.messages[0]
    moved = adapter.provider and first.role is Role.system and len(chat.messages) > 1
    asked = [text_of(message.get("content")) for message in _messages(chat) if message["role"] == "user"]
    system = text_of(_messages(chat)[0].get("content")) if moved else None
    return ContainerChat(messages, known, passed, system, asked[-1] if asked else "")


def read_completions(body: bytes, content_type: str) -> None:
    """Answer the text generation routes, which a chat model does not have.

    Raises:
        Refused: always, 400 unless the body is wrong.
    """
    data = _decode(body, content_type)
    if not isinstance(data, dict):
        raise failed(f"'{type(data).__name__}' object has no attribute 'items'")
    if "prompt" not in data:
        fault = {"type": "missing", "loc": ["body", "prompt"], "msg": "Field required", "input": data}
        error = {"code": NAMES[422], "status": 422, "message": "invalid input error", "details": [fault]}
        raise Refused(422, {"error": error})
    raise refusal(400, _NO_TEXT_GENERATION)


def _decode(body: bytes, content_type: str) -> Any:
    """The decoded body; a body that is not declared as JSON stays bytes, which no field accepts."""
    main = content_type.partition(";")[0].strip().lower()
    if main and not (main.startswith("application/") and (main.endswith(("/json", "+json")))):
        return body.decode("utf-8", "replace")
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        fault = {"type": "json_invalid", "loc": ["body", error.pos], "msg": "JSON decode error", "input": {}}
        details = [{**fault, "ctx": {"error": error.msg}}]
        body_of = {"code": NAMES[422], "status": 422, "message": "invalid input error", "details": details}
        raise Refused(422, {"error": body_of}) from None


def _check_extras(names: list[str], extra: str | None) -> None:
    if extra is not None and extra not in EXTRA:
        raise Refused(
            400, {"detail": f"Unexpected EXTRA_PARAMETERS option {extra}, expected options are {list(EXTRA)}"}
        )
    if names and extra in (None, "error"):
        raise Refused(
            400,
            {
                "detail": f"Extra parameters {names} are not allowed when extra-parameters is not set or set to be "
                "'error'. Set extra-parameters to 'pass-through' to pass to the model."
            },
        )


def _check_adapter(chat: ChatBody, adapter: Adapter) -> None:
    if chat.tools is not None or chat.tool_choice is not None:
        raise Refused(400, {"detail": "Tools and tool_choice are not supported."})
    if adapter.provider and chat.response_format and chat.response_format.type == "json_object":
        raise Refused(400, {"detail": "mixtral model does not support json response format."})


def _messages(chat: ChatBody) -> list[dict[str, Any]]:
    return [message.model_dump(exclude_unset=True, mode="json") for message in chat.messages]


def _move_system(chat: ChatBody) -> list[dict[str, Any]]:
    """The messages with a system message at the beginning moved into the user's.

    Raises:
        Refused: 500 where the container fails to put the two texts together.
    """
    messages = _messages(chat)
    if messages[0]["role"] != "system":
        return messages
    if len(messages) == 1 or messages[1]["role"] == "assistant":
        return [{**messages[0], "role": "user"}, *messages[1:]]
    if messages[1]["role"] != "user":
        return messages
    texts = [message.get("content") for message in messages[:2]]
    for text in texts:
        if not isinstance(text, str):
            value = "None" if text is None else "[ContentPart(type=<Conten...l=None, audio_url=None)]"
            kind = "NoneType" if text is None else "list"
            raise _content_part(
                f"text\n  Input should be a valid string [type=string_type, input_value={value}, input_type={kind}]"
            )
        if not text:
            raise _content_part(
                "  Value error, Content part type is ContentPartType.text but text is not provided. "
                "[type=value_error, input_value={'type': 'text', 'text': ''}, input_type=dict]"
            )
    parts = [{"type": "text", "text": text} for text in texts]
    return [{"role": "user", "content": parts}, *messages[2:]]


def _content_part(fault: str) -> Refused:
    return failed(
        f"1 validation error for ContentPart\n{fault}\n    For further information visit https://errors.pydantic.dev"
    )


def _check_history(messages: list[dict[str, Any]]) -> None:
    """Refuse calls of tools in the history: the container has decoded their arguments, which the engine wants as text.

    Raises:
        EngineError: in the engine's words.
    """
    for message in messages:
        for place, call in enumerate(message.get("tool_calls") or []):
            function = call.get("function") if isinstance(call, dict) else None
            try:
                arguments = json.loads(function["arguments"]) if isinstance(function, dict) else None
            except (KeyError, TypeError, ValueError):
                continue
            if isinstance(arguments, dict):
                sent = {**call, "function": {**function, "arguments": arguments}}
                named, custom = "ChatCompletionMessageFunctionToolCallParam", "ChatCompletionMessageCustomToolCallParam"
                wanted = {"expected": "'custom'"}
                faults = [
                    {
                        "type": "string_type",
                        "loc": ("body", place, named, "function", "arguments"),
                        "msg": "Input should be a valid string",
                        "input": arguments,
                    },
                    {
                        "type": "missing",
                        "loc": ("body", place, custom, "custom"),
                        "msg": "Field required",
                        "input": sent,
                    },
                    {
                        "type": "literal_error",
                        "loc": ("body", place, custom, "type"),
                        "msg": "Input should be 'custom'",
                        "input": sent.get("type"),
                        "ctx": wanted,
                    },
                ]
                lines = "".join(f"  {fault}\n" for fault in faults)
                raise EngineError(f"{len(faults)} validation errors:\n{lines}", "Bad Request")


def text_of(content: Any) -> str:
    """The text of a content: parts are joined with line breaks, none is empty."""
    if isinstance(content, list):
        return "\n".join(part.get("text") or "" for part in content)
    return content or ""
