"""Schemas of the local endpoint's own routes."""

from __future__ import annotations

from helpers.deployments import deployments
from helpers.endpoint import faults, timing
from helpers.endpoint.fields import Field
from helpers.endpoint.local import SESSION
from helpers.endpoint.openapi.schemas import COUNT, TEXT, Schema, listing, nullable, record, ref


def schemas() -> dict[str, Schema]:
    """The schemas, by name."""
    secure = {name: TEXT for name in ("https_endpoint", "identity_endpoint", "authorities")}
    masked = {"type": "object", "additionalProperties": TEXT}
    return {
        "SessionRequest": {
            "type": "object",
            "properties": {"deployment": nullable({"enum": list(deployments())}), **_fields(SESSION)["properties"]},
            "additionalProperties": False,
        },
        "Session": record(secure, identity_header=TEXT),
        "Spent": record(calls=COUNT, prompt_tokens=COUNT, completion_tokens=COUNT),
        "Token": record(access_token=TEXT, expires_on=TEXT, resource=TEXT, token_type={"const": "Bearer"}),
        "Exchanges": listing(
            record(
                at={"type": "number"},
                method=TEXT,
                path=TEXT,
                query=TEXT,
                headers=masked,
                body=TEXT,
                status=nullable({"type": "integer"}),
                answer_headers=masked,
                answer=TEXT,
                note=TEXT,
            )
        ),
        "Fault": _fields(faults.FIELDS),
        "FaultsRequest": {"oneOf": [ref("Fault"), listing(ref("Fault"))]},
        "Faults": listing(ref("Fault")),
        "TimingRequest": {
            "type": "object",
            "properties": {"timing": {**TEXT, "examples": ["off", "imitate", "first-token=0.2"]}},
            "required": ["timing"],
            "description": timing.__doc__.partition("\n")[0],
        },
        "Timing": record(timing=TEXT, before=TEXT),
        "Document": {"type": "object", "description": "An OpenAPI document: this one"},
    }


def _fields(table: dict[str, Field]) -> Schema:
    """An object whose fields a table describes; one that is null counts as not given."""
    members = {
        name: {**(nullable(field.schema) if field.schema else {}), "description": field.words}
        for name, field in table.items()
    }
    return {"type": "object", "properties": members}
