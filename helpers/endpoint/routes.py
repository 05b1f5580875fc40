"""Routes: which handler answers which path. `ROUTES` is the one table."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from helpers.deployments import Deployment, default_name, deployments
from helpers.endpoint import completions, streaming
from helpers.endpoint.authentication import authenticate
from helpers.endpoint.errors import ApiError, invalid
from helpers.endpoint.exchange import Answer, Request
from helpers.endpoint.identity import TokenService, resource_of
from helpers.endpoint.parameters import extra_parameters, validate
from helpers.endpoint.sessions import Session, Sessions

API_VERSIONS = ("2024-05-01-preview", "2024-04-01-preview")
_log = logging.getLogger(__name__)
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Route:
    """A path, its method and its handler. `extra` is what happens to extra parameters when no header says it."""

    method: str
    handler: Callable[[Engine, Request, Session], Answer]
    extra: str = "error"
    open: bool = False  # answered without a credential


class Engine:
    """The whole endpoint but for its sockets: a request in, an answer out.

    Args:
        sessions: the keys that are accepted.
        default: the deployment that answers when a request names none.
        tokens: the token service.
        secure: called for the https address and the CA file of this server, when a client first asks.
    """

    def __init__(
        self,
        sessions: Sessions,
        default: str | None = None,
        tokens: TokenService | None = None,
        secure: Callable[[], dict[str, str]] = dict,
    ) -> None:
        self.sessions, self.default = sessions, default or default_name()
        self.tokens, self.secure = tokens or TokenService(), secure

    def answer(self, request: Request) -> Answer:
        """Answer one request. Never raises: what goes wrong becomes an error answer."""
        session = None
        try:
            route = find(request)
            session = None if route.open else authenticate(request, self.sessions, self.tokens)
            answer = route.handler(self, request, session)
        except ApiError as error:
            answer = error.answer()
        except Exception:
            _log.exception("The local endpoint failed on %s %s", request.method, request.path)
            answer = ApiError(500, "internal_server_error", "The local endpoint failed; its log says why.").answer()
        if session is not None and not request.path.startswith("/local/"):
            session.journal.add(time.monotonic(), request, answer)
        return answer


def find(request: Request) -> Route:
    """The route of a request.

    Raises:
        ApiError: 404 for an unknown path, 405 for a known one with the wrong method.
    """
    methods = ROUTES.get(request.path)
    if methods is None:
        hint = _HINTS.get(request.path.rstrip("/").rsplit("/", 1)[-1], "")
        raise ApiError(404, "not_found", f"There is no route {request.path} here.{hint}")
    route = methods.get(request.method)
    if route is None:
        allowed = ", ".join(methods)
        raise ApiError(
            405, "method_not_allowed", f"{request.path} answers {allowed} only.", headers=(("allow", allowed),)
        )
    return route


def info(engine: Engine, request: Request, session: Session) -> Answer:
    """`GET /info`: what is deployed."""
    check_api_version(request)
    return _json(deployment_of(engine, request, session.deployment).info)


def models(engine: Engine, request: Request, session: Session) -> Answer:
    """`GET /v1/models`: the deployments, as OpenAI lists models."""
    rows = [{"id": name, "object": "model", "created": 0, "owned_by": "MistralAI"} for name in deployments()]
    return _json({"object": "list", "data": rows})


def chat(engine: Engine, request: Request, session: Session) -> Answer:
    """`POST …/chat/completions`: a chat completion, whole or streamed."""
    check_api_version(request)
    sent = read_body(request)
    session.faults.happen()
    extra = extra_parameters(request.headers.get("extra-parameters"), ROUTES[request.path]["POST"].extra)
    parameters = validate(sent, extra)
    result = completions.result(
        deployment_of(engine, request, parameters.get("model") or session.deployment), parameters
    )
    quota = session.quota(result.deployment.name)
    quota.take(result.usage["total_tokens"])
    if parameters.get("stream"):
        return Answer(200, b"", quota.headers(), "text/event-stream", streaming.events(result))
    return Answer(200, msgspec.json.encode(completions.body(result)), quota.headers())


def score(engine: Engine, request: Request, session: Session) -> Answer:
    """`POST /score`: what a managed endpoint's own scoring route does with a chat request."""
    raise ApiError(
        424,
        "failed_dependency",
        "The scoring route does not speak the chat API. Use the endpoint without '/score'.",
    )


