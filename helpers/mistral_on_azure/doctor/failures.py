"""Requests that fail: what an error answer means on Azure, why no answer comes, and what to do about either."""

from __future__ import annotations

import socket
from typing import Any

import httpx

from mistral_on_azure.azure.addresses import API_VERSION, CREDENTIAL, is_loopback
from mistral_on_azure.azure.http import object_of
from mistral_on_azure.catalog.models import advice, known, mentioned, neighbour
from mistral_on_azure.doctor.examination import Answer, Examination, Finding, Unanswered, fails
from mistral_on_azure.doctor.known_beforehand import claims_of
from mistral_on_azure.doctor.network import speaks_tls

REASON = "ms-azureml-model-error-reason"  # of managed compute's gateway
_PENDING = "too_many_pending_request"
_LONGEST = 160  # characters of a server's message
_GREETING = 2.0  # seconds for a server to send the first bytes of its protocol
_NETWORK = ("public access", "public network", "firewall", "virtual network", "private endpoint", "ip address")
_ROLE = ("principal", "permission", "role")
_SOLD = "`cookbook models` names those that are sold, and what replaces the others."
_LOG = "Look at the deployment's log: az ml online-deployment get-logs."
BY_STATUS = {
    400: "The endpoint does not understand a plain chat request. Does it serve a chat model?",
    408: "The model took longer than the deployment's request_timeout_ms allows. Stream the answer, "
    "ask for fewer tokens, or raise the limit.",
    422: "The endpoint refuses a plain chat request. Does it serve a chat model?",
    424: f"The gateway is there, but the model's container failed. {_LOG}",
    500: f"The service failed. Try again. {_LOG}",
    502: f"The gateway cannot reach the model. It may be starting, or have crashed. {_LOG}",
    503: f"The deployment is not ready: starting, scaling or being updated. Try again in some minutes. {_LOG}",
    504: f"The model took too long for the gateway. It may be loading, or busy. {_LOG}",
}


def explain_refusal(answer: Answer, what: str, e: Examination) -> Finding:
    """The finding for an error answer to a request, such as "GET /info"."""
    return fails(f"{what} was answered {answer.status_words}: {error_text(answer)}", _remedy(answer, e))


def refused(answer: Answer) -> str:
    """The text of a finding on a refused feature: the status, and the answer's error message."""
    return f"refused ({answer.status_words}): {error_text(answer)}"


def error_text(answer: Answer) -> str:
    """The error message of an answer, in one short line."""
    if "<html" in answer.text[:500].lower():
        return "(a web page)"
    detail = answer.body.get("detail")
    text = detail if isinstance(detail, str) and detail else _of_the_container(answer) or answer.message
    text = " ".join(text.split())
    return f"{text[:_LONGEST].rstrip()} …" if len(text) > _LONGEST else text or "(nothing)"


def _of_the_container(answer: Answer) -> str:
    """The error message in two forms of managed compute's container: with details, or the engine's JSON as text."""
    error = answer.body.get("error")
    if not isinstance(error, dict):
        return ""
    rows = error.get("details")
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    if rows:
        return f"{error.get('message')}: {'; '.join(map(_detail, rows))}"
    inner = object_of(str(error.get("message")))
    inner = inner.get("error", inner)
    return str(inner.get("message") or "") if isinstance(inner, dict) else ""


def _detail(row: dict[str, Any]) -> str:
    """The place and the type of one error in a request's body."""
    place = row.get("loc")
    return f"{'.'.join(map(str, place)) if isinstance(place, list) else ''} {row.get('type')}".strip()


def of_the_model(answer: Answer, model: str) -> bool:
    """Whether a 404 means that the model is missing, and not the route."""
    error = answer.body.get("error")
    fields = {**answer.body, **(error if isinstance(error, dict) else {})}
    code = str(fields.get("code")).lower()
    named = bool(model) and model in answer.text
    return fields.get("param") == "model" or "deployment" in code or "model" in code or named


def models_listed(answer: Answer) -> list[str]:
    """The names of the models in an answer of `/v1/models`."""
    data = answer.body.get("data")
    rows = data if isinstance(data, list) else []
    return [str(row["id"]) for row in rows if isinstance(row, dict) and row.get("id")]


def _remedy(answer: Answer, e: Examination) -> str:
    status, text = answer.cause, answer.text.lower()
    if status == 401:
        return _by_token(text, e) if e.is_token else _by_key(e)
    if status == 403:
        return _forbidden(text, e)
    if status in (404, 410):
        return _of_a_model(answer, e)
    if status == 400 and ("api-version" in text or "api version" in text):
        return f"The Azure SDK sends {API_VERSION}; give its client the one that is supported: api_version="
    if status == 429 and answer.headers.get(REASON) == _PENDING:
        return (
            "More requests are under way than the deployment lets in (2 x max_concurrent_requests_per_instance x "
            "instances). Send fewer at once, or raise one of the two. Try again in some seconds."
        )
    if status == 429:
        after = answer.headers.get("retry-after", "")
        wait = f"Wait {after} s" if after.isdigit() else "Wait a minute"
        return f"{wait}, then try again. If it happens often, ask for a higher quota or add instances."
    return BY_STATUS.get(status, _LOG)


