"""Validates chat requests as the container does that managed compute runs in front of the engine.

Measured on Microsoft's own server (`upkeep/truth/`). The container checks the route and method first, then the body,
then the rules of its adapter for the model, then content safety; then the engine validates the request. The container
sends an error of the engine as the message of its own error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import ValidationError

from mistral_on_azure.endpoint.api_errors import shown
from mistral_on_azure.endpoint.gateway.kinds import EXTRA
from mistral_on_azure.endpoint.serving.container_answers import (
    NAMES,
    Refused,
    abbreviated,
    failed,
    from_engine,
    refusal,
)
from mistral_on_azure.endpoint.serving.container_body import (
    KNOWN,
    Body,
    ChatBody,
    CompletionBody,
    FreeChatBody,
    fault,
    faults_of,
)
from mistral_on_azure.endpoint.serving.engine_messages import check_calls, message_faults
from mistral_on_azure.endpoint.serving.engine_request import EngineBody, EngineError, accept
from mistral_on_azure.endpoint.transport.contents import read_as_python

_JSON = "application/json"
_UNREADABLE = {"detail": "There was an error parsing the body"}


@dataclass(frozen=True, slots=True)
class ContainerChat:
    """A chat request that container and engine have accepted.

    Attributes:
        messages: as the container sends them to the engine.
        body: the validated parameters.
        system: the text of a system message that was moved into the user message; None if none was moved.
        prompt: the text of the last user message in the request.
        last: the text of the last message in the request, of any role.
    """

    messages: list[dict[str, Any]]
    body: EngineBody
    system: str | None
    prompt: str
    last: str

    @property
    def turns(self) -> list[tuple[str, str]]:
        """(role, text) of each message, for the chat template."""
        return [(each["role"], text_of(each.get("content"))) for each in self.messages]


def read_chat(
    body: bytes, content_type: str, extra: str | None, provider: str, *, azure: bool, filtered: Sequence[str] = ()
) -> ContainerChat:
    """Parse and validate a chat request in the container's order of checks.

    Args:
        extra: the header `extra-parameters`.
        provider: the provider in the model's files. If it is `mistral`, the system message is moved into the user
            message and JSON mode is refused; if it is empty, both are sent to the engine unchanged.
        azure: whether the path is `/chat/completions`, which refuses extra parameters by default; the other path,
            `/v1/chat/completions`, drops them.
        filtered: texts that content safety refuses.

    Raises:
        Refused: the error response of the container, or of the engine's validation.
    """
    data = _decode(body, content_type)
    if not azure and not isinstance(data, dict):
        raise failed(f"'{type(data).__name__}' object has no attribute 'items'")
    chat = _validated(data, ChatBody if azure else FreeChatBody)
    extras = {name: data[name] for name in data if name not in KNOWN and (azure or name != "extra_params")}
    if azure:
        _check_extras(list(extras), extra)
    _check_adapter(chat, provider)
    given = _messages(chat)
    messages = _move_system(given) if provider else given
    passed = extras if extra == "pass-through" else {}
    override = chat.extra_params if isinstance(chat, FreeChatBody) and not extras else {}
    request = _request(chat, messages, passed, override)
    own = {name: value for name, value in data.items() if name not in extras} if azure else data
    _check_finite(data if passed else own)
    _check_safety(own, filtered)
    try:
        _check_media_type(content_type)
        accepted = accept(request, message_faults(messages))
        check_calls(messages)
    except EngineError as error:
        raise from_engine(error) from None
    moved = provider and given[0]["role"] == "system" and len(given) > 1
    asked = [text_of(message.get("content")) for message in given if message["role"] == "user"]
    system = text_of(given[0].get("content")) if moved else None
    return ContainerChat(messages, accepted, system, asked[-1] if asked else "", text_of(given[-1].get("content")))


def read_completions(body: bytes, content_type: str) -> NoReturn:
    """Refuse a request to the text generation routes, as the models are chat models.

    Raises:
        Refused: always: 400, or the error of an invalid body.
    """
    _validated(_decode(body, content_type), CompletionBody)
    raise refusal(400, "task_type chat-completion not available with text generation API.")


def _decode(body: bytes, content_type: str) -> Any:
    """Parse the body. A body that is not declared as JSON is returned as bytes, which validation refuses."""
    data: Any = None
    if body:
        main = _media_type(content_type)
        if main != _JSON and not (main.startswith("application/") and main.endswith("+json")):
            return body
        try:
            data = read_as_python(body)
        except json.JSONDecodeError as error:
            raise _invalid([fault("json_invalid", [error.pos], "JSON decode error", {}, error=error.msg)]) from None
        except (ValueError, RecursionError):  # not UTF-8, a number of more than 4,300 digits, or too deep nesting
            raise Refused(400, _UNREADABLE) from None
    if data is None:
        raise _invalid([fault("missing", [], "Field required", None)])
    return data


def _validated(data: Any, form: type[Body]) -> Body:
    """Validate a decoded body.

    Raises:
        Refused: 422 with all errors; 500 if the body has NaN or Infinity, which the container cannot write as JSON.
    """
    if isinstance(data, bytes):
        data = data.decode("utf-8", "replace")
    try:
        return form.model_validate(data, from_attributes=True)
    except ValidationError as error:
        if isinstance(data, dict):
            _check_finite({name: data[name] for name in data if name in form.model_fields})
        raise _invalid(faults_of(error)) from None


def _invalid(details: list[dict[str, Any]]) -> Refused:
    error = {"code": NAMES[422], "status": 422, "message": "invalid input error", "details": details}
    return Refused(422, {"error": error})


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _check_media_type(content_type: str) -> None:
    """Refuse a content type such as `application/problem+json`, which the container accepts and the engine does not.

    Raises:
        EngineError: with the engine's message.
    """
    if _media_type(content_type) != _JSON:
        message = f"Unsupported Media Type: Only '{_JSON}' is allowed"
        raise EngineError(f'1 validation error:\n  {message} ["{message}"]', "Bad Request")


def _check_finite(value: Any) -> None:
    """Refuse NaN and Infinity, which the container parses but cannot write as JSON.

    Raises:
        Refused: 500 for the first of them.
    """
    for each in _leaves(value):
        if isinstance(each, float) and not math.isfinite(each):
            raise failed(f"Out of range float values are not JSON compliant: {each}")


def _check_safety(value: Any, filtered: Sequence[str]) -> None:
    """Refuse a body that contains a filtered text in a string at any depth.

    Raises:
        Refused: 400.
    """
    if any(isinstance(each, str) and text in each for each in _leaves(value) for text in filtered):
        raise refusal(400, "request input violates azure ai content safety setting.")


def _leaves(value: Any) -> Iterator[Any]:
    """The strings, numbers, booleans and nulls of a decoded body, in document order."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | list):
            waiting.extend(reversed(list(each.values()) if isinstance(each, dict) else each))
        else:
            yield each


