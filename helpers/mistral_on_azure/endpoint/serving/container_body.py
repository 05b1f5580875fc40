"""The body of a chat completion as the container of managed compute checks it.

The container validates with pydantic in lax mode, so `"0.5"` is a temperature and `1` is true. Every fault is listed in
the order of the fields here; each entry of the list has the same type, place and words as the container's. The rules
were measured: `upkeep/truth/` keeps the questions and the answers.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator


class Invalid(Exception):
    """A body that the container refuses with 422.

    Attributes:
        details: for each fault `type`, `loc`, `msg`, `input` and perhaps `ctx`, ready to be written as JSON.
    """

    def __init__(self, details: list[dict[str, Any]]) -> None:
        super().__init__("invalid input error")
        self.details = details


class Role(StrEnum):
    """The roles that the container knows; `developer` and `function` are not among them."""

    system = "system"
    user = "user"
    assistant = "assistant"
    tool = "tool"


class ContentPartType(Enum):
    """The kinds of content parts. Those that are not text reach the model, which refuses them."""

    text = "text"
    image = "image"
    image_url = "image_url"
    audio_url = "audio_url"
    input_audio = "input_audio"


class ContentPart(BaseModel):
    """One part of a message's content. The names of the class and its check are part of the container's errors."""

    type: ContentPartType
    text: str | None = None
    image_url: Any = None
    audio_url: Any = None

    @model_validator(mode="after")
    def validate_content_part(self) -> ContentPart:
        """Refuse a text part that has no text."""
        if self.type is ContentPartType.text and not self.text:
            raise ValueError(f"Content part type is {self.type} but text is not provided.")
        return self


class Message(BaseModel):
    """One message. Members that are not listed are kept and sent on to the model."""

    model_config = ConfigDict(extra="allow")
    role: Role
    content: str | list[ContentPart] | None = None
    tool_calls: list[Any] | None = None


class ResponseFormat(BaseModel):
    """The format of the answer: text or a JSON object, in any case of letters."""

    type: str

    @field_validator("type")
    @classmethod
    def check_type(cls, value: str) -> str:
        """Refuse any other format."""
        if value.lower() not in ("text", "json_object"):
            raise ValueError(f"Response format was {value} but must be either 'text' or 'json_object'.")
        return value.lower()


class ChatBody(BaseModel):
    """The parameters that the container knows; everything else in a body is an extra parameter.

    Penalties, temperature and top_p may be left out but not be null.
    """

    model: str | None = None
    frequency_penalty: float = Field(0.0, ge=-2, le=2)
    presence_penalty: float = Field(0.0, ge=-2, le=2)
    seed: int | None = None
    temperature: float = Field(1.0, ge=0, le=1)
    top_p: float = Field(1.0, ge=0, le=1)
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    stop: str | list[str] | None = None
    stream: bool | None = False
    messages: list[Message]
    response_format: ResponseFormat | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | None = None

    @field_validator("messages")
    @classmethod
    def check_messages(cls, value: list[Message]) -> list[Message]:
        """Refuse an empty conversation."""
        if not value:
            raise ValueError("messages must not be empty.")
        return value


KNOWN = frozenset(ChatBody.model_fields)


@cache
def _adapter() -> TypeAdapter[ChatBody]:
    return TypeAdapter(ChatBody)


def validate(body: Any) -> ChatBody:
    """Check a decoded body.

    Raises:
        Invalid: with all faults, in the order of the fields.
    """
    try:
        return _adapter().validate_python(body, from_attributes=True)
    except ValidationError as error:
        raise Invalid([_detail(each) for each in error.errors(include_url=False)]) from None


def _detail(fault: Any) -> dict[str, Any]:
    """A fault as FastAPI writes it: places begin at the body, and exceptions have no members."""
    detail = {"type": fault["type"], "loc": ["body", *fault["loc"]], "msg": fault["msg"], "input": fault["input"]}
    if "ctx" in fault:
        detail["ctx"] = {name: {} if isinstance(value, Exception) else value for name, value in fault["ctx"].items()}
    return detail
