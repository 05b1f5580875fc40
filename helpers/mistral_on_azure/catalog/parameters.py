"""Checking the values of a notebook's parameters cell against the types written there."""

from __future__ import annotations

import sys

from mistral_on_azure.errors import CookbookError

_ACCEPTED = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
_SAID = {"str": "text", "int": "a whole number", "float": "a number", "bool": "True or False"}


def check_parameters(module: str = "__main__") -> None:
    """Check the annotated variables of a notebook.

    Args:
        module: where the notebook's variables live; a kernel runs them in `__main__`.

    Raises:
        CookbookError: names the first parameter of the wrong type.
    """
    main = sys.modules[module]
    for name, annotation in getattr(main, "__annotations__", {}).items():
        kind = getattr(annotation, "__name__", annotation)
        if kind in _ACCEPTED and hasattr(main, name):
            check(name, kind, getattr(main, name))


def check(name: str, kind: str, value: object) -> None:
    """Check one parameter.

    Args:
        kind: the type's name as the parameters cell writes it.

    Raises:
        CookbookError: when the value is of another type.
    """
    if not isinstance(value, _ACCEPTED[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise CookbookError(
            f"The parameter {name} must be {_SAID[kind]}, not {value!r}. Change it in the parameters cell, or where "
            f"papermill's -p sets it."
        )
