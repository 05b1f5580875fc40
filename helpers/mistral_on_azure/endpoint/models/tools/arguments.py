"""Arguments: a value for a tool's JSON schema, taken from the words of a conversation where they stand there.

What no word gives is made up so that it fits: a default if the schema has one, else the plainest value there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from referencing.exceptions import Unresolvable

from mistral_on_azure.endpoint.models.tools.made_up import made_up
from mistral_on_azure.endpoint.models.tools.mentions import stems
from mistral_on_azure.endpoint.models.tools.said import Place, Wanted, names_in, roles, said
from mistral_on_azure.endpoint.models.tools.schemas import Schema, Unsatisfiable, choices_of, kind_of

_MISSING: Any = object()

_BUDGET = 5_000  # subschemas visited for one call: far more than any real tool has
_NESTED = 3  # how often a required value may contain itself before it counts as endless


class Arguments:
    """The arguments of one call.

    Args:
        schema: the tool's schema.
        about: the passage that asks for the call.
        elsewhere: the rest of the conversation, the nearest first; asked only for what is required.
        never: the stems of the tool's own name, which are no values.
    """

    def __init__(
        self, schema: Schema, about: Place, elsewhere: Sequence[Place] = (), never: frozenset[str] = frozenset()
    ) -> None:
        self.schema, self.about, self.elsewhere, self.never = schema, about, tuple(elsewhere), never
        self.used: set[Place] = set()
        self.found = 0  # how many values the words gave
        self._left = _BUDGET
        self._names: frozenset[str] = frozenset()
        self._inside: list[tuple[tuple[int, ...], int]] = []  # the schemas being filled, and `found` when they began

    def value(self) -> dict[str, Any]:
        """The arguments, checked with jsonschema.

        Raises:
            Unsatisfiable: when nothing that fits could be made up.
        """
        try:
            self._names = names_in(self.schema.root)
            made = self._value(self.schema.root, frozenset(), eager=True, must=True)
            fault = self.schema.fault(made)
        except RecursionError:
            raise Unsatisfiable("the schema contains itself without end") from None
        except (ArithmeticError, ValueError, Unresolvable) as error:  # bounds beyond a float, an odd base address
            raise Unsatisfiable(str(error)) from None
        if fault or not isinstance(made, dict):
            raise Unsatisfiable(fault or "the schema is not that of an object")
        return made

    def _value(self, raw: dict[str, Any] | bool, words: frozenset[str], *, eager: bool, must: bool) -> Any:
        """A value for a subschema.

        Args:
            raw: the subschema.
            words: the stems of what the value is called.
            eager: whether to take words that suit by kind alone, not only those that stand by its name.
            must: whether to make something up rather than answer _MISSING.
        """
        self._left -= 1
        if self._left < 0:
            raise Unsatisfiable("the schema has too many parts")
        schema = self.schema.resolve(raw)
        choices = choices_of(schema)
        if choices:
            return self._choice(choices, schema, words, eager=eager, must=must)
        kind = kind_of(schema)
        if kind in ("object", "array"):
            return self._container(kind, schema, words, eager=eager, must=must)
        own = roles(words)
        wanted = Wanted(schema, kind, own, self._names - own, self.never, reach=2 if must else int(eager))
        given = self._first_fit(schema, said(wanted, (self.about, *self.elsewhere) if must else (self.about,)))
        if given is not _MISSING or not must:
            return given
        return self._make_up(schema, words)

    def _first_fit(self, schema: dict[str, Any], tries: Iterator[tuple[Any, Place]]) -> Any:
        """The first value that fits. The place it was taken from is not asked again."""
        for value, place in tries:
            if place not in self.used and self.schema.fits(schema, value):
                self.used.add(place)
                self.found += 1
                return value
        return _MISSING

    def _make_up(self, schema: dict[str, Any], words: frozenset[str], unlike: Sequence[Any] = ()) -> Any:
        for value in made_up(schema, words, self.about.text):
            if value not in unlike and self.schema.fits(schema, value):
                return value
        raise Unsatisfiable(f"no value could be made up for {schema}")

    def _choice(self, choices: list[Any], schema: Any, words: frozenset[str], *, eager: bool, must: bool) -> Any:
        """The alternative that the words say most about; null or the first possible one if they say nothing."""
        used, found = self.used, self.found
        best = (found, _MISSING, used)
        for choice in choices:
            self.used, self.found = set(used), found
            value = self._value(choice, words, eager=eager, must=False)
            if value is not _MISSING and self.found > best[0] and self.schema.fits(schema, value):
                best = (self.found, value, self.used)
        self.found, value, self.used = best
        if value is not _MISSING or not must:
            return value
        for value in (schema.get("default"), None):
            if self.schema.fits(schema, value):
                return value
        for choice in sorted(choices, key=self._is_container):  # a plain value, if one will do
            try:
                value = self._value(choice, words, eager=eager, must=True)
            except Unsatisfiable:
                continue
            if self.schema.fits(schema, value):
                return value
        raise Unsatisfiable("none of the alternatives fits")

    def _is_container(self, raw: Any) -> bool:
        try:
            return kind_of(self.schema.resolve(raw)) in ("object", "array")
        except Unsatisfiable:
            return True

    def _container(self, kind: str, schema: dict[str, Any], words: frozenset[str], *, eager: bool, must: bool) -> Any:
        """An object or a list, but none that contains itself without the words saying anything new."""
        parts = (*schema.get("properties", {}).values(), schema.get("items"))
        inside = tuple(map(id, parts))
        times = [found for outer, found in self._inside if outer == inside]
        if not must and self.found in times:
            return _MISSING
        if len(times) > _NESTED and self.found in times:
            raise Unsatisfiable("the schema contains itself without end")
        self._inside.append((inside, self.found))
        try:
            fill = self._object if kind == "object" else self._array
            return fill(schema, words, eager=eager, must=must)
        finally:
            self._inside.pop()

    def _object(self, schema: dict[str, Any], words: frozenset[str], *, eager: bool, must: bool) -> Any:
        required = schema.get("required", ())
        properties = {**schema.get("properties", {})}
        for name in required:
            properties.setdefault(name, {})
        given: dict[str, Any] = {}
        before = set(self.used), self.found
        for name in sorted(properties, key=lambda name: name not in required):  # the required ones choose first
            wanted = eager and (name in required or not required)
            value = self._value(properties[name], stems(name), eager=wanted, must=False)
            if value is not _MISSING:
                given[name] = value
        if not must and (not given or not (eager or given.keys() >= {*required})):  # an optional one is said in full
            self.used, self.found = before
            return _MISSING
        for name in required:
            if name not in given:
                given[name] = self._value(properties[name], stems(name), eager=eager, must=True)
        return {name: given[name] for name in properties if name in given}

    def _array(self, schema: dict[str, Any], words: frozenset[str], *, eager: bool, must: bool) -> Any:
        """As many items as the words give, and no fewer than the schema asks for."""
        first, rest = schema.get("prefixItems", []), schema.get("items", True)
        if isinstance(rest, list):  # how drafts before 2020-12 write prefixItems
            first, rest = rest, schema.get("additionalItems", True)
        most = schema.get("maxItems", 100) if rest is not False else len(first)
        unique, items = schema.get("uniqueItems", False), []
        while len(items) < most:
            item = self._value([*first, rest][min(len(items), len(first))], words, eager=eager, must=False)
            if item is _MISSING:
                break
            if not (unique and item in items):
                items.append(item)
        if not items and not must:
            return _MISSING
        for place in range(len(items), max(schema.get("minItems", 0), len(first))):
            raw = [*first, rest][min(place, len(first))]
            item = self._value(raw, words, eager=eager, must=True)
            if unique and item in items:
                item = self._make_up(self.schema.resolve(raw), words, unlike=items)
            items.append(item)
        return items
