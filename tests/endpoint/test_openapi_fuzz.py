"""The server fuzzed against its own OpenAPI document: whatever it is sent, it answers as documented and never 500.

schemathesis makes the requests, both such as the document allows and such as it forbids, and judges the answers. The
same requests are made each time. Each operation has a key of its own, so that a fault asked for here hits nobody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import documented
import pytest
import requests
from asking import ROUTES
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.endpoint.serving.request_parameters import PARAMETERS
from mistral_on_azure.endpoint.starting import start

OPERATIONS = [(method, path) for path, methods in ROUTES.items() for method in methods]
MANY = {"requests_per_minute": 10**9, "tokens_per_minute": 10**12}
CHAT = [path for _, path in OPERATIONS if path.endswith("/chat/completions")]
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
PARTS = st.lists(WORDS.map(lambda text: {"type": "text", "text": text}), min_size=1, max_size=2)
HEADERS = st.fixed_dictionaries(
    {}, optional={"extra-parameters": st.sampled_from(["pass-through", "drop", "error", "allow"])}
)


@dataclass(slots=True)
class Target:
    """A running endpoint, how to reach it, and schemathesis' view of it."""

    url: str
    keys: Iterator[str]
    schema: Any
    checks: list[Any]


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    import schemathesis  # a second to import, which only these tests pay
    from schemathesis.specs.openapi import checks

    with start([new_key() for _ in range(4 * len(OPERATIONS))], **MANY) as running:
        schema = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
        wanted = [
            checks.status_code_conformance,
            checks.content_type_conformance,
            checks.response_headers_conformance,
            checks.response_schema_conformance,
        ]
        yield Target(running.url, iter(running.keys), schema, wanted)
        assert running.process.poll() is None


def bounded(examples: int, name: str = "") -> Any:
    """So many examples, the same ones each time; other ones for another name."""
    fixed = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: seed(name)(fixed(test))


@st.composite
def conversations(draw: Any) -> list[dict[str, Any]]:
    """Messages in the order that the service wants."""
    roles = ["user", *["assistant", "user"] * draw(st.integers(0, 2))]
    first = [{"role": "system", "content": draw(WORDS | PARTS)}] if draw(st.booleans()) else []
    return first + [{"role": role, "content": draw(WORDS if role == "assistant" else WORDS | PARTS)} for role in roles]


def judged(target: Target, case: Any, session: requests.Session, key: str) -> requests.Response:
    """Send a case and compare the answer with the document, twice over: by schemathesis' judgement and by ours."""
    asked = case.as_transport_kwargs(base_url=target.url, headers={"authorization": f"Bearer {key}"})
    response = session.request(**asked, timeout=10)  # schemathesis itself would read no more than the first events
    assert response.status_code != 500, response.text
    case.validate_response(response, checks=target.checks)
    method, path = case.operation.label.split(" ")
    headers = {name.lower(): value for name, value in response.headers.items()}
    documented.check(method, path, response.status_code, headers, response.content)
    return response


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        (*operation, mode)
        for operation in OPERATIONS
        for mode in ("POSITIVE", "NEGATIVE")
        # The chat has its own test below; the document is asked for with nothing that could be wrong.
        if operation[1] not in CHAT and (mode, operation[1]) != ("NEGATIVE", "/openapi.json")
    ],
)
def test_each_operation(target, method, path, mode):
    from schemathesis import GenerationMode

    session, key = requests.Session(), next(target.keys)

    @bounded(10, f"{method} {path}")
    @given(target.schema[path][method].as_strategy(generation_mode=GenerationMode[mode]))
    def ask(case: Any) -> None:
        judged(target, case, session, key)

    ask()


@pytest.mark.parametrize("path", [CHAT[0], *(pytest.param(path, marks=pytest.mark.all) for path in CHAT[1:])])
def test_chat_completions(target, path):
    """Any body; with messages that are in order, so that more than the messages is tried; with any of the headers."""
    from schemathesis import GenerationMode

    session, key = requests.Session(), next(target.keys)
    operation, seen = target.schema[path]["POST"], Counter()
    bodies = st.one_of(
        *(operation.as_strategy(generation_mode=GenerationMode[mode]) for mode in ("POSITIVE", "NEGATIVE"))
    )

    @bounded(70, path)
    @given(
        bodies,
        conversations() | st.none() | conversations(),
        HEADERS | HEADERS | st.none() | HEADERS,
        st.sets(st.sampled_from([*PARAMETERS]), max_size=3),
        st.booleans(),
    )
    def ask(case: Any, talk: Any, headers: Any, kept: set[str], stream: bool) -> None:
        if talk is not None and isinstance(case.body, dict):
            # In a body with everything in it something is nearly always wrong: try a few of its parameters.
            few = {name: value for name, value in case.body.items() if name in kept}
            case.body = {**few, "messages": talk, "stream": stream}
        if headers is not None:
            case.headers = headers
        if "=" in case.headers.get("x-local-timing", ""):
            case.headers["x-local-timing"] = "off"  # the document's example would be waited for
        response = judged(target, case, session, key)
        seen[response.status_code, response.headers["content-type"]] += 1

    ask()
    assert {status for status, _ in seen} >= {200, 400}
    assert seen[200, "text/event-stream"] > 0


def test_what_the_document_allows_in_the_messages_order_is_answered(target):
    """With the model's own parameters passed on, a body as documented is only refused for what no schema can say."""
    from schemathesis import GenerationMode

    session, key = requests.Session(), next(target.keys)
    unsaid = {"tools", "tool_choice", "model", "max_tokens", "max_completion_tokens", "stream_options", "top_logprobs"}
    unsaid |= {"logit_bias", "response_format"}  # which token ids there are, and which deployment has JSON
    answered = Counter()

    @bounded(30)
    @given(
        target.schema["/v1/chat/completions"]["POST"].as_strategy(generation_mode=GenerationMode.POSITIVE),
        conversations(),
    )
    def ask(case: Any, talk: list[dict[str, Any]]) -> None:
        case.body = {name: value for name, value in case.body.items() if name not in unsaid} | {"messages": talk}
        if case.body.get("temperature") == 0:  # vLLM's engine then gives one choice, whatever the seed
            case.body.pop("n", None)
        case.headers = case.query = {}
        response = judged(target, case, session, key)
        answered[response.status_code] += 1
        assert response.status_code == 200, (case.body, response.text)

    ask()
