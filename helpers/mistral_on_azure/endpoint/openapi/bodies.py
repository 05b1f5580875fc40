"""JSON schemas of request and response bodies. Those of parameters are generated from the fields that check them."""

from __future__ import annotations

from typing import Any

from mistral_on_azure.azure.deployments import default_name, deployments
from mistral_on_azure.endpoint.fault import FIELDS as FAULT
from mistral_on_azure.endpoint.fields import Field
from mistral_on_azure.endpoint.gateway.kinds import Kind
from mistral_on_azure.endpoint.models.script_files import exchange_schema
from mistral_on_azure.endpoint.serving.handlers import SESSION
from mistral_on_azure.endpoint.serving.request_parameters import PARAMETERS

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
NULL: Schema = {"type": "null"}
COUNT: Schema = {"type": "integer", "minimum": 0}


def ref(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    """A schema that also allows null."""
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, NULL]}


def record(optional: Schema | None = None, /, **properties: Schema) -> Schema:
    """The schema of an object that has these properties and no others; those in `optional` may be missing."""
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }


def listing(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def schemas(kind: Kind) -> dict[str, Schema]:
    """All schemas of an endpoint of this kind, by name."""
    json_mode = any(deployment.json for deployment in kind.deployments().values())
    return {**_requests(json_mode), **_answers(), **_local()}


def _requests(json_mode: bool) -> dict[str, Schema]:
    name = {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}
    function = {"name": name, "description": TEXT, "parameters": {"type": "object", "description": "A JSON schema"}}
    text = {"oneOf": [TEXT, listing(ref("TextPart"))], "description": "Text, or a list of text parts"}
    parameters = {name: _parameter(name, field) for name, field in PARAMETERS.items()}
    if json_mode:
        words = "Text, or JSON mode where the deployment supports it."
        formats = {"type": {"enum": ["text", "json_object"]}}
        parameters["response_format"] |= {"description": words, "properties": formats}
    roles = {
        "system": {"content": text},
        "user": {"content": text},
        "assistant": {"content": {"anyOf": [text, NULL]}, "tool_calls": nullable(listing(ref("ToolCall")))},
        "tool": {"content": text, "tool_call_id": {**TEXT, "description": "The id of the tool call"}},
    }
    messages = {
        f"{role.title()}Message": {
            "type": "object",
            "properties": {"role": {"const": role}, **members},
            "required": ["role", *(name for name in members if role != "assistant")],
        }
        for role, members in roles.items()
    }
    return {
        "ChatCompletionRequest": {
            "type": "object",
            "properties": parameters,
            "required": ["messages"],
            "example": {"model": default_name(), "messages": [{"role": "user", "content": "How many languages?"}]},
        },
        "Message": {"oneOf": [ref(name) for name in messages]},
        **messages,
        "TextPart": {
            "type": "object",
            "properties": {"type": {"const": "text"}, "text": TEXT},
            "required": ["type", "text"],
        },
        "Tool": {
            "type": "object",
            "properties": {
                "type": {"const": "function"},
                "function": {"type": "object", "properties": function, "required": ["name"]},
            },
            "required": ["type", "function"],
        },
    }


def _parameter(name: str, field: Field) -> Schema:
    """The schema of a parameter. All but `messages` may be null, which has the effect of leaving it out."""
    schema = field.schema if name == "messages" else nullable(field.schema)
    described = {**schema, "description": field.meta.description}
    return {**described, "x-extra-parameter": True} if field.extra else described


def _answers() -> dict[str, Schema]:
    calls = listing(ref("ToolCall"))
    message = record(role={"const": "assistant"}, content=nullable(TEXT), tool_calls=nullable(calls))
    delta = record({"role": {"const": "assistant"}, "content": TEXT, "tool_calls": calls})
    reason = {"enum": ["stop", "length", "tool_calls", "content_filter"]}
    about = {"id": TEXT, "created": COUNT, "model": {**TEXT, "examples": list(deployments())}}
    around = {"index": COUNT, "logprobs": nullable(record(content=listing(ref("TokenLogprobs"))))}
    choice = record(**around, message=message, finish_reason=reason)
    piece = record(**around, delta=delta, finish_reason=nullable(reason))
    token = {"token": TEXT, "logprob": {"type": "number", "maximum": 0}, "bytes": nullable(listing(COUNT))}
    called = record(name=TEXT, arguments={**TEXT, "description": "JSON"})
    fault = record(code=TEXT, message=TEXT, param=nullable(TEXT), type=TEXT)
    where = {
        "type": "object",
        "properties": {"loc": listing(TEXT), "input": {"description": "The value that was sent there"}},
        "required": ["loc", "input"],
    }
    return {
        "ChatCompletion": record(
            **about, object={"const": "chat.completion"}, choices=listing(choice, minItems=1), usage=ref("Usage")
        ),
        "ChatCompletionChunk": record(
            {"usage": ref("Usage")},
            **about,
            object={"const": "chat.completion.chunk"},
            choices=listing(piece, maxItems=1),
        ),
        "ToolCall": record(
            {"index": COUNT, "type": {"const": "function"}},
            id={**TEXT, "description": "Nine letters and digits"},
            function=called,
        ),
        "TokenLogprobs": record(**token, top_logprobs=listing(record(**token))),
        "Usage": record(prompt_tokens=COUNT, completion_tokens=COUNT, total_tokens=COUNT),
        "Error": record(
            {"detail": where},
            status={"type": "integer", "minimum": 400, "maximum": 599},
            code=TEXT,
            message=TEXT,
            param=nullable(TEXT),
            type=NULL,
            error=fault,
        ),
        "Info": record(model_name=TEXT, model_type={"const": "chat-completions"}, model_provider_name=TEXT),
        "Model": record(
            id=TEXT,
            object={"const": "model"},
            created=COUNT,
            owned_by=TEXT,
            type={"const": "base"},
            capabilities=record(completion_chat={"const": True}, function_calling={"type": "boolean"}),
            max_context_length=COUNT,
        ),
        "Models": record(object={"const": "list"}, data=listing(ref("Model"))),
    }


def _local() -> dict[str, Schema]:
    secure = {name: TEXT for name in ("https_endpoint", "identity_endpoint", "authorities")}
    masked = {"type": "object", "additionalProperties": TEXT}
    return {
        "SessionRequest": {
            "type": "object",
            "properties": {"deployment": nullable({"enum": list(deployments())}), **_fields(SESSION)["properties"]},
            "additionalProperties": False,
        },
        "Session": record(secure, identity_header=TEXT, engine=TEXT),
        "Spent": record(
            calls=COUNT,
            prompt_tokens=COUNT,
            completion_tokens=COUNT,
            refused={**listing(TEXT), "description": "Error messages for prompts that no script has, 100 at most"},
            refused_ever={**listing(TEXT), "description": "The same since the endpoint started, over all sessions"},
        ),
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
                prompt_tokens=COUNT,
                completion_tokens=COUNT,
                note=TEXT,
            )
        ),
        "Fault": _fields(FAULT),
        "FaultsRequest": {"oneOf": [ref("Fault"), listing(ref("Fault"))]},
        "Faults": listing(ref("Fault")),
        "Exchange": exchange_schema(),
        "ScriptRequest": {"oneOf": [ref("Exchange"), listing(ref("Exchange"))]},
        "Script": listing(ref("Exchange")),
        "TimingRequest": {
            "type": "object",
            "properties": {"timing": {**TEXT, "examples": ["off", "imitate", "first-token=0.2"]}},
            "required": ["timing"],
            "description": "The pace of this session's responses",
        },
        "Timing": record(timing=TEXT, before=TEXT),
        "Document": {"type": "object", "description": "An OpenAPI document: this one"},
    }


def _fields(table: dict[str, Field]) -> Schema:
    """The schema of an object with the fields of a table. Null has the effect of leaving a field out."""
    members = {name: {**(nullable(field.schema)), "description": field.words} for name, field in table.items()}
    return {"type": "object", "properties": members}
