"""The pydantic models with which managed compute's container validates request bodies.

The container validates in lax mode: `"0.5"` is accepted as a temperature, and `1` as true. Its 422 lists all errors in
the order of the fields below, and each entry here has the container's type, location and message. The rules were
measured: `upkeep/truth/` has the requests and the responses.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from enum import Enum, StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mistral_on_azure.endpoint.api_errors import shown
from mistral_on_azure.endpoint.bounds import count_of

_MOST_FAULTS = 200  # errors that a 422 lists
_LARGEST_SCHEMA = 1_000  # values of a tool's parameters; jsonschema keeps an error for each of more
_PARTS = {"image": "ContentImage", "image_url": "ContentImageUrl", "audio_url": "ContentAudioUrl"}
_FUNCTION_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class _Open(BaseModel):
    """A part of a message. Members that the container does not know are kept, and sent to the engine."""

    model_config = ConfigDict(extra="allow")


class Role(StrEnum):
    """The roles of messages. `developer` and `function` are refused."""

    system = "system"
    user = "user"
    assistant = "assistant"
    tool = "tool"


class ContentPartType(Enum):
    """The types of content parts. The container accepts all of them; the engine refuses those that are not text."""

    text = "text"
    image = "image"
    image_url = "image_url"
    audio_url = "audio_url"
    input_audio = "input_audio"


class Detail(Enum):
    """The resolution at which a model reads an image."""

    auto = "auto"
    low = "low"
    high = "high"


class ContentImageUrl(_Open):
    url: str
    detail: Detail | None = Detail.auto


class ContentImage(_Open):
    """An image whose data is part of the request."""

    data: Any
    detail: Detail | None = Detail.auto


class ContentAudioUrl(_Open):
    url: str


class ContentPart(_Open):
    """One part of a message's content. The container's errors contain the names of this class and of its method."""

    type: ContentPartType
    text: str | None = None
    image: ContentImage | None = None
    image_url: ContentImageUrl | None = None
    audio_url: ContentAudioUrl | None = None

    @model_validator(mode="after")
    def validate_content_part(self) -> ContentPart:
        """Refuse a part without the member that its type names. The container has no member for `input_audio`."""
        if self.type is ContentPartType.input_audio or not getattr(self, self.type.value, None):
            raise ValueError(f"Content part type is {self.type} but {self.type.value} is not provided.")
        return self


class FunctionType(Enum):
    """The only type of tools and of tool calls."""

    function = "function"


def _check_name(value: str) -> str:
    if not _FUNCTION_NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a function's name: 1 to 64 letters, digits, underscores and dashes.")
    return value


class CalledFunction(_Open):
    """The function of a tool call, with its arguments."""

    name: str
    arguments: dict[str, Any] | str

    _name = field_validator("name")(_check_name)


class ToolCall(_Open):
    """A tool call of an assistant message. Its id may be left out."""

    id: str | None = None
    type: FunctionType = FunctionType.function
    function: CalledFunction


class Message(_Open):
    role: Role
    content: str | list[ContentPart] | None = None
    tool_calls: list[ToolCall] | None = None


class ResponseFormat(BaseModel):
    """The format of the completion: `text` or `json_object`, in upper or lower case."""

    type: str

    @field_validator("type")
    @classmethod
    def check_type(cls, value: str) -> str:
        if value.lower() not in ("text", "json_object"):
            raise ValueError(f"Response format was {value} but must be either 'text' or 'json_object'.")
        return value


class ToolFunction(BaseModel):
    """The function of a tool. Unlike the documented API, the container requires a description."""

    name: str
    description: str
    parameters: Any = None

    _name = field_validator("name")(_check_name)

    @field_validator("parameters")
    @classmethod
    def check_parameters(cls, value: Any) -> Any:
        """Refuse parameters that are not a JSON schema. Patterns are not compiled, which may take seconds.

        A large schema is not checked, since requests with tools are refused in any case.
        """
        if count_of(value, _LARGEST_SCHEMA) > _LARGEST_SCHEMA:
            return value
        # The import takes a third of a second; see `schemas_are_read`.
        from jsonschema import Draft7Validator, SchemaError

        try:
            Draft7Validator.check_schema(value, format_checker=None)
        except SchemaError as error:
            raise ValueError(f"The parameters are no JSON schema: {error.message}.") from None
        except RecursionError:
            raise ValueError("The parameters are nested too deeply.") from None
        return value


class Tool(BaseModel):
    """A tool. The container validates it, and then refuses every request with tools."""

    type: FunctionType = FunctionType.function
    function: ToolFunction = Field(default=None)  # may be left out, but must not be null


class Sampling(BaseModel):
    """The parameters of all routes. Penalties, temperature and top_p must not be null."""

    model: str | None = None
    frequency_penalty: float = Field(0.0, ge=-2, le=2)
    presence_penalty: float = Field(0.0, ge=-2, le=2)
    seed: int | None = None
    temperature: float = Field(1.0, ge=0, le=1)
    top_p: float = Field(1.0, ge=0, le=1)
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    stop: str | list[str] | None = None
    stream: bool | None = False


class ChatBody(Sampling):
    """The parameters of `/chat/completions`. All others are extra parameters."""

    messages: list[Message]
    response_format: ResponseFormat | None = None
    tools: list[Tool] | None = None
    tool_choice: str | None = None

    @field_validator("messages")
    @classmethod
    def check_messages(cls, value: list[Message]) -> list[Message]:
        if not value:
            raise ValueError("messages must not be empty.")
        return value


class FreeChatBody(ChatBody):
    """The parameters of `/v1/chat/completions`: those of `/chat/completions` and `extra_params`."""

    extra_params: dict[str, Any] = {}


class CompletionBody(Sampling):
    """The parameters of the text generation routes."""

    prompt: str


Body = TypeVar("Body", bound=Sampling)
KNOWN = frozenset(ChatBody.model_fields)  # without `extra_params`, which `container.read_chat` treats separately


def faults_of(error: ValidationError) -> list[dict[str, Any]]:
    """The errors as the container lists them, in the order of the fields; of many, the first ones."""
    found = error.errors(include_url=False)
    details = [_detail(each) for each in found[:_MOST_FAULTS]]
    if len(found) > _MOST_FAULTS:
        details.append(fault("too_many", [], f"{len(found) - _MOST_FAULTS} more faults are not listed", None))
    return details


def schemas_are_read(body: bytes) -> bool:
    """Whether a request needs no import of jsonschema, because it has no tools or because it is imported."""
    return "jsonschema" in sys.modules or not (b"tools" in body or b"\\u" in body)


def fault(kind: str, loc: Iterable[Any], message: str, value: Any, **context: Any) -> dict[str, Any]:
    """An entry in the list of errors. Long values are cut."""
    return {
        "type": kind,
        "loc": ["body", *map(shown, loc)],
        "msg": shown(message),
        "input": shown(value),
        **({"ctx": context} if context else {}),
    }


def _detail(found: Any) -> dict[str, Any]:
    """An error as FastAPI writes it: its location begins with `body`, and an exception in `ctx` becomes `{}`."""
    context = {name: {} if isinstance(value, Exception) else value for name, value in found.get("ctx", {}).items()}
    if found["type"] == "model_attributes_type" and "content" in found["loc"]:  # parts have no `from_attributes`
        name = _PARTS.get(found["loc"][-1], "ContentPart")
        message = f"Input should be a valid dictionary or instance of {name}"
        return fault("model_type", found["loc"], message, found["input"], class_name=name)
    return fault(found["type"], found["loc"], found["msg"], found["input"], **context)
