"""The parameters cell of a notebook: its assignments, the type of each, and values of these types."""

from __future__ import annotations

import ast
import json
import math
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from mistral_on_azure.errors import CookbookError

_NAMES = {
    "str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict, "tuple": tuple, "None": None,
    "Any": Any, "Literal": Literal, "Optional": typing.Optional, "Union": Union,
}  # fmt: skip
_SAID = {str: "text", int: "a whole number", float: "a number", bool: "True or False", type(None): "None"}
_CONTAINERS = {list: "a list", dict: "a dict", tuple: "a tuple"}
_WORDS = {"true": True, "false": False, "null": None, "none": None}  # as YAML and JSON write them


class Parameter(NamedTuple):
    """One assignment of a parameters cell.

    Attributes:
        type: its annotation, or the type of its default where there is none; `Any` for an unknown type.
        default: the value; None where it is not a literal.
        assignment: the assignment as Python, without the annotation, with the comment at its end.
    """

    type: Any
    default: Any
    assignment: str


def parse(source: str, place: str) -> dict[str, Parameter]:
    """The parameters that a cell assigns, by name.

    Args:
        source: the cell's Python.
        place: the notebook's name, for the message.

    Raises:
        CookbookError: when it is not Python.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise CookbookError(f"{place}: line {error.lineno} of the parameters cell is not Python.") from None
    found = {}
    for node in body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                kind = _resolved(annotation)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                kind = _inferred(_literal(value))
            case _:
                continue
        found[name] = Parameter(kind, _literal(value), _assignment(source, node, name, value))
    return found


def _assignment(source: str, node: ast.stmt, name: str, value: ast.expr | None) -> str:
    """The assignment `name = value` as text, with the comment at the end of its last line."""
    if value is None:
        return f"{name} = ..."
    behind = source.splitlines()[node.end_lineno - 1].encode()[node.end_col_offset :].decode()
    comment = f"  #{behind.partition('#')[2]}" if behind.lstrip().startswith("#") else ""
    # A value of several lines is an expression only in parentheses.
    text = ast.get_source_segment(source, value)
    text = text if _parses(text) else f"({text})"
    return f"{name} = {text}{comment}"


def _parses(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def _literal(value: ast.expr | None) -> Any:
    try:
        return None if value is None else ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _inferred(default: Any) -> Any:
    if type(default) in (str, int, float, bool):
        return type(default)
    if isinstance(default, list | tuple):
        kinds = {type(each) for each in default}
        return list[kinds.pop()] if len(kinds) == 1 and kinds <= {str, int, float, bool} else list
    return dict if isinstance(default, dict) else Any


def _resolved(annotation: ast.expr) -> Any:
    """The type that an annotation names; `Any` for an annotation with unknown names."""
    match annotation:
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=str() as text):
            return _resolved(ast.parse(text, mode="eval").body) if _parses(text) else Any
        case ast.Constant(value=types.EllipsisType()):
            return ...
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _NAMES.get(name, Any)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            members = _resolved(left), _resolved(right)
            return Any if Any in members else Union[members]  # noqa: UP007  # these are values, not annotations
        case ast.Subscript(value=value, slice=inside):
            origin = _resolved(value)
            parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            if origin is Literal:
                return Literal[tuple(_literal(part) for part in parts)]
            try:
                inner = tuple(map(_resolved, parts))
                return Any if origin is Any else origin[inner[0] if len(inner) == 1 else inner]
            except TypeError:
                return Any
    return Any


def fits(kind: Any, value: Any) -> bool:
    """Whether a value is of a type. A whole number counts as a number; True and infinity do not."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if kind in (None, type(None)):
        return value is None
    if origin in (Union, types.UnionType):
        return any(fits(each, value) for each in inner)
    if origin is Literal:
        return any(value == each and type(value) is type(each) for each in inner)
    if origin in (list, tuple) or kind in (list, tuple):
        items = [each for each in inner if each is not ...] or [Any]
        return isinstance(value, list | tuple) and all(any(fits(item, each) for item in items) for each in value)
    if origin is dict and len(inner) == 2:
        return isinstance(value, dict) and all(
            fits(inner[0], key) and fits(inner[1], each) for key, each in value.items()
        )
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind in (str, int, bool, dict):
        return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return True