def _by_key(e: Examination) -> str:
    if is_loopback(e.host):
        return f"Set {CREDENTIAL} to the key that the server was started with."
    return (
        "Copy the key again from this deployment's page: the key of another one is refused alike. If the endpoint's "
        f"authentication is Microsoft Entra ID, unset {CREDENTIAL} and sign in with `az login`."
    )


def _by_token(text: str, e: Examination) -> str:
    kind = e.kind
    audience = str(claims_of(e.bearer).get("aud")).rstrip("/")
    if any(word in text for word in _ROLE):
        return f"Give the identity the role {kind.role}; wait 5 minutes."
    if audience not in kind.audiences and "://" in audience:
        return f"Ask for a token with the scope {kind.scope}; this one is for {audience}."
    return (
        "Is it the right tenant (`az account show`), and does the endpoint's authentication allow Microsoft Entra ID "
        f"rather than keys? The identity needs the role {kind.role}."
    )


def _forbidden(text: str, e: Examination) -> str:
    if any(word in text for word in _NETWORK):
        return "The endpoint is closed to this network: call it from inside its own, or allow this machine's address."
    if e.is_token:
        return f"Give the identity the role {e.kind.role}; it takes effect after about 5 minutes."
    return "The key is known but not allowed here. Is public network access on, and are keys allowed on the endpoint?"


def _of_a_model(answer: Answer, e: Examination) -> str:
    """What to do about a 410, which says that the model is retired, and a 404, which may say so, too."""
    gone = answer.cause == 410
    if not gone and not of_the_model(answer, e.model):
        return "Check that the deployment receives traffic: az ml online-endpoint show --query traffic."
    row = known(e.model) or mentioned(answer.text) or mentioned(e.host)
    line = advice(row) if row else ""
    if gone:
        return line or f"The model is retired. {_SOLD}"
    if line:
        return f"{line} (Older pages of Azure name 404 for a retired model, newer ones 410.)"
    listed = models_listed(e.seen(e.models_path))
    named = f"one of: {', '.join(listed)}" if listed else "the name on your deployment's page"
    close = neighbour(e.model)
    if close and close not in listed and known(e.model) is None:
        return f"Did you mean {close}? Set --deployment to {named}."
    return f"Set --deployment to {named}."


def explain_silence(error: Unanswered, e: Examination) -> Finding:
    """The finding for a request that got no answer."""
    if e.calls == 1 and not e.secure and (other := _another_protocol(error, e)):
        return other
    if isinstance(error.why, httpx.TimeoutException):
        return fails(f"{error.what} got no answer within {error.seconds:.2g} s.", _slow(e))
    if isinstance(error.why, httpx.ConnectError | httpx.ProxyError):
        return fails(f"{e.host} could not be reached for {error.what}.", "Try again; the network may be unsteady.")
    remedy = "Try again. If it stays so, look at the deployment's log: its container may crash on requests."
    return fails(f"The connection ended before the answer to {error.what} did.", remedy)


def _another_protocol(error: Unanswered, e: Examination) -> Finding | None:
    greeting = _greeting(e)
    if greeting == b"HTTP" or (not greeting and isinstance(error.why, httpx.TimeoutException)):
        return None
    if speaks_tls(e):
        return fails(f"Port {e.port} of {e.host} speaks TLS.", f"Set {e.source} to https{e.url.removeprefix('http')}")
    if not greeting:
        return None
    remedy = f"Check the port in {e.source}: another kind of server listens there."
    return fails(f"What listens on port {e.port} of {e.host} does not speak HTTP.", remedy)


def _greeting(e: Examination) -> bytes:
    """The first four bytes that the server sends after a request; empty for none."""
    try:
        with socket.create_connection((e.host, e.port), timeout=min(e.wait, _GREETING)) as peer:
            peer.sendall(f"GET / HTTP/1.1\r\nhost: {e.host}\r\nconnection: close\r\n\r\n".encode())
            return peer.recv(4)
    except OSError:
        return b""


def _slow(e: Examination) -> str:
    longer = f"Allow more time: --timeout {4 * e.timeout:g}."
    if e.calls == 1:
        return f"Is it the right server, and does it run? {longer}"
    return f"The model may be loading, or busy. {longer} Look at the deployment's log and number of instances."
