"""Routes: which handler answers which path. `ROUTES` is the one table."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from helpers.deployments import Deployment, default_name, deployments
from helpers.endpoint import local
from helpers.endpoint.asked import check_api_version, deployment_named
from helpers.endpoint.authentication import authenticate
from helpers.endpoint.chat import azure_chat, openai_chat
from helpers.endpoint.engines.real_model import RealModel
from helpers.endpoint.errors import ApiError
from helpers.endpoint.exchange import Answer, Request
from helpers.endpoint.identity import TokenService
from helpers.endpoint.sessions import Session, Sessions

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """A path, its method and its handler."""

    method: str
    handler: Callable[[Engine, Request, Session], Answer]
    open: bool = False  # answered without a credential


class Engine:
    """The whole endpoint but for its sockets: a request in, an answer out.

    Args:
        sessions: the keys that are accepted.
        default: the deployment that answers when a request names none.
        tokens: the token service.
        secure: called for the https address and the CA file of this server, when a client first asks.
        model: the real language model that answers; None is the script.
    """

    def __init__(
        self,
        sessions: Sessions,
        default: str | None = None,
        tokens: TokenService | None = None,
        secure: Callable[[], dict[str, str]] = dict,
        model: RealModel | None = None,
    ) -> None:
        self.sessions, self.default = sessions, default or default_name()
        self.tokens, self.secure, self.model = tokens or TokenService(), secure, model

    def answer(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer one request; with a real model, perhaps later. What goes wrong becomes an error answer."""
        session = None
        try:
            route = find(request)
            session = None if route.open else authenticate(request, self.sessions, self.tokens)
            answer = route.handler(self, request, session)
        except ApiError as error:
            answer = error.answer()
        except Exception as error:
            answer = _failed(request, error)
        if not isinstance(answer, Answer):
            return self._later(answer, request, session)
        self._note(request, answer, session)
        return answer

    async def _later(self, coming: Awaitable[Answer], request: Request, session: Session) -> Answer:
        try:
            answer = await coming
        except ApiError as error:
            answer = error.answer()
        except Exception as error:
            answer = _failed(request, error)
        self._note(request, answer, session)
        return answer

    def _note(self, request: Request, answer: Answer, session: Session | None) -> None:
        if session is not None and not request.path.startswith("/local/"):
            session.calls += 1
            session.journal.add(time.monotonic(), request, answer)


def find(request: Request) -> Route:
    """The route of a request. HEAD is answered as GET is, by a transport that leaves the body out.

    Raises:
        ApiError: 404 for an unknown path, 405 for a known one with the wrong method.
    """
    methods = ROUTES.get(request.path)
    if methods is None:
        raise ApiError(404, "not_found", f"There is no route {request.path} here.{_hint(request.path)}")
    route = methods.get("GET" if request.method == "HEAD" else request.method)
    if route is None:
        allowed = ", ".join(methods)
        raise ApiError(
            405, "method_not_allowed", f"{request.path} answers {allowed} only.", headers=(("allow", allowed),)
        )
    return route


def info(engine: Engine, request: Request, session: Session) -> Answer:
    """`GET /info`: what is deployed."""
    check_api_version(request)
    if engine.model is not None:
        return local.json(engine.model.info)
    named = request.headers.get("azureml-model-deployment") or session.deployment or engine.default
    return local.json(deployment_named(named).info)


def models(engine: Engine, request: Request, session: Session) -> Answer:
    """`GET /v1/models`: the deployments, as OpenAI lists models and with what Mistral's client wants of each."""
    check_api_version(request)
    cards = [_card(each) for each in deployments().values()]
    if engine.model is not None:  # it answers, whichever deployment is asked
        default = deployment_named(session.deployment or engine.default)
        cards.insert(0, {**_card(default), "id": engine.model.model, "owned_by": "real engine"})
    return local.json({"object": "list", "data": cards})


def _card(deployment: Deployment) -> dict[str, Any]:
    about = {"id": deployment.name, "object": "model", "created": 0, "owned_by": "MistralAI", "type": "base"}
    able = {"completion_chat": True, "function_calling": deployment.tools}
    return {**about, "capabilities": able, "max_context_length": deployment.context}


def score(engine: Engine, request: Request, session: Session) -> Answer:
    """`POST /score`: what a managed endpoint's own scoring route does with a chat request."""
    raise ApiError(
        424,
        "failed_dependency",
        "The scoring route does not speak the chat API. Use the endpoint without '/score'.",
    )


def _failed(request: Request, error: Exception) -> Answer:
    """500. The log says where it happened; what was asked could stand in the error's text, so that is for debugging."""
    place = error.__traceback__
    while place.tb_next:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
    _log.error("The local endpoint failed on %s: %s at %s", request.method, type(error).__name__, where)
    _log.debug("In full:", exc_info=error)
    return ApiError(500, "internal_server_error", "The local endpoint failed; its log says where.").answer()


def _hint(path: str) -> str:
    """What was probably meant by a path that is no route. Slashes too many come from an endpoint that ends in one."""
    plain = re.sub("/+", "/", path).rstrip("/")
    if plain in ROUTES:
        return f" Without the slash too many it is {plain}; an endpoint's address does not end in a slash."
    return _HINTS.get(plain.rsplit("/", 1)[-1], "")


_HINTS = {
    "completions": " Chat completions are at /chat/completions, or at /v1/chat/completions for the OpenAI SDK.",
    "v1": " '/v1' is the base for the OpenAI SDK, not a route of its own.",
}

ROUTES: dict[str, dict[str, Route]] = {
    "/info": {"GET": Route("GET", info)},
    "/chat/completions": {"POST": Route("POST", azure_chat)},
    "/models/chat/completions": {"POST": Route("POST", openai_chat)},
    "/v1/chat/completions": {"POST": Route("POST", openai_chat)},
    "/v1/models": {"GET": Route("GET", models)},
    "/score": {"POST": Route("POST", score)},
    "/openapi.json": {"GET": Route("GET", local.openapi, open=True)},
    "/local/identity/token": {"GET": Route("GET", local.token, open=True)},
    "/local/session": {"POST": Route("POST", local.session), "GET": Route("GET", local.spent)},
    "/local/exchanges": {"GET": Route("GET", local.exchanges)},
    "/local/faults": {
        "POST": Route("POST", local.ask_faults),
        "GET": Route("GET", local.faults),
        "DELETE": Route("DELETE", local.forget_faults),
    },
    "/local/timing": {"POST": Route("POST", local.set_timing)},
}
