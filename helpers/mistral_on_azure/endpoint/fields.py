"""Fields of a request: one msgspec type says what a field may be; its check, wording and JSON schema follow from it.

Used for the parameters of a chat completion and for what the local endpoint's own routes and headers take. A header is
written `name=value; name=value`: a value is a number where it looks like one, else a word, and names may have hyphens
or underscores.
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

LONGEST = 1_000  # characters of `name=value; name=value`
FirstToken = Annotated[float, Meta(ge=0, le=600, extra={"unit": "seconds"})]  # of a timing, and of a fault
TokensPerSecond = Annotated[float, Meta(ge=0.01, le=1_000_000)]
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
_WANTED = {**_KINDS, int: "a whole number"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        checker: a Struct with this field alone; msgspec remembers how to check a Struct, but not other types.
        base: the field's type without its bounds.
        meta: bounds and description. Of `extra`, `own` marks a parameter of the model's own, `unit` is what a number
            counts. `words` and `refusals` are for types that do not say well what the field may be and what is wrong
            with a value: a refusal goes by a part of what msgspec objects to, the first one that fits.
        schema: what it may be, as a JSON schema.
    """

    checker: type[msgspec.Struct]
    base: Any
    meta: Meta
    schema: dict[str, Any]

    @property
    def extra(self) -> bool:
        """Whether it is no part of the Azure AI Model Inference API but the model's own."""
        return "own" in (self.meta.extra or {})

    @property
    def words(self) -> str:
        """What it may be, such as "a whole number from 0 to 5"."""
        more, low, high = self.meta.extra or {}, self.meta.ge, self.meta.le
        if "words" in more:
            return more["words"]
        if get_origin(self.base) is Literal:
            return f"one of {', '.join(map(str, get_args(self.base)))}"
        if self.base is float:
            return f"a number{' of ' if 'unit' in more else ''}{more.get('unit', '')} from {low:g} to {high:g}"
        return f"{_WANTED[self.base]} from {low} to {high}"

    def fits(self, value: Any) -> bool:
        """Whether a value may be given."""
        return self._objection(value) is None

    def _objection(self, value: Any) -> str | None:
        """What msgspec objects to in a value; `$[0]` in it is the value."""
        try:
            msgspec.convert((value,), self.checker)
        except msgspec.ValidationError as error:
            return str(error)
        except RecursionError:
            return "nested too deeply"
        return None

    def refusal(self, value: Any) -> str:
        """What is wrong with a value that does not fit, in words that follow the name of the field."""
        refusals = (self.meta.extra or {}).get("refusals")
        if refusals:
            objection = self._objection(value) or ""
            return next(words for part, words in refusals.items() if part in objection).format(kind=_kind(value))
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or self.base not in (int, float) or (self.base is int and isinstance(value, float)):
            shown = value if self.base is int and isinstance(value, float) else _kind(value)
            return f"must be {_WANTED[get_origin(self.base) or self.base]}, not {shown}"
        if self.base is float and abs(value) > sys.float_info.max:  # JSON has room for numbers that no arithmetic has
            return "must be a number of a sensible size"
        low, above, high = self.meta.ge, self.meta.gt, self.meta.le
        if low is not None and value < low:
            return f"must be at least {low}, not {value}"
        if above is not None and value <= above:
            return f"must be greater than {above}, not {value}"
        return f"must be at most {high}, not {value}"


def field_of(kind: Any) -> Field:
    """The field of an annotated type: `Annotated[base, Meta(...)]`."""
    base, meta = get_args(kind)
    checker = msgspec.defstruct("Checker", [("value", kind)], array_like=True)
    return Field(checker, base, meta, _schema(kind))


def fields_of(struct: type[msgspec.Struct]) -> dict[str, Field]:
    """The annotated fields of a msgspec Struct, by name; one that is null is not given."""
    kinds = {each.name: _given(each.type) for each in msgspec.structs.fields(struct)}
    return {name: field_of(kind) for name, kind in kinds.items() if get_origin(kind) is Annotated}


def _given(kind: Any) -> Any:
    """The type without the null that it may be instead."""
    parts = [part for part in get_args(kind) if part is not NoneType]
    return parts[0] if get_origin(kind) is not Annotated and len(parts) == 1 else kind


def _schema(kind: Any) -> dict[str, Any]:
    """The JSON schema of a type, what it refers to written in place."""
    schema = inlined(msgspec.json.schema(kind))
    schema.pop("description", None)
    return schema


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema with what it refers to written in place, and without titles: those are names of classes."""
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
    """Read `name=value; name=value`.

    Raises:
        ApiError: 400 for anything else.
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
    """The fields that were given, by the names of the table. A field that is null counts as not given.

    Raises:
        ApiError: 400 that names the field, what it may be and what else there is.
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