def described_type(kind: Any) -> str:
    """A type in words: "a whole number or None"."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(map(described_type, inner))
    if origin is Literal:
        return " or ".join(map(repr, inner))
    if kind is None:
        return "None"
    container = _CONTAINERS.get(origin or kind)
    if container:
        items = [each for each in inner if each is not ...]
        return f"{container} of {', '.join(_SAID.get(each, 'anything') for each in items)}" if items else container
    return _SAID.get(kind, "anything")


def value(kind: Any, text: str) -> Any:
    """Convert a text of the command line to a type; one that cannot be converted is returned, for `check` to refuse."""
    if get_origin(kind) in (Union, types.UnionType):
        others = [each for each in get_args(kind) if each is not str]
        values_of_others = (value(other, text) for other in others)
        return next((each for each in values_of_others if any(fits(other, each) for other in others)), text)
    if kind is str:
        return text
    if get_origin(kind) is Literal and text in get_args(kind):
        return text
    read = _read(text)
    is_one = kind == list[str] and not isinstance(read, list) and not fits(kind, read)
    return [text] if is_one else read  # one text is a list of one


def _read(text: str) -> Any:
    """The value of a literal in Python, JSON or YAML; any other text as it is."""
    if text.strip().lower() in _WORDS:
        return _WORDS[text.strip().lower()]
    for read in (ast.literal_eval, json.loads):
        try:
            return read(text.strip())
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
    return text


def values(parameters: Mapping[str, Parameter], given: Mapping[str, str], place: str) -> dict[str, Any]:
    """Texts of the command line as values for a notebook's parameters.

    Args:
        given: a text for each parameter that is set.
        place: the notebook's name, for the message.

    Raises:
        CookbookError: for a parameter that the notebook does not have, or a value of another type.
    """
    found = {}
    for name, text in given.items():
        if name not in parameters:
            raise CookbookError(f"{place} has no parameter {name!r}. {hint(name, list(parameters))}")
        found[name] = value(parameters[name].type, text)
        check(name, parameters[name].type, found[name])
    return found


def hint(name: str, known: Sequence[str], otherwise: str = "It has") -> str:
    """A hint for an unknown name: the known names that begin with it, the most similar one, or else all.

    Args:
        otherwise: how the sentence with all names begins.
    """
    longer = [each for each in known if name and each.startswith(name)]
    if len(longer) > 1:
        return f"Did you mean one of these? {', '.join(longer)}."
    from difflib import get_close_matches  # not needed to connect a notebook, where each millisecond counts

    close = get_close_matches(name, known, 1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"{otherwise}: {', '.join(known)}." if known else f"{otherwise} none."


def check(name: str, kind: Any, given: object) -> None:
    """Check the value of one parameter.

    Raises:
        CookbookError: when it is of another type.
    """
    if not fits(kind, given):
        raise CookbookError(
            f"The parameter {name} must be {described_type(kind)}, not {given!r}. Change it in the parameters cell, or "
            f"where papermill's -p sets it."
        )


def check_parameters() -> None:
    """Check the annotated variables of a running notebook, which a kernel runs in `__main__`.

    Raises:
        CookbookError: names the first parameter of another type.
    """
    main = sys.modules["__main__"]
    for name, annotation in getattr(main, "__annotations__", {}).items():
        if isinstance(annotation, str):
            annotation = _resolved(ast.parse(annotation, mode="eval").body) if _parses(annotation) else Any
        if hasattr(main, name):
            check(name, annotation, getattr(main, name))
