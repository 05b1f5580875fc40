"""The application: the whole endpoint but for its sockets."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.endpoint.gateway.api_errors import ApiError
from mistral_on_azure.endpoint.gateway.authentication import TokenService, authenticate
from mistral_on_azure.endpoint.local.sessions import Session, Sessions
from mistral_on_azure.endpoint.models.engine import RealModel
from mistral_on_azure.endpoint.serving.routes import find
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

_log = logging.getLogger(__name__)


class Application:
    """A request in, an answer out.

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


def _failed(request: Request, error: Exception) -> Answer:
    """500. The log says where it happened; what was asked could stand in the error's text, so that is for debugging."""
    place = error.__traceback__
    while place.tb_next:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
    _log.error("The local endpoint failed on %s: %s at %s", request.method, type(error).__name__, where)
    _log.debug("In full:", exc_info=error)
    return ApiError(500, "internal_server_error", "The local endpoint failed; its log says where.").answer()
