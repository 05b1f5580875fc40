"""The files of the script: the endpoint's own, those of the recipes, and the user's, whose changes are read.

The JSON schema of such a file is generated from the types with which it is read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec

from mistral_on_azure.azure.files import NOTEBOOKS
from mistral_on_azure.catalog.script_format import MATCHERS, OF_REPLY, Exchange, ScriptFile
from mistral_on_azure.catalog.sidecar import read_sidecar, scripts
from mistral_on_azure.catalog.toml_files import read_toml, text_of
from mistral_on_azure.endpoint.fault import FIELDS
from mistral_on_azure.endpoint.fields import inlined
from mistral_on_azure.endpoint.models.script_entries import Entry, Source, WrongEntry
from mistral_on_azure.endpoint.models.script_layers import Answers, Layer
from mistral_on_azure.errors import CookbookError

OWN = Path(__file__).with_name("script.toml")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def own() -> ScriptFile:
    """The endpoint's own script: script.toml."""
    return read_toml(OWN, ScriptFile)


@cache
def own_layer() -> Layer:
    """The entries of script.toml."""
    return Layer(entries_of(OWN, own().exchange), instructed=True)


@cache
def recipes_layer(elsewhere: tuple[Path, ...] = ()) -> Layer:
    """The entries of the recipes' TOML files. They are read with the first prompt that is not in script.toml.

    Args:
        elsewhere: the TOML files of recipes outside the cookbook, which go before the cookbook's.
    """
    read = [(file, read_sidecar(file).exchange) for file in (*elsewhere, *scripts(NOTEBOOKS))]
    return Layer([entry for file, exchanges in read for entry in entries_of(file, exchanges)], instructed=True)


def entries_of(file: Path, exchanges: Sequence[Exchange]) -> list[Entry]:
    """Make the entries of a file's exchanges.

    Raises:
        CookbookError: for a wrong exchange, with the file, the line and the key.
    """
    source = Source(str(file), text_of(file) if exchanges else "")
    try:
        return [Entry(exchange, source, place) for place, exchange in enumerate(exchanges)]
    except WrongEntry as error:
        raise CookbookError(str(error)) from None


class ScriptFiles:
    """The user's script files, and the endpoint's own script after them. Changed files are read again.

    Args:
        files: the user's files. Together they are one script; of equal matches, that of the earlier file is taken.
        strict: the default of sessions: refuse prompts that neither the session nor the user's files have.
        recipes: the TOML files of recipes outside the cookbook.

    Raises:
        CookbookError: for a file that is missing or broken.
    """

    def __init__(self, files: Sequence[Path] = (), strict: bool = False, recipes: Sequence[Path] = ()) -> None:
        self.files, self.strict = tuple(files), strict
        self._recipes_layer = partial(recipes_layer, tuple(recipes))
        self._marks = self._look()
        self._strict, self._said = self._read()
        self._open: Answers | None = None

    def answers(self, strict: bool | None) -> Answers:
        """The layers of the script, after files that have changed were read again.

        Args:
            strict: whether to leave out the endpoint's own script; None is the endpoint's default.
        """
        if self.files:
            self._reread()
        if self.strict if strict is None else strict:
            return self._strict
        if self._open is None:  # made here, as a strict endpoint never needs the endpoint's own script
            layers = (*self._strict.layers, own_layer())
            self._open = Answers(layers, self._said, self._strict.filtered, self._recipes_layer)
        return self._open

    def _reread(self) -> None:
        marks = self._look()
        if marks == self._marks:
            return
        self._marks = marks
        try:
            self._strict, self._said = self._read()
        except (CookbookError, OSError, ValueError) as error:  # ValueError for a file that is being written
            print(f"{error} The answers from before stay.", file=sys.stderr, flush=True)
        else:
            self._open = None
            print("The script was read again.", file=sys.stderr, flush=True)

    def _look(self) -> list[tuple[int, int] | None]:
        """The time of the last change and the size of each file. Called for each request, it takes microseconds."""
        return [_mark(file) for file in self.files]

    def _read(self) -> tuple[Answers, str]:
        """Read the user's files.

        Returns:
            Their layer, and the answer to a prompt that no file has.
        """
        try:
            read = [read_toml(file, ScriptFile) for file in self.files]
        except FileNotFoundError as error:
            raise CookbookError(f"There is no file {error.filename}.") from None
        layer = Layer(
            [entry for file, each in zip(self.files, read, strict=True) for entry in entries_of(file, each.exchange)]
        )
        filtered = tuple(text for each in (*read, own()) for text in each.content_filter.prompts)
        said = next((each.unknown_prompt for each in (*read, own()) if each.unknown_prompt is not None), "")
        alone = (layer,) if self.files else ()
        return Answers(alone, None, filtered), said


def _mark(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _given(name: str) -> dict[str, Any]:
    """The JSON schema of a table that has a key with a value other than null."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _one_of(*ways: str) -> dict[str, Any]:
    """The JSON schema of a table that has exactly one of these keys, or none of them and a fault."""
    answered = [_given(way) for way in ways]
    return {"oneOf": [*answered, {**_given("fault"), "not": {"anyOf": answered}}]}


# Rules on which keys exclude each other, which the types cannot express: those that `Exchange` and `Reply` check.
_RULES = {
    "Exchange": [
        {"anyOf": [_given(name) for name in MATCHERS]},
        {"not": {"allOf": [_given("prompt"), _given("pattern")]}},
        _one_of("answers", "calls", "reply"),
        {"not": {"allOf": [_given("reply"), {"anyOf": [_given(name) for name in OF_REPLY]}]}},
    ],
    "Reply": [_one_of("answer", "calls")],
}


def script_schema() -> dict[str, Any]:
    """The JSON schema of a script file, for editors and other programs."""
    return {"$schema": _DIALECT, "title": "A script of the local endpoint", **_schema(ScriptFile)}


def exchange_schema() -> dict[str, Any]:
    """The JSON schema of one exchange, with its references resolved in place."""
    return inlined(_schema(Exchange))


def _schema(kind: type) -> dict[str, Any]:
    """The JSON schema of a type with the rules, and with its parts in `$defs`."""
    schema = _with_faults(msgspec.json.schema(kind))
    for name, rules in _RULES.items():
        schema["$defs"][name] |= {"allOf": rules}
    return schema


def _with_faults(schema: Any) -> Any:
    """A JSON schema with the fields of faults, and with descriptions cut to the first line of their docstrings."""
    if isinstance(schema, list | tuple):  # a default is a tuple, which JSON does not have
        return [_with_faults(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _with_faults(value) for name, value in schema.items()}
    if isinstance(plain.get("description"), str):
        plain["description"] = plain["description"].partition("\n")[0]
    if "minItems" in plain:
        plain.pop("default", None)  # the empty list, which `minItems` excludes
    if "fault" in plain.get("properties", {}):
        members = {name: {**field.schema, "description": field.words} for name, field in FIELDS.items()}
        _describe(plain["properties"]["fault"], members)
    return plain


def _describe(schema: Any, members: dict[str, Any]) -> None:
    """Add members to the objects in a schema, in place."""
    if schema.get("type") == "object":
        schema |= {"properties": members, "additionalProperties": False}
    for form in schema.get("anyOf", ()):
        _describe(form, members)
