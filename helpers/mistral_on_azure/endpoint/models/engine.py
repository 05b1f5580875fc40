"""`RealModel`: forwards chat requests to a real language model, on an OpenAI-compatible server or the embedded one."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from msgspec.structs import replace

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import ENGINE_KEY, shown
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.endpoint.api_errors import ApiError, not_supported
from mistral_on_azure.endpoint.gateway.quota import Quota
from mistral_on_azure.endpoint.models import embedded, engine_adapter
from mistral_on_azure.endpoint.models.engine_adapter import forced
from mistral_on_azure.endpoint.models.messages import characters
from mistral_on_azure.endpoint.models.model import ChatRequest, Spend
from mistral_on_azure.endpoint.models.script_layers import SessionScript
from mistral_on_azure.endpoint.transport.contents import event, json_answer
from mistral_on_azure.endpoint.transport.exchange import DONE, Answer, fields
from mistral_on_azure.errors import CookbookError

_EMBEDDED = "embedded"
_OPTION = "--engine"


def choose(engine: str) -> RealModel:
    """Connect to an engine, and return its model.

    Args:
        engine: the address of an OpenAI-compatible server, or "embedded". The environment variable
            COOKBOOK_ENGINE_KEY has the server's key, if it needs one.

    Raises:
        CookbookError: when the engine cannot be reached, refuses the key, or serves no model.
        ModuleNotFoundError: when aiohttp is not installed.
    """
    if engine == _EMBEDDED:
        key = new_key()
        process, url = embedded.start(key)
        return RealModel(url, key, embedded.LABEL, tools_by_schema=True, process=process)
    url, key = engine.rstrip("/").removesuffix("/v1"), os.environ.get(ENGINE_KEY, "")
    if "@" in url:
        raise CookbookError(f"{_OPTION} holds a user name or password. Put the key into {ENGINE_KEY} instead.")
    if find_spec("aiohttp") is None:  # fail now, not with the first request
        raise ModuleNotFoundError(name="aiohttp")
    if not url.startswith(("http://", "https://")):
        raise CookbookError(
            f"{_OPTION} is {shown(engine)!r}; it must be {_EMBEDDED!r} or an address like http://localhost:11434."
        )
    return RealModel(url, key, _first_model(url, key))


def _first_model(url: str, key: str) -> str:
    listed = http.request("GET", f"{url}/v1/models", key or "none", name=_OPTION)
    if listed.status in (401, 403):
        raise CookbookError(f"{url} wants a key ({listed.status}): {listed.message} Set {ENGINE_KEY} to it.")
    body = listed.json()
    models = body.get("data") if isinstance(body, dict) else None
    if listed.status != 200 or not isinstance(models, list):
        raise CookbookError(
            f"{url} is no OpenAI-compatible server: its /v1/models answered {listed.status}. Check {_OPTION}."
        )
    if not models or not isinstance(models[0], dict) or not isinstance(models[0].get("id"), str):
        raise CookbookError(f"{url} serves no model. Load one there.")
    return models[0]["id"]


_TIMEOUT = 300.0  # seconds for a completion, which takes long on a laptop
Settle = Callable[[dict[str, int]], None]


@dataclass(slots=True, eq=False)
class RealModel:
    """A language model on an OpenAI-compatible server. `model.Model` describes the members that all models have.

    Attributes:
        url: the server's address, without `/v1`.
        key: the server's key, sent as a bearer credential; empty for none.
        name: the name of the model in requests to the server and in every response.
        tools_by_schema: force tool calls with a JSON schema, for engines that ignore `tool_choice`.
        process: the engine's child process, if this process started it. The reference keeps the pipe open, without
            which the engine would exit.
    """

    url: str
    key: str = field(repr=False)
    name: str
    tools_by_schema: bool = False
    process: Any = None

    @property
    def info(self) -> dict[str, str]:
        """The body of the response to `GET /info`, with the engine's model."""
        return {"model_name": self.name, "model_type": "chat-completions", "model_provider_name": "real engine"}

    async def answer(self, asked: ChatRequest, quota: Quota, spend: Spend, own: SessionScript) -> Answer:
        """Ask the engine for a completion.

        The quota is charged an estimate first, and the difference when the engine has reported its usage.

        Raises:
            QuotaExceeded: 429 when the estimate does not fit into the quota.
            ApiError: the engine's error response, 502 when it cannot be reached, 504 after 300 seconds.
        """
        estimate = characters(asked.messages) // 4  # until the engine reports its usage
        quota.take(estimate)

        def settle(usage: dict[str, int]) -> None:
            quota.settle(usage["total_tokens"] - estimate)
            spend(usage["prompt_tokens"], usage["completion_tokens"])

        ask = self._stream if asked.settings.parameters.get("stream") else self._whole
        try:
            answer = await ask(asked.parameters, settle)
        except ApiError as error:
            error.headers += tuple(fields(quota.headers()).items())
            raise
        return replace(answer, headers=quota.headers())

    async def _whole(self, parameters: dict[str, Any], settle: Settle) -> Answer:
        parts = [await self._choice(parameters, index) for index in range(parameters.get("n", 1))]
        body = engine_adapter.whole(self.name, parts)
        settle(body["usage"])
        return json_answer(body)

    async def _choice(self, parameters: dict[str, Any], index: int) -> dict[str, Any]:
        if index and "seed" in parameters:
            parameters = {**parameters, "seed": parameters["seed"] + index}
        body = engine_adapter.outgoing(parameters, self.name, self.tools_by_schema)
        async with _session() as session:
            response = await self._post(session, body)
            with _errors_translated():
                answered = await response.json(content_type=None)
                return engine_adapter.incoming(answered, parameters, index, self.tools_by_schema)

    async def _stream(self, parameters: dict[str, Any], settle: Settle) -> Answer:
        """Send the request before the response begins, so that an error response of the engine keeps its status."""
        if parameters.get("n", 1) > 1:
            raise not_supported("n", parameters["n"], "A real engine streams one choice at a time.")
        if self.tools_by_schema and forced(parameters):
            return await self._call(parameters, settle)
        session = _session()
        try:
            response = await self._post(session, engine_adapter.outgoing(parameters, self.name, self.tools_by_schema))
        except BaseException:
            await session.close()
            raise
        source = self._events(session, response, engine_adapter.StreamAdapter(self.name, parameters), settle)
        return Answer(200, content_type="text/event-stream", source=source)

    async def _call(self, parameters: dict[str, Any], settle: Settle) -> Answer:
        """A stream with a tool call forced by a schema, which is sent when the engine has generated all of it."""
        part = await self._choice({**parameters, "stream": False}, 0)
        settle(part["usage"])
        stream = engine_adapter.StreamAdapter(self.name, parameters)
        return Answer(200, content_type="text/event-stream", events=(stream.begin(), *stream.whole(part), DONE))

    async def _events(
        self, session: Any, response: Any, stream: engine_adapter.StreamAdapter, settle: Settle
    ) -> AsyncGenerator[bytes, None]:
        """Translate the engine's stream into the service's events, each when it arrives."""
        async with session, response:
            yield stream.begin()
            async for line in response.content:
                if not line.startswith(b"data:"):
                    continue
                data = line.removeprefix(b"data:").strip()
                if data == b"[DONE]":
                    break
                chunk = json.loads(data)
                if "error" in chunk:  # an error within the stream, after the status was sent
                    yield event({"error": chunk["error"]})
                    yield DONE
                    return
                for each in stream.chunks(chunk):
                    yield each
            if stream.finish_reason is None:
                raise ConnectionError("the engine's stream ended without a finish reason")
            settle(stream.usage)
            for each in stream.end():
                yield each
            yield DONE

    async def _post(self, session: Any, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        with _errors_translated():
            response = await session.post(f"{self.url}/v1/chat/completions", json=body, headers=headers)
            if response.status != 200:
                raise _refusal(response, await response.text(errors="replace"))
        return response


@contextmanager
def _errors_translated() -> Iterator[None]:
    """Turn exceptions of a request to the engine into ApiErrors: 504 for a timeout, 502 for all others."""
    import aiohttp

    try:
        yield
    except TimeoutError:
        raise ApiError(504, "gateway_timeout", f"The engine took over {_TIMEOUT:g} s.") from None
    except (aiohttp.ClientError, OSError):
        raise ApiError(502, "bad_gateway", "The engine behind this endpoint cannot be reached.") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ApiError(502, "bad_gateway", "The engine's response is not a chat completion.") from None


def _session() -> Any:
    """A new HTTP session. aiohttp is imported here, as only endpoints with an engine need it."""
    import aiohttp

    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT, connect=10))


def _refusal(response: Any, text: str) -> ApiError:
    """The error response for an error of the engine: its status and message, or 502 where it refused the key."""
    try:
        said = json.loads(text)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        said = text[:200]
    if response.status in (401, 403):
        return ApiError(502, "bad_gateway", "The engine behind this endpoint refused its key.")
    wait = response.headers.get("retry-after")
    headers = (("retry-after", wait),) if wait else ()
    status = response.status if response.status >= 400 else 502
    return ApiError(status, "engine_error", f"The engine answered: {said}", headers=headers)
