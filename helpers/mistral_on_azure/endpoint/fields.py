"""Fields of requests: a msgspec type defines a field, and its check, error message and JSON schema are derived from it.

The parameters of a chat completion are such fields, and so are those of the routes and headers under the name `local`.
A header is written `name=value; name=value`: a value of digits is read as a number, any other as a string, and names
may be written with hyphens or underscores.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from mistral_on_azure.endpoint.api_errors import ApiError, invalid

LONGEST = 1_000  # characters of a header `name=value; name=value`
FirstToken = Annotated[float, Meta(ge=0, le=600, extra={"unit": "seconds"})]  # a field of timings and of faults
TokensPerSecond = Annotated[float, Meta(ge=0.01, le=1_000_000)]
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
_WANTED = {**_KINDS, int: "a whole number"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request.

    Attributes:
        checker: a Struct with only this field; msgspec caches the decoder of a Struct, but not of other types.
        base: the field's type without its bounds.
        meta: bounds and description. Keys of its `extra`: `own` marks a parameter that is not part of the Azure AI
            Model Inference API; `unit` is the unit of a number; `words` replaces the generated description of allowed
            values; `refusals` replaces the generated error messages. It maps a part of msgspec's message to the
            field's message, and the first part that occurs wins.
        schema: JSON schema of the allowed values.
    """

    checker: type[msgspec.Struct]
    base: Any
    meta: Meta
    schema: dict[str, Any]

    @property
    def extra(self) -> bool:
        """Whether the field is an extra parameter, one that the Azure AI Model Inference API does not define."""
        return "own" in (self.meta.extra or {})

    @property
    def words(self) -> str:
        """The allowed values in words, such as "a whole number from 0 to 5"."""
        more, low, high = self.meta.extra or {}, self.meta.ge, self.meta.le
        if "words" in more:
            return more["words"]
        if get_origin(self.base) is Literal:
            return f"one of {', '.join(map(str, get_args(self.base)))}"
        if self.base is float:
            return f"a number{' of ' if 'unit' in more else ''}{more.get('unit', '')} from {low:g} to {high:g}"
        return f"{_WANTED[self.base]} from {low} to {high}"

    def fits(self, value: Any) -> bool:
        """Whether a value is allowed."""
        return self._objection(value) is None

    def _objection(self, value: Any) -> str | None:
        """msgspec's error message for a value, in which `$[0]` stands for the value; None if the value is allowed."""
        try:
            msgspec.convert((value,), self.checker)
        except msgspec.ValidationError as error:
            return str(error)
        except RecursionError:
            return "nested too deeply"
        return None

    def refusal(self, value: Any) -> str:
        """The error message for a value that is not allowed, to be written after the name of the field."""
        refusals = (self.meta.extra or {}).get("refusals")
        if refusals:
            objection = self._objection(value) or ""
            return next(words for part, words in refusals.items() if part in objection).format(kind=_kind(value))
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or self.base not in (int, float) or (self.base is int and isinstance(value, float)):
            shown = value if self.base is int and isinstance(value, float) else _kind(value)
            return f"must be {_WANTED[get_origin(self.base) or self.base]}, not {shown}"
        if self.base is float and abs(value) > sys.float_info.max:  # JSON can write numbers that overflow a float
            return "must be a number of a sensible size"
        low, above, high = self.meta.ge, self.meta.gt, self.meta.le
        if low is not None and value < low:
            return f"must be at least {low}, not {value}"
        if above is not None and value <= above:
            return f"must be greater than {above}, not {value}"
        return f"must be at most {high}, not {value}"


def field_of(kind: Any) -> Field:
    """The field that an annotated type, `Annotated[base, Meta(...)]`, defines."""
    base, meta = get_args(kind)
    checker = msgspec.defstruct("Checker", [("value", kind)], array_like=True)
    schema = inlined(msgspec.json.schema(kind))
    schema.pop("description", None)
    return Field(checker, base, meta, schema)


def fields_of(struct: type[msgspec.Struct]) -> dict[str, Field]:
    """The annotated fields of a msgspec Struct, by name. `| None` in a field's type is left out."""
    kinds = {each.name: _given(each.type) for each in msgspec.structs.fields(struct)}
    return {name: field_of(kind) for name, kind in kinds.items() if get_origin(kind) is Annotated}


def _given(kind: Any) -> Any:
    """The type without `| None`."""
    parts = [part for part in get_args(kind) if part is not NoneType]
    return parts[0] if get_origin(kind) is not Annotated and len(parts) == 1 else kind


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema with its references resolved in place and without titles, which msgspec takes from class names."""
    parts = schema.get("$defs", {})

    def whole(part: Any) -> Any:
        if isinstance(part, list):
            return [whole(each) for each in part]
        if not isinstance(part, dict):
            return part
        name = str(part.get("$ref", "")).removeprefix("#/$defs/")
        if name in parts:
            return whole({**parts[name], **{key: each for key, each in part.items() if key != "$ref"}})
        return {key: whole(each) for key, each in part.items() if key not in ("title", "$defs")}

    return whole(schema)


def read(text: str) -> dict[str, int | float | str]:
    """The fields of a header that is written `name=value; name=value`.

    Raises:
        ApiError: 400 for a header of another form, or of more than 1,000 characters.
    """
    if len(text) > LONGEST:
        raise invalid(f"'name=value; name=value' has at most {LONGEST:,} characters.", code="invalid_field")
    fields: dict[str, int | float | str] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise invalid(f"{part!r} is not 'name=value'. Separate several by semicolons.", code="invalid_field")
        fields[name] = _value(value)
    return fields


def check(given: Mapping[str, Any], table: Mapping[str, Field], what: str) -> dict[str, Any]:
    """Check the fields of a request against a table of fields.

    Args:
        given: values by the names that the client wrote, in any case, with hyphens or underscores.
        table: the fields that exist.
        what: the subject of error messages, such as "A fault".

    Returns:
        The values by the names of the table, without those that are null.

    Raises:
        ApiError: 400 for an unknown field, with the names that exist, or for a value that is not allowed.
    """
    checked: dict[str, Any] = {}
    for written, value in given.items():
        name = written.lower().replace("-", "_")
        if name not in table:
            raise _wrong(f"{what} has no field {written!r}. Its fields are: {', '.join(table)}.", written)
        if value is None:
            continue
        if not table[name].fits(value):
            raise _wrong(f"{what}'s {name} is {table[name].words}, not {value!r}.", written)
        checked[name] = value
    return checked


def _value(text: str) -> int | float | str:
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def _kind(value: Any) -> str:
    return "null" if value is None else _KINDS.get(type(value), "something else")


def _wrong(message: str, param: str) -> ApiError:
    return invalid(message, param=param, code="invalid_field")
