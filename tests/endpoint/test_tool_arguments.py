"""Arguments are valid against the tool's schema, whatever the schema, and taken from the words where they stand."""

from __future__ import annotations

import datetime
import enum
import json
import uuid
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field
from tool_requests import called, schema_tool, send

from mistral_on_azure.endpoint.models.tools.patterns import Pattern, Steps

PEOPLE = "Alice is 30 years old and lives in Paris. Bob is 25."
ORDER = "Order 3 of ABC-1234 at 9.99 for Jane Doe, in red, express, on 2026-12-24."
PROMPTS = ["Hello", PEOPLE, ORDER, "My dog Rex is a Beagle.", "Convert 20 celsius to fahrenheit.", "1, 2 and 3", ""]


class Color(enum.Enum):
    red = "red"
    green = "green"


class Address(BaseModel):
    street: str
    zip: str = Field(pattern=r"^\d{5}$")


class Person(BaseModel):
    name: str
    age: int = Field(ge=0, le=150)
    email: str | None = None
    address: Address | None = None


class People(BaseModel):
    people: list[Person]


class Item(BaseModel):
    sku: str = Field(pattern=r"^[A-Z]{3}-\d{4}$")
    quantity: int = Field(ge=1)
    price: float = Field(gt=0)


class Order(BaseModel):
    customer: Person
    items: list[Item] = Field(min_length=1, max_length=5)
    color: Color
    express: bool
    when: datetime.date
    tags: set[str] = set()


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    breed: str


