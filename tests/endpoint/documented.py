"""Whether an answer is what the OpenAPI document says: its status, its headers, its body, each event of a stream."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from mistral_on_azure.endpoint.application import document

DOCUMENT = document()


@cache
def validator(pointer: str) -> Draft202012Validator:
    """The validator of one of the components."""
    return Draft202012Validator({"$ref": pointer, "components": DOCUMENT["components"]})


def described(method: str, path: str, status: int) -> dict[str, Any]:
    """The documented answer of this status."""
    answers = DOCUMENT["paths"][path][method.lower()]["responses"]
    assert str(status) in answers, f"{method} {path} is not documented to answer {status}"
    answer = answers[str(status)]
    return DOCUMENT["components"]["responses"][str(status)] if "$ref" in answer else answer


def check(method: str, path: str, status: int, headers: dict[str, str], body: bytes, *, whole: bool = True) -> None:
    """Compare an answer with the document.

    Args:
        headers: by their names in lower case.
        whole: the headers are all there; those of the transport are missing where no transport was involved.
    """
    answer = described(method, path, status)
    for name in answer["headers"]:
        header = DOCUMENT["components"]["headers"][name]
        if name in headers:
            given = int(headers[name]) if header["schema"]["type"] == "integer" else headers[name]
            Draft202012Validator(header["schema"]).validate(given)
        else:
            assert not header["required"] or (not whole and "id" in name), f"{name} is missing"
    kind = headers["content-type"]
    assert kind in answer["content"], f"{kind} is not documented"
    described_body = answer["content"][kind]
    if kind == "text/event-stream":
        *events, end, nothing = body.decode().split("\n\n")
        assert (end, nothing) == (f"data: {described_body['x-sse-sentinel']}", "")
        chunk = validator(described_body["schema"]["properties"]["data"]["anyOf"][1]["contentSchema"]["$ref"])
        for event in events:
            assert event.startswith("data: ") and "\n" not in event
            chunk.validate(json.loads(event.removeprefix("data: ")))
        return
    schema = described_body["schema"]
    value = json.loads(body)
    for part in schema.get("allOf", [schema]):
        validator(part["$ref"]).validate(value) if "$ref" in part else Draft202012Validator(part).validate(value)
    if status >= 400:
        assert headers["x-ms-error-code"] == value["code"] == value["error"]["code"]
        assert value["status"] == status
        assert value["message"] == value["error"]["message"] != ""