def token(engine: Engine, request: Request, session: Session) -> Answer:
    """`GET /local/identity/token`: the token service, as App Service offers it to a managed identity."""
    known = engine.sessions.of_identity_secret(request.headers.get("x-identity-header", ""))
    if known is None:
        raise ApiError(401, "unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")
    return _json(engine.tokens.issue(known.object_id, resource_of(dict(parse_qsl(request.query)))))


def local_session(engine: Engine, request: Request, session: Session) -> Answer:
    """`POST /local/session`: choose the deployment this key's endpoint serves, learn how to use Entra ID here."""
    session.deployment = deployment_of(engine, request, read_body(request).get("deployment")).name
    return _json({"identity_header": session.identity_secret, **engine.secure()})


def local_exchanges(engine: Engine, request: Request, session: Session) -> Answer:
    """`GET /local/exchanges?last=N`: this session's last exchanges, credentials masked."""
    wanted = dict(parse_qsl(request.query)).get("last", "1")
    if not wanted.isdecimal() or not 1 <= int(wanted) <= 1000:
        raise invalid(f"The query parameter last is a whole number from 1 to 1000, not {wanted!r}.", param="last")
    return _json(session.journal.last(int(wanted)))


def local_faults(engine: Engine, request: Request, session: Session) -> Answer:
    """`POST /local/faults`: make the next chat completions of this session fail."""
    fault = session.faults.ask(read_body(request))
    return _json({"status": fault.status, "count": fault.count, "retry_after": fault.retry_after})


def deployment_of(engine: Engine, request: Request, model: str | None) -> Deployment:
    """The deployment a request is for: the `azureml-model-deployment` header, else `model`, else the default.

    Raises:
        ApiError: 404 for a deployment this endpoint does not have.
    """
    name = request.headers.get("azureml-model-deployment") or model or engine.default
    found = deployments().get(name)
    if found is None:
        raise ApiError(
            404,
            "deployment_not_found",
            f"There is no deployment {name!r} here. This endpoint has: {', '.join(deployments())}.",
            param="model",
        )
    return found


def check_api_version(request: Request) -> None:
    """Refuse an api-version that does not exist; none at all is accepted, as several clients send none.

    Raises:
        ApiError: 400 that names the versions there are.
    """
    if "api-version" not in request.query:
        return
    version = dict(parse_qsl(request.query)).get("api-version", "")
    if version not in API_VERSIONS:
        raise invalid(
            f"The api-version {version!r} is not supported. Use {API_VERSIONS[0]}.",
            param="api-version",
            code="unsupported_api_version",
        )


def read_body(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        ApiError: 415 for a body that is not declared as JSON, 400 for one that is not a JSON object.
    """
    content_type = request.headers.get("content-type", "application/json")
    if "json" not in content_type:
        raise ApiError(415, "unsupported_media_type", f"Send application/json, not {content_type}.")
    try:
        body = _decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(body, dict):
        raise invalid("The body is valid JSON, but it is not an object.", code="invalid_json")
    return body


def _json(value: Any) -> Answer:
    return Answer(200, msgspec.json.encode(value))


_HINTS = {
    "completions": " Chat completions are at /chat/completions, or at /v1/chat/completions for the OpenAI SDK.",
    "v1": " '/v1' is the base for the OpenAI SDK, not a route of its own.",
}

ROUTES: dict[str, dict[str, Route]] = {
    "/info": {"GET": Route("GET", info)},
    "/chat/completions": {"POST": Route("POST", chat)},
    "/models/chat/completions": {"POST": Route("POST", chat, extra="pass-through")},
    "/v1/chat/completions": {"POST": Route("POST", chat, extra="pass-through")},
    "/v1/models": {"GET": Route("GET", models)},
    "/score": {"POST": Route("POST", score)},
    "/local/identity/token": {"GET": Route("GET", token, open=True)},
    "/local/session": {"POST": Route("POST", local_session)},
    "/local/exchanges": {"GET": Route("GET", local_exchanges)},
    "/local/faults": {"POST": Route("POST", local_faults)},
}
