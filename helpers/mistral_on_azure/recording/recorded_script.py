"""A script made from a real run: an app's requests and their answers, as exchanges that the local endpoint serves.

Requests with the same last user message, system message, deployment and tools become one exchange, and their answers
its replies, in their order. The exchange has a deployment if the request names one that the local endpoint has. An
error after which a client would try again becomes a fault. Other errors are left out, since the local endpoint gives
them by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mistral_on_azure.azure.deployments import deployments, retired_deployments, sold_deployments
from mistral_on_azure.azure.files import write_whole
from mistral_on_azure.azure.http import object_of
from mistral_on_azure.catalog.script_format import Exchange as ScriptExchange
from mistral_on_azure.endpoint.models.messages import JOINT
from mistral_on_azure.endpoint.models.tokens import count
from mistral_on_azure.recording.tape import Exchange, Scrubber

_DEPLOYMENT = "azureml-model-deployment"  # the header of a request, and of managed compute's answers
_TRIED_AGAIN = (408, 424, 429, 500, 502, 503, 504)
_Understood = tuple[dict[str, Any], dict[str, Any]]  # the conditions of an exchange, and its reply
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HEAD = """\
# Made from a real run by `cookbook serve --record`, without credentials. Read it before you share it: it has the
# prompts and the answers. Serve it with `cookbook serve --script {name}`.
"""


class ScriptRecorder:
    """Collects scrubbed exchanges; `Forwarder` adds each one that has ended."""

    def __init__(self, file: Path, scrubber: Scrubber) -> None:
        self.file, self.scrubber = file, scrubber
        self.exchanges: list[Exchange] = []
        self._managed = False  # whether an answer came from managed compute
        write_whole(file, _HEAD.format(name=file.name))  # so that an error comes before the first request

    def add(
        self, exchange: Exchange, status: int, headers: Mapping[str, str], answer: bytes, broken: bool = False
    ) -> None:
        """Keep an exchange, with its answer scrubbed."""
        exchange.status, exchange.broken = status, broken
        exchange.answer_headers = self.scrubber.answer_headers(headers)
        exchange.answer = self.scrubber.text(answer.decode("utf-8", "surrogateescape"))
        self._managed |= _DEPLOYMENT in {name.lower() for name in headers}
        self.exchanges.append(exchange)

    def close(self) -> str:
        """Write the script. Returns a sentence with the number of its answers."""
        understood = [_understood(each, self._managed) for each in self.exchanges]
        write_whole(self.file, _HEAD.format(name=self.file.name) + _toml_of(_joined(understood)))
        left_out = understood.count(None)
        more = f" {left_out} other requests are not in it." if left_out else ""
        return f"Wrote {len(self.exchanges) - left_out} answers to {self.file}.{more} Read it before you share it."


def _joined(understood: Iterable[_Understood | None]) -> list[dict[str, Any]]:
    """The exchanges of the script, of all that were understood."""
    found: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
    for each in understood:
        if each is not None:
            wanted, reply = each
            found.setdefault(json.dumps(wanted), (wanted, []))[1].append(reply)
    return [_exchange(wanted, replies) for wanted, replies in found.values()]


def _understood(exchange: Exchange, managed: bool) -> _Understood | None:
    """The conditions and the reply of an exchange of the script; None for an exchange that no script can have."""
    try:
        wanted, reply = _wanted(exchange, managed), _reply(exchange)
        if wanted and reply:
            msgspec.convert(_exchange(wanted, [reply]), ScriptExchange)  # raises an error for what cannot be read again
            return wanted, reply
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # an answer of another form than a chat completion
    return None


def _exchange(wanted: dict[str, Any], replies: list[dict[str, Any]]) -> dict[str, Any]:
    """One exchange of the script; equal replies are written once."""
    if any(each != replies[0] for each in replies[1:]):
        return {**wanted, "reply": replies}
    only = dict(replies[0])
    return {**wanted, **({"answers": [only.pop("answer")]} if "answer" in only else {}), **only}


def _wanted(exchange: Exchange, managed: bool) -> dict[str, Any] | None:
    """The conditions of an exchange of the script; None for a request that is no chat completion."""
    asked = object_of(exchange.body)
    messages = asked.get("messages")
    if exchange.method != "POST" or not exchange.path.partition("?")[0].endswith("/chat/completions"):
        return None
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        return None
    prompts = [_text(each.get("content")) for each in messages if each.get("role") == "user"]
    if not prompts or not prompts[-1].strip():
        return None
    system = JOINT.join(_text(each.get("content")) for each in messages if each.get("role") == "system")
    named = exchange.headers.get(_DEPLOYMENT) or (None if managed else asked.get("model"))
    wanted = {
        "prompt": prompts[-1],
        "system": system if system.strip() else None,
        "deployment": named if isinstance(named, str) and named in _deployments() else None,
        "tools": True if asked.get("tools") else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _deployments() -> dict[str, Any]:
    """All deployments that the local endpoint has, of any kind."""
    return {**deployments(), **sold_deployments(), **retired_deployments()}


def _reply(exchange: Exchange) -> dict[str, Any] | None:
    """The reply of an exchange of the script; None for an answer that no script can give."""
    if exchange.status in _TRIED_AGAIN:
        return {"fault": _fault(exchange)}
    if exchange.status != 200 or exchange.broken:
        return None
    stream = exchange.answer_headers.get("content-type", "").startswith("text/event-stream")
    message, reason, logprobs = (_streamed if stream else _whole)(exchange.answer)
    calls, text = message.get("tool_calls"), message.get("content")
    if calls:
        return {"calls": [{"name": call["name"], "arguments": _arguments(call["arguments"])} for call in calls]}
    if not isinstance(text, str):
        return None
    reply: dict[str, Any] = {"answer": text}
    if reason in ("length", "content_filter"):
        reply["finish_reason"] = reason
    if logprobs and len(logprobs) == count(text):
        reply["logprobs"] = logprobs
    return reply


def _fault(exchange: Exchange) -> dict[str, Any]:
    headers = exchange.answer_headers
    status = headers.get("ms-azureml-model-error-statuscode", "")
    wrapped = exchange.status == 424 and status.isdigit() and 400 <= int(status) <= 599
    fault: dict[str, Any] = {"model_status": int(status)} if wrapped else {"status": exchange.status}
    for name in ("retry-after", "retry-after-ms", "x-ms-retry-after-ms"):
        if headers.get(name, "").isdigit() and int(headers[name]) <= 86_400:
            fault[name.replace("-", "_")] = int(headers[name])
    return fault


def _whole(answer: str) -> tuple[dict[str, Any], str | None, list[Any]]:
    """The message, finish reason and log probabilities of the first choice."""
    choice = _first(object_of(answer))
    message = choice["message"]
    calls = [call["function"] for call in message.get("tool_calls") or []]
    return {**message, "tool_calls": calls}, choice.get("finish_reason"), _logprobs(choice)


def _streamed(answer: str) -> tuple[dict[str, Any], str | None, list[Any]]:
    """The message, finish reason and log probabilities of a streamed answer, in which tool calls may be in parts."""
    text, reason, logprobs, calls = "", None, [], dict[int, dict[str, str]]()
    for line in answer.split("\n"):
        choice = _first(object_of(line.removeprefix("data:")))
        delta = choice.get("delta") or {}
        text += delta.get("content") or ""
        reason = choice.get("finish_reason") or reason
        logprobs += _logprobs(choice)
        for place, call in enumerate(delta.get("tool_calls") or []):
            one = calls.setdefault(call.get("index", place), {"name": "", "arguments": ""})
            for name in one:
                one[name] += call["function"].get(name) or ""
    return {"content": text, "tool_calls": [*calls.values()]}, reason, logprobs


def _logprobs(choice: dict[str, Any]) -> list[Any]:
    """The log probabilities of a choice's tokens in the script's format, with alternatives where there are any."""
    found: list[Any] = []
    for token in (choice.get("logprobs") or {}).get("content") or []:
        listed = token.get("top_logprobs") or []
        top = {each["token"]: each["logprob"] for each in listed if each["token"] != token["token"]}
        found.append({"logprob": token["logprob"], "top": top} if top else token["logprob"])
    return found


def _first(answer: dict[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices") or [{}]
    return next((each for each in choices if each.get("index", 0) == 0), {})


def _text(content: Any) -> str:
    if isinstance(content, list):
        return JOINT.join(part.get("text") or "" for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _arguments(text: str) -> dict[str, Any] | str:
    """Arguments as a table; the text as it came where it is no JSON object, or has a null, which TOML lacks."""
    value = object_of(text)
    return value if value and "null" not in text else text


def _toml_of(exchanges: list[dict[str, Any]]) -> str:
    """A script as TOML: a table for each exchange, and one for each of several replies."""
    lines: list[str] = []
    for exchange in exchanges:
        lines += ["", "[[exchange]]", *_pairs(exchange)]
        for reply in exchange.get("reply", ()):
            lines += ["[[exchange.reply]]", *_pairs(reply)]
    return "\n".join([*lines, ""])


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(name)} = {_value(value)}" for name, value in table.items() if name != "reply"]


def _value(value: Any) -> str:
    """A value in one line. A text is written as in JSON, which is TOML except for the character U+007F."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        value = value.encode("utf-8", "replace").decode()  # a lone surrogate, which UTF-8 cannot encode
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)