class Pet(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")
    owner: str


class Conversion(BaseModel):
    value: float
    from_unit: Literal["celsius", "fahrenheit"]
    to_unit: Literal["celsius", "fahrenheit"]


class Node(BaseModel):
    value: int
    next: Node | None
    children: list[Node] = []


class Tree(BaseModel):
    left: Tree | int
    right: Tree | int


class Everything(BaseModel):
    pair: tuple[int, str]
    counts: dict[str, int]
    id: uuid.UUID
    at: datetime.datetime
    span: datetime.timedelta
    anything: Any
    either: int | str | None
    short: str = Field(min_length=3, max_length=4)
    long: str = Field(min_length=300)
    four: int = Field(gt=3, lt=5)
    step: float = Field(gt=0.1, multiple_of=0.25)
    numbers: set[int] = Field(min_length=3)
    texts: set[str] = Field(min_length=3)
    colors: set[Color] = Field(min_length=2)


MODELS = [Person, People, Order, Pet, Conversion, Node, Tree, Everything]


def filled(model: type[BaseModel], prompt: str) -> list[dict[str, Any]]:
    tool = schema_tool(model.model_json_schema(), model.__name__)
    return [arguments for _, arguments in called(prompt, [tool], tool_choice="any")]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_pydantic_models_are_filled(model, prompt):
    for arguments in filled(model, prompt):
        model.model_validate(arguments)


@pytest.mark.parametrize(
    ("model", "prompt", "expected"),
    [
        (
            People,
            "Alice is 30 years old. Bob is 25.",
            {"people": [{"name": "Alice", "age": 30}, {"name": "Bob", "age": 25}]},
        ),
        (
            Person,
            "John Smith, aged 45, john@example.com",
            {"name": "John Smith", "age": 45, "email": "john@example.com"},
        ),
        (Pet, "the cat has 9 lives, owner: Tom", {"pet": {"kind": "cat", "lives": 9}, "owner": "Tom"}),
        (Pet, "The dog is a Beagle of Alice", {"pet": {"kind": "dog", "breed": "Beagle"}, "owner": "Alice"}),
        (Conversion, PROMPTS[4], {"value": 20, "from_unit": "celsius", "to_unit": "fahrenheit"}),
        (Conversion, "To fahrenheit from celsius: 20", {"value": 20, "from_unit": "celsius", "to_unit": "fahrenheit"}),
        (
            Order,
            ORDER,
            {
                "customer": {"name": "Jane Doe", "age": 3},
                "items": [{"sku": "ABC-1234", "quantity": 1, "price": 9.99}],
                "color": "red",
                "express": True,
                "when": "2026-12-24",
            },
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_stands_in_the_prompt_is_taken_from_it(model, prompt, expected):
    assert filled(model, prompt) == [expected]


def one(schema: dict[str, Any], prompt: str, name: str = "value") -> Any:
    """What a prompt gives for a single required parameter."""
    tool = schema_tool({"type": "object", "properties": {name: schema}, "required": [name]})
    return called(prompt, [tool], tool_choice="required")[0][1][name]


@pytest.mark.parametrize(
    ("name", "schema", "prompt", "expected"),
    [
        ("amount", {"type": "number"}, "It costs $1,234.50 today", 1234.5),
        ("amount", {"type": "integer", "minimum": 10}, "Take 3 or 12 of them", 12),
        ("amount", {"type": "integer"}, "It is -5 degrees", -5),
        ("count", {"type": "integer"}, "3 apples", 3),
        ("days", {"type": "integer"}, "2 people for 5 days", 5),
        ("title", {"type": "string"}, 'Call it "The Open Phrasebook".', "The Open Phrasebook"),
        ("level", {"enum": ["low", "high"]}, "Set it to HIGH please", "high"),
        ("level", {"enum": [1, 2, 3]}, "Level 2", 2),
        ("size", {"type": "string", "enum": ["extra_large", "small"]}, "an extra large one", "extra_large"),
        ("country", {"enum": ["IS", "IT"]}, "Where is it? In IT.", "IT"),
        ("kind", {"const": "x"}, "", "x"),
        ("day", {"type": "string"}, "See you on Monday in Paris", "Monday"),
        ("url", {"type": "string", "format": "uri"}, "Read https://mistral.ai/news.", "https://mistral.ai/news"),
        ("urgent", {"type": "boolean"}, "This is urgent", True),
        ("urgent", {"type": "boolean"}, "urgent: false", False),
        ("include_details", {"type": "boolean"}, "Include the details", True),
        ("include_details", {"type": "boolean"}, "Tell me the details", False),
        (
            "cities",
            {"type": "array", "items": {"type": "string"}},
            "Compare the weather in Paris, Rome and Oslo",
            ["Paris", "Rome", "Oslo"],
        ),
        ("colors", {"type": "array", "items": {"enum": ["red", "green", "blue"]}}, "blue or red", ["blue", "red"]),
        ("order_id", {"type": "string"}, "Where is my order 12345?", "12345"),
        ("order_id", {"type": "string", "pattern": "^[a-z]{2}-\\d+$"}, "And order ab-123?", "ab-123"),
        ("to_city", {"type": "string"}, "A flight from Paris to Rome", "Rome"),
        ("name", {"type": "string"}, "Jane Doe is here.", "Jane Doe"),
        ("name", {"type": "string"}, "Alice is here.", "Alice"),
        ("name", {"type": "string"}, "Is Alice here?", "Alice"),
        ("name", {"type": "string"}, "Who is here?", "unknown"),
        ("name", {"type": "string", "format": "phone"}, "Alice is here.", "unknown"),
        ("cities", {"type": "array", "items": {"type": "string"}}, "the cities Rome and Oslo", ["Rome", "Oslo"]),
        ("name", {"type": "string"}, "ask Renée O'Neill", "Renée O'Neill"),
        ("unit", {"type": "string", "default": "celsius"}, "Hello", "celsius"),
        ("query", {"type": "string", "maxLength": 10}, "A long question of mine", "A long que"),
    ],
)
def test_words_become_values(name, schema, prompt, expected):
    assert one(schema, prompt, name) == expected


@pytest.mark.parametrize(
    "pattern",
    [r"^\d{5}$", r"^[A-Z]{3}-\d{4}$", r"^(foo|bar)+$", r"[^a-z]", r"^\w+@\w+\.\w{2,}$", r"^.{3,5}$", r"^\S+\s\W$", "é"],
)
def test_patterns_are_matched(pattern):
    assert next(Pattern(pattern, Steps(10_000)).examples())
    made = one({"type": "string", "pattern": pattern, "minLength": 1}, "Hello")
    assert Draft202012Validator({"pattern": pattern}).is_valid(made)


@pytest.mark.parametrize("pattern", ["(a{5000}){5000}", "^(?=x)y$"])
def test_patterns_nothing_short_matches(pattern):
    assert list(Pattern(pattern, Steps(10_000)).examples()) == []


def nested(schemas: st.SearchStrategy) -> st.SearchStrategy:
    """Schemas that hold others: objects, lists, alternatives, references."""
    objects = st.dictionaries(st.sampled_from(["name", "age", "city", "to"]), schemas, max_size=3).flatmap(
        lambda parts: st.lists(st.sampled_from([*parts] or ["id"]), max_size=2, unique=True).map(
            lambda required: {"type": "object", "properties": parts, "required": required}
        )
    )
    lists = st.builds(
        lambda items, least, more: {"type": "array", "items": items, "minItems": least, "maxItems": least + more},
        schemas,
        st.integers(0, 3),
        st.integers(0, 3),
    )
    choices = st.lists(schemas, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts})
    both = schemas.map(lambda part: {"allOf": [part], "title": "x"})
    return objects | lists | choices | both


PLAIN = st.one_of(
    st.builds(lambda low, size: {"type": "integer", "minimum": low, "maximum": low + size}, *[st.integers(0, 99)] * 2),
    st.builds(
        lambda low, step: {"type": "number", "exclusiveMinimum": low, "multipleOf": step}, *[st.integers(1, 9)] * 2
    ),
    st.builds(
        lambda low, size: {"type": "string", "minLength": low, "maxLength": low + size}, *[st.integers(0, 9)] * 2
    ),
    st.sampled_from(["boolean", "null", "string", "number"]).map(lambda kind: {"type": kind}),
    st.lists(st.sampled_from(["red", "Paris", 3, None, True]), min_size=1, unique_by=repr).map(
        lambda all: {"enum": all}
    ),
    st.sampled_from([r"^\d{3}$", "^[a-f]+$"]).map(lambda pattern: {"type": "string", "pattern": pattern}),
    st.just({"type": ["string", "null"]}),
    st.just({}),
)
SCHEMAS = st.recursive(PLAIN, nested, max_leaves=8)


# The same examples each time: among others there is now and then one that costs more steps than there are.
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    st.dictionaries(st.sampled_from(["name", "age", "city", "items"]), SCHEMAS, min_size=1), st.sampled_from(PROMPTS)
)
def test_arguments_fit_any_schema(properties, prompt):
    schema = {"type": "object", "properties": properties, "required": [*properties]}
    answer = send(prompt, [schema_tool(schema)], tool_choice="any")
    assert answer.status == 200, answer.body
    for each in json.loads(answer.body)["choices"][0]["message"]["tool_calls"]:
        Draft202012Validator(schema).validate(json.loads(each["function"]["arguments"]))