def _check_extras(names: list[str], extra: str | None) -> None:
    if extra is not None and extra not in EXTRA:
        raise Refused(
            400, {"detail": f"Unexpected EXTRA_PARAMETERS option {extra}, expected options are {list(EXTRA)}"}
        )
    if names and extra in (None, "error"):
        allowed = "are not allowed when extra-parameters is not set or set to be 'error'."
        hint = "Set extra-parameters to 'pass-through' to pass to the model."
        raise Refused(400, {"detail": f"Extra parameters {shown(names)} {allowed} {hint}"})


def _check_adapter(chat: ChatBody, provider: str) -> None:
    if chat.tools is not None or chat.tool_choice is not None:
        raise Refused(400, {"detail": "Tools and tool_choice are not supported."})
    if provider and chat.response_format and chat.response_format.type == "json_object":
        raise Refused(400, {"detail": "mixtral model does not support json response format."})


def _messages(chat: ChatBody) -> list[dict[str, Any]]:
    try:
        return [message.model_dump(exclude_unset=True, mode="json") for message in chat.messages]
    except (ValueError, RecursionError):  # extra members of messages may be nested too deeply
        raise Refused(400, _UNREADABLE) from None


def _request(
    chat: ChatBody, messages: list[dict[str, Any]], passed: dict[str, Any], override: dict[str, Any]
) -> dict[str, Any]:
    """The body that is sent to the engine: the known parameters in the order of the fields, then the extra ones."""
    known = chat.model_dump(exclude_unset=True, exclude={"model", "messages", "extra_params"})
    ordered = {name: messages if name == "messages" else known.get(name) for name in ChatBody.model_fields}
    request = {"model": "MODEL", **{name: value for name, value in ordered.items() if value is not None}}
    return {**request, **passed, **{name: value for name, value in override.items() if name != "messages"}}


def _move_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages, with a first system message moved into the user message after it.

    Raises:
        Refused: 500 where the container fails to join the two texts.
    """
    if messages[0]["role"] != "system":
        return messages
    if len(messages) == 1 or messages[1]["role"] == "assistant":
        return [{**messages[0], "role": "user"}, *messages[1:]]
    if messages[1]["role"] != "user":
        return messages
    texts = [message.get("content") for message in messages[:2]]
    for text in texts:
        if isinstance(text, list):
            shown = abbreviated("[ContentPart(type=<ContentPartType.text: 'text'>, image_url=None, audio_url=None)]")
            kind = f"[type=string_type, input_value={shown}, input_type=list]"
            raise _content_part(f"text\n  Input should be a valid string {kind}")
        if not text:
            shown = abbreviated(f"{{'type': <ContentPartType.text: 'text'>, 'text': {text!r}}}")
            raise _content_part(
                "  Value error, Content part type is ContentPartType.text but text is not provided. "
                f"[type=value_error, input_value={shown}, input_type=dict]"
            )
    parts = [{"type": "text", "text": text} for text in texts]
    return [{"role": "user", "content": parts}, *messages[2:]]


def _content_part(fault: str) -> Refused:
    return failed(
        f"1 validation error for ContentPart\n{fault}\n    For further information visit https://errors.pydantic.dev"
    )


def text_of(content: Any) -> str:
    """The text of a message's content: parts are joined with line breaks, and null is an empty text."""
    if isinstance(content, list):
        return "\n".join(part.get("text") or "" for part in content)
    return content or ""
