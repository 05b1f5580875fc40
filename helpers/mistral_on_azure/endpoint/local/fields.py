"""The small syntax of the local endpoint's own headers: `name=value; name=value`.

A value is a number where it looks like one, else a word. Names may be written with hyphens or underscores.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mistral_on_azure.endpoint.api_errors import ApiError, invalid

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Field:
    """What one field may be: a check, and the same in words and, as far as one says it, as a JSON schema."""

    fits: Callable[[Any], bool]
    words: str
    schema: dict[str, Any] = field(default_factory=dict)


def whole(low: int, high: int) -> Field:
    """A whole number in a range."""
    check = lambda value: type(value) is int and low <= value <= high  # noqa: E731
    return Field(check, f"a whole number from {low} to {high}", {"type": "integer", "minimum": low, "maximum": high})


def number(low: float, high: float, unit: str = "") -> Field:
    """A number in a range; `unit` is for whoever reads the message."""
    check = lambda value: type(value) in (int, float) and low <= value <= high  # noqa: E731
    words = f"a number{unit and ' of '}{unit} from {low:g} to {high:g}"
    return Field(check, words, {"type": "number", "minimum": low, "maximum": high})


def one_of(*values: Any) -> Field:
    """One of a few values."""
    kinds = {type(value) for value in values}
    fits = lambda value: type(value) in kinds and value in values  # noqa: E731
    return Field(fits, f"one of {', '.join(map(str, values))}", {"enum": list(values)})


def read(text: str) -> dict[str, int | float | str]:
    """Read `name=value; name=value`.

    Raises:
        ApiError: 400 for anything else.
    """
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


def _wrong(message: str, param: str) -> ApiError:
    return invalid(message, param=param, code="invalid_field")
