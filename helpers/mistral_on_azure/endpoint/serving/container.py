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

from mistral_on_azure.endpoint.serving.container_body import KNOWN, ChatBody, Invalid, Role, validate
from mistral_on_azure.endpoint.serving.engine_request import EngineError, Passed, accept

JSON_TYPE = "application/json"
METHODS = {
    "/": "GET",
    "/info": "GET",
    "/swagger.json": "GET",
    "/score": "POST",
    "/chat/completions": "POST",
    "/v1/chat/completions": "POST",
    "/completions": "POST",
    "/v1/completions": "POST",
}
EXTRA = ("error", "drop", "pass-through")
_FAILED = "An error occurred during the request processing: "
_NO_TEXT_GENERATION = "task_type chat-completion not available with text generation API."
_NAMES = {400: "Bad Request", 404: "Not Found", 422: "Invalid input", 500: "Internal Server Error"}
_SCORE_LENGTHS = ("max_new_tokens", "max_tokens", "max_gen_len")


class Refused(Exception):
    """An answer of the container that is not 200.

    Attributes:
        status: the container's HTTP status; the gateway in front of it sends another.
        body: the bytes of the answer.
        headers: further headers.
    """

    def __init__(self, status: int, body: Any = None, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers
        self.body = b"" if body is None else written(body)


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
        error = {"code": _NAMES[422], "status": 422, "message": str(invalid), "details": invalid.details}
        raise Refused(422, {"error": error}) from None
    extras = {name: value for name, value in data.items() if name not in KNOWN}
    if azure:
        _check_extras(list(extras), extra)
    _check_adapter(chat, adapter)
    if "json" in content_type and content_type.partition(";")[0].strip() != JSON_TYPE and content_type:
        message = "Unsupported Media Type: Only 'application/json' is allowed"
        raise _from_engine(EngineError(f'1 validation error:\n  {message} ["{message}"]', "Bad Request"))
    messages = _move_system(chat) if adapter.provider else _messages(chat)
    known = chat.model_dump(exclude_unset=True, exclude={"messages", "model"})
    request = {"model": "MODEL", **{k: v for k, v in known.items() if v is not None}, "messages": messages}
    request |= extras if extra == "pass-through" else {}
    try:
        passed = accept(request)
        _check_history(messages)
    except EngineError as error:
        raise _from_engine(error) from None
    first = chat.messages[0]
    moved = adapter.provider and first.role is Role.system and len(chat.messages) > 1
    asked = [text_of(message.get("content")) for message in _messages(chat) if message["role"] == "user"]
    system = text_of(_messages(chat)[0].get("content")) if moved else None
    return ContainerChat(messages, known, passed, system, asked[-1] if asked else "")


def from_engine(error: EngineError) -> Refused:
    """The container's answer to an error of the engine, which it sends as text."""
    return _from_engine(error)


def failed(why: str) -> Refused:
    """The container's answer to a failure of its own."""
    return _refusal(500, f"{_FAILED}{why}")


def unsafe() -> Refused:
    """The container's answer to a prompt that Azure AI Content Safety finds severe."""
    return _refusal(400, "request input violates azure ai content safety setting.")


def description() -> dict[str, Any]:
    """A short OpenAPI document of the container's routes; the container's own has every schema."""
    paths = {path: {method.lower(): {"responses": {"200": {"description": "OK"}}}} for path, method in METHODS.items()}
    return {"openapi": "3.1.0", "info": {"title": "Container of managed compute", "version": "1"}, "paths": paths}


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
        error = {"code": _NAMES[422], "status": 422, "message": "invalid input error", "details": [fault]}
        raise Refused(422, {"error": error})
    raise _refusal(400, _NO_TEXT_GENERATION)


def read_score(body: bytes) -> tuple[list[tuple[str, str]], dict[str, Any]] | None:
    """Read a call of the scoring route.

    Returns:
        The conversation and its parameters; None for a payload of another form, which is answered `{}`.

    Raises:
        Refused: 500 for a body that is not JSON.
    """
    try:
        data = json.loads(body)
    except ValueError as error:
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
    return [(turn["role"], turn["content"]) for turn in turns], parameters


def score_parameters(parameters: dict[str, Any]) -> dict[str, Any] | None:
    """The sampling parameters of a scoring call, None where the engine would refuse them: it answers `"None"` then."""
    limit = next((parameters[name] for name in _SCORE_LENGTHS if name in parameters), None)
    temperature, top_p = parameters.get("temperature", 1.0), parameters.get("top_p", 1.0)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (temperature, top_p))
    if not numbers or temperature < 0 or not 0 < top_p <= 1 or "best_of" in parameters:
        return None
    if parameters.get("use_beam_search") or (limit is not None and (not isinstance(limit, int) or limit < 1)):
        return None
    greedy = parameters.get("do_sample") is False
    return {
        "temperature": 0.0 if greedy else temperature,
        "top_p": top_p,
        "max_tokens": limit,
        "stop": parameters.get("stop"),
    }


def whole(identifier: str, created: int, model: str, choices: list[tuple[str, str]], usage: tuple[int, int]) -> bytes:
    """A whole answer.

    Args:
        choices: text and finish reason of each.
        usage: prompt and completion tokens.
    """
    prompt, completion = usage
    silent = {"refusal": None, "annotations": None, "audio": None, "function_call": None, "reasoning": None}
    return written(
        {
            "id": identifier,
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": [
                {
                    "index": index,
                    "message": {"role": "assistant", "content": text, "tool_calls": [], **silent},
                    "finish_reason": reason,
                }
                for index, (text, reason) in enumerate(choices)
            ],
            "usage": {
                "prompt_tokens": prompt,
                "total_tokens": prompt + completion,
                "completion_tokens": completion,
                "prompt_tokens_details": None,
            },
        }
    )


def stream(
    identifier: str,
    created: int,
    model: str,
    choices: list[tuple[tuple[str, ...], str]],
    usage: tuple[int, int] | None,
) -> tuple[bytes, ...]:
    """The events of a stream: a role, one token a chunk, the finish reason with the last token, perhaps usage.

    Args:
        choices: the tokens' texts and the finish reason of each.
        usage: prompt and completion tokens, None where the request did not ask for them.
    """

    def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
        head = {"id": identifier, "object": "chat.completion.chunk", "created": created, "model": model}
        return b"data: " + written({**head, "choices": choices, **more}) + b"\n\n"

    events = [
        event([{"index": index, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        for index in range(len(choices))
    ]
    for index, (pieces, reason) in enumerate(choices):
        texts = pieces or ("",)
        events += [
            event([{"index": index, "delta": {"content": text}, "finish_reason": reason if last else None}])
            for text, last in zip(texts, [False] * (len(texts) - 1) + [True], strict=True)
        ]
    if usage is not None:
        prompt, completion = usage
        counts = {"prompt_tokens": prompt, "total_tokens": prompt + completion, "completion_tokens": completion}
        events.append(event([], usage=counts))
    return (*events, b"data: [DONE]\n\n")


def written(value: Any) -> bytes:
    """JSON as the container writes it, without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


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
        body_of = {"code": _NAMES[422], "status": 422, "message": "invalid input error", "details": details}
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


def _from_engine(error: EngineError) -> Refused:
    return _refusal(error.status, error.body)


def _refusal(status: int, message: str) -> Refused:
    name = _NAMES.get(status, HTTPStatus(status).phrase)
    return Refused(status, {"error": {"code": name, "message": message, "status": status}})
