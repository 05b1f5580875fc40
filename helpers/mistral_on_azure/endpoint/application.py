"""The application: authenticates a request, calls the handler of its route, and turns exceptions into responses."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Any

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.routes import find, routes_of
from mistral_on_azure.endpoint.service import Service
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

_log = logging.getLogger(__name__)


class Application(Service):
    """Answers requests. Its constructor takes the arguments of `Service`."""

    def __init__(self, *parts: Any, **named: Any) -> None:
        super().__init__(*parts, **named)
        self.routes = routes_of(self.kind)

    def answer(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer one request.

        Returns:
            The answer, or an awaitable of it where a real engine or a background thread works on it. Every exception
            of a handler becomes an error response.
        """
        session = None
        try:
            route = request.known.get("route")
            if route is None:
                route = request.known["route"] = find(self.routes, request, self.kind)
            session = None if route.open else self.kind.authenticate(request, self.sessions, self.tokens)
            answer = route.handler(self, request, session)
        except ApiError as error:
            answer = self.kind.error(error)
        except Exception as error:
            answer = self._failed(request, error)
        if type(answer) is not Answer:
            return self._later(answer, request, session)
        if session is not None:
            session.note(request, answer)
        return answer

    def admit(self, request: Request) -> None:
        """Check the request line and headers before the body is read.

        Raises:
            ApiError: 401 without a valid credential, 404 or 405 without a route, 413 for a route that takes no body.
        """
        route = find(self.routes, request, self.kind)
        if route.open:
            raise ApiError(413, "body_too_large", f"{request.path} takes no body.")
        self.kind.authenticate(request, self.sessions, self.tokens)

    async def _later(self, coming: Awaitable[Answer], request: Request, session: Session) -> Answer:
        try:
            answer = await coming
        except ApiError as error:
            answer = self.kind.error(error)
        except Exception as error:
            answer = self._failed(request, error)
        session.note(request, answer)
        return answer

    def _failed(self, request: Request, error: Exception) -> Answer:
        """Answer 500. The log has the file and line, but not the exception's text, which could contain a prompt."""
        place = error.__traceback__
        while place.tb_next:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
        _log.error("The local endpoint failed on %s: %s at %s", request.method, type(error).__name__, where)
        _log.debug("In full:", exc_info=error)
        return self.kind.error(ApiError(500, "internal_server_error", "The local endpoint failed; its log says where."))
